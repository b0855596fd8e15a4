"""The script that fetches and checks the viewer's library, without the network."""

import base64
import hashlib
import importlib.util
import io
import json
import tarfile
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "vendor_niivue.py"


@pytest.fixture
def vendor(tmp_path, monkeypatch):
    """The script, with a folder of its own and packages that are made here."""
    spec = importlib.util.spec_from_file_location("vendor_niivue", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, file in (("SCRIPT", "n.js"), ("LICENSE", "n.txt"), ("FACTS", "n.json")):
        monkeypatch.setattr(module, name, tmp_path / file)
    package = tmp_path / "package.tgz"
    with tarfile.open(package, "w:gz") as archive:
        for name, text in ((module.MEMBER, b"code"), ("package/LICENSE", b"MIT\r\nmine\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    asked = []
    monkeypatch.setattr(module, "fetch", lambda spec, _: asked.append(spec) or package)
    module.asked = asked
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    facts = {"name": "@niivue/niivue", "version": "1.2", "integrity": f"sha512-{digest}", "sha256": ""}
    module.FACTS.write_text(json.dumps(facts))
    module.LICENSE.write_text("BSD\n\nlines\n\n==== old@1, part of niivue.js ====\n\nMIT\n")
    return module


def test_build_takes_the_script_out_of_the_pinned_package(vendor):
    assert vendor.main(["build"]) == 0
    assert vendor.SCRIPT.read_bytes() == b"code"
    assert vendor.asked == ["@niivue/niivue@1.2", *vendor.INSIDE]
    assert json.loads(vendor.FACTS.read_text())["sha256"] == hashlib.sha256(b"code").hexdigest()


def test_build_passes_on_the_licences_of_all_that_is_inside(vendor):
    vendor.main(["build"])
    text = vendor.LICENSE.read_text()
    assert text.startswith("BSD\n\nlines\n\n==== fflate@0.8.2, part of niivue.js ====\n\nMIT\nmine\n")
    assert text.count("====\n") == len(vendor.INSIDE)
    assert "old@1" not in text


def test_another_package_than_the_recorded_one_is_refused(vendor):
    facts = json.loads(vendor.FACTS.read_text()) | {"integrity": "sha512-other"}
    vendor.FACTS.write_text(json.dumps(facts))
    with pytest.raises(SystemExit, match="recorded is sha512-other"):
        vendor.main(["build"])
    assert not vendor.SCRIPT.exists()


def test_verify_tells_a_changed_copy(vendor, capsys):
    vendor.main(["build"])
    assert vendor.main(["verify"]) == 0
    vendor.SCRIPT.write_bytes(b"other")
    assert vendor.main(["verify"]) == 1
    assert "recorded is" in capsys.readouterr().err
