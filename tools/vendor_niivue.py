"""The viewer's library: `verify` its copy in the package, or `build` it again from its npm package.

    python tools/vendor_niivue.py verify
    python tools/vendor_niivue.py build     # needs npm and the network

The copy is the package's own minified script, byte for byte; `niivue.json` says which, `niivue.LICENSE.txt`
under what terms it and the libraries inside it may be passed on.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

STATIC = Path(__file__).resolve().parents[1] / "src/segmake/figures/static"
SCRIPT, LICENSE, FACTS = (STATIC / name for name in ("niivue.js", "niivue.LICENSE.txt", "niivue.json"))
MEMBER = "package/dist/niivue.umd.js"
INSIDE = (
    *("fflate@0.8.2", "gl-matrix@3.4.3", "nifti-reader-js@0.8.0", "zarrita@0.5.0", "numcodecs@0.3.2"),
    *("array-equal@1.0.2", "@lukeed/uuid@2.0.1", "@ungap/structured-clone@1.2.0"),
)
"""Libraries that the script holds, whose licences ask to be passed on with it."""


def main(words: Sequence[str] | None = None) -> int:
    """0: the copy is what `niivue.json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("action", choices=("verify", "build"))
    if parser.parse_args(words).action == "build":
        build()
    wrong = verify()
    sys.stderr.write(f"{wrong or f'{SCRIPT.name} is as recorded'}\n")
    return bool(wrong)


def verify() -> str:
    """What is wrong with the copy, or nothing."""
    recorded = json.loads(FACTS.read_text(encoding="utf-8"))["sha256"]
    found = hashlib.sha256(SCRIPT.read_bytes()).hexdigest()
    return "" if found == recorded else f"{SCRIPT} has SHA-256 {found}, recorded is {recorded}"


def build() -> None:
    """Fetch the pinned package, check it against the recorded digest, and take the script out of it."""
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        package = fetch(f"{facts['name']}@{facts['version']}", Path(name))
        digest = "sha512-" + base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode("ascii")
        if digest != facts["integrity"]:
            raise SystemExit(f"{package.name} has {digest}, recorded is {facts['integrity']}")
        script = member(package, MEMBER)
        licenses = [own_license(), *(inside_license(spec, Path(name)) for spec in INSIDE)]
    SCRIPT.write_bytes(script)
    LICENSE.write_text("\n\n".join(licenses) + "\n", encoding="utf-8")
    facts["sha256"] = hashlib.sha256(script).hexdigest()
    FACTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def fetch(spec: str, folder: Path) -> Path:
    """Download a package from npm."""
    done = subprocess.run(
        ["npm", "pack", "--silent", spec], cwd=folder, check=True, capture_output=True, text=True
    )
    return folder / done.stdout.split()[-1]


def member(package: Path, name: str) -> bytes:
    """One file of a package."""
    with tarfile.open(package) as archive:
        stream = archive.extractfile(name)
        return stream.read() if stream else b""


def own_license() -> str:
    """Niivue's licence, which is in its repository and not in its package."""
    return LICENSE.read_text(encoding="utf-8").split("\n\n====", maxsplit=1)[0].strip()


def inside_license(spec: str, folder: Path) -> str:
    """The licence of a library inside."""
    package = fetch(spec, folder)
    with tarfile.open(package) as archive:
        name = next(
            n for n in archive.getnames() if n.lower().startswith(("package/license", "package/licence"))
        )
    text = member(package, name).decode("utf-8").replace("\r\n", "\n").strip()
    return f"==== {spec}, part of niivue.js ====\n\n{text}"


if __name__ == "__main__":
    sys.exit(main())
