import json
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from segmake import provenance
from segmake.jobs import ConvertJob, IndexJob, PlanJob, PredictJob, VerifyJob
from segmake.provenance import manifest_path, package_versions, processor_name, write_manifest
from segmake.tables import hash_path


@pytest.fixture
def job(tmp_path) -> PlanJob:
    for name in ("one.tsv", "two.tsv", "plan.json"):
        (tmp_path / name).write_text(name)
    tables = [tmp_path / "two.tsv", tmp_path / "one.tsv", tmp_path / "missing.tsv"]
    return PlanJob(tables=tables, output=tmp_path / "plan.json", folds=3)


def test_manifest_says_what_made_the_result(job, tmp_path):
    write_manifest("plan", job, 12.345)
    manifest = json.loads((tmp_path / "plan.manifest.json").read_text())
    assert manifest["stage"] == "plan"
    assert manifest["seconds"] == 12.35 or manifest["seconds"] == 12.34
    assert manifest["settings"]["folds"] == 3
    assert manifest["settings"]["crop"] == "nonzero"  # defaults too: they may change
    assert PlanJob.model_validate(manifest["settings"]) == job
    assert manifest["packages"]["numpy"] == version("numpy")
    started = datetime.fromisoformat(manifest["started"])
    assert timedelta(seconds=11) < datetime.now(UTC) - started < timedelta(seconds=60)


def test_inputs_are_the_files_that_were_there_but_not_the_output(job, tmp_path):
    write_manifest("plan", job, 0)
    inputs = json.loads((tmp_path / "plan.manifest.json").read_text())["inputs"]
    assert inputs == {str(path): hash_path(path) for path in (tmp_path / "one.tsv", tmp_path / "two.tsv")}


def test_single_paths_are_inputs_and_folders_are_not(tmp_path):
    for name in ("cases.tsv", "shard-00.tsv"):
        (tmp_path / name).write_text(name)
    job = ConvertJob(cases=tmp_path / "cases.tsv", root=tmp_path, output=tmp_path / "shard-00.tsv")
    write_manifest("convert", job, 0)
    manifest = json.loads((tmp_path / "shard-00.manifest.json").read_text())
    assert manifest["inputs"] == {str(tmp_path / "cases.tsv"): hash_path(tmp_path / "cases.tsv")}


def test_a_dicom_folder_among_images_is_an_input(tmp_path):
    (tmp_path / "series").mkdir()
    for path in ("series/1.dcm", "model.pt", "seg.nii.gz"):
        (tmp_path / path).write_text(path)
    paths = {"model": [tmp_path / "model.pt"], "image": [tmp_path / "series"]}
    write_manifest("predict", PredictJob(**paths, output=tmp_path / "seg.nii.gz"), 0)
    inputs = json.loads((tmp_path / "seg.nii.manifest.json").read_text())["inputs"]
    assert inputs == {str(path): hash_path(path) for path in (tmp_path / "model.pt", tmp_path / "series")}


def test_no_result_no_manifest(job, tmp_path):
    before = sorted(tmp_path.iterdir())
    write_manifest("plan", job.model_copy(update={"output": tmp_path / "absent.json"}), 0)
    write_manifest("index", IndexJob(layout="msd", root=tmp_path), 0)
    write_manifest("verify", VerifyJob(folder=tmp_path), 0)
    assert sorted(tmp_path.iterdir()) == before


def test_showing_a_plan_keeps_the_manifest_of_its_making(job, tmp_path):
    write_manifest("plan", job, 0)
    before = (tmp_path / "plan.manifest.json").read_bytes()
    write_manifest("plan", PlanJob(output=tmp_path / "plan.json", show=True), 0)
    assert (tmp_path / "plan.manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("output", "manifest"),
    [
        ("a/shard-00.tsv", "a/shard-00.manifest.json"),
        ("a/model.pt", "a/model.manifest.json"),
        ("seg.nii.gz", "seg.nii.manifest.json"),
    ],
)
def test_the_manifest_lies_beside_the_result(output, manifest):
    assert manifest_path(Path(output)) == Path(manifest)


def test_absent_packages_are_left_out(monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "no-such-package-anywhere"))
    assert package_versions() == {"numpy": version("numpy")}


def test_the_processor_is_named():
    assert processor_name() == processor_name().strip()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and "model name" in cpuinfo.read_text():
        assert f": {processor_name()}\n" in cpuinfo.read_text()
