import json
import subprocess
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from segmake import provenance
from segmake.errors import InputError
from segmake.jobs import ConvertJob, IndexJob, PlanJob, PredictJob, SummarizeJob, VerifyJob
from segmake.provenance import (
    base_folder,
    manifest_path,
    package_versions,
    processor_name,
    read_manifest,
    source_commit,
    write_manifest,
)
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


def test_the_file_behind_a_channel_s_name_is_an_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.nii.gz", "b=c.nii.gz", "model.pt", "seg.nii.gz"):
        Path(name).write_text(name)
    image = [Path("t1=a.nii.gz"), Path("b=c.nii.gz"), Path("t2=gone.nii.gz")]
    write_manifest("predict", PredictJob(model=[Path("model.pt")], image=image, output=Path("seg.nii.gz")), 0)
    inputs = json.loads(Path("seg.nii.manifest.json").read_text())["inputs"]
    assert inputs == {name: hash_path(Path(name)) for name in ("a.nii.gz", "b=c.nii.gz", "model.pt")}


def test_what_a_job_makes_beside_its_output_is_hashed(tmp_path):
    names = ("in.tsv", "metrics.tsv", "summary.tsv", "groups.tsv")
    for name in names:
        (tmp_path / name).write_text(name)
    source, metrics, output, groups = (tmp_path / name for name in names)
    job = SummarizeJob(tables=[source], metrics=metrics, output=output, subgroup_table=groups)
    write_manifest("summarize", job, 0)
    manifest = read_manifest(tmp_path / "summary.manifest.json")
    assert manifest["outputs"] == {"groups.tsv": hash_path(groups), "metrics.tsv": hash_path(metrics)}
    assert list(manifest["inputs"]) == [str(source)]


def test_files_by_pattern_and_files_that_a_stage_names_are_hashed_too(job, tmp_path):
    for name in ("history.csv", "notes.txt", ".hidden", "cases/a/1.html", "old.manifest.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(name)
    write_manifest("fit", job, 0, {"outputs": [tmp_path / "notes.txt"], "more": 1})
    manifest = read_manifest(manifest_path(job.output))
    assert manifest["outputs"] == {name: hash_path(tmp_path / name) for name in ("history.csv", "notes.txt")}
    assert manifest["more"] == 1
    write_manifest("report", job, 0)
    found = read_manifest(manifest_path(job.output))["outputs"]
    assert set(found) == {"cases/a/1.html"}  # whatever else lies there is not the report's


def test_maps_beside_a_predicted_scan_are_its_own(tmp_path):
    for name in (
        "a[1].nii.gz",
        "a[1]_entropy.nii.gz",
        "a[1]_lesions.tsv",
        "b_entropy.nii.gz",
        "m.pt",
        "s.nii.gz",
    ):
        (tmp_path / name).write_text(name)
    paths = {"model": [tmp_path / "m.pt"], "image": [tmp_path / "s.nii.gz"]}
    write_manifest("predict", PredictJob(**paths, output=tmp_path / "a[1].nii.gz"), 0)
    found = read_manifest(tmp_path / "a[1].nii.manifest.json")["outputs"]
    assert set(found) == {"a[1]_entropy.nii.gz", "a[1]_lesions.tsv"}


def test_paths_outside_of_the_results_are_hidden_with_names(tmp_path, monkeypatch):
    sheet, key, root = tmp_path / "DOE_JOHN.tsv", tmp_path / "secret.key", tmp_path / "DOE"
    for path in (sheet, key, tmp_path / "shard-00.tsv"):
        path.write_text(path.name)
    output = tmp_path / "shard-00.tsv"
    job = ConvertJob(cases=sheet, root=root, pseudonymise=key, output=output)
    words = ["convert", "--cases", str(sheet), f"--root={root}", "--pseudonymise", str(key)]
    monkeypatch.setattr("sys.argv", ["segmake", *words])
    write_manifest("convert", job, 0)
    manifest = read_manifest(tmp_path / "shard-00.manifest.json")
    assert manifest["command"] == (
        "segmake convert --cases '<cases>' '--root=<root>' --pseudonymise '<pseudonymise>'"
    )
    assert manifest["inputs"] == {"<cases>": hash_path(sheet)}
    assert manifest["settings"]["root"] == "<root>"
    assert "DOE" not in manifest_path(output).read_text()
    assert hash_path(key) not in manifest_path(output).read_text()


def test_a_table_of_the_results_is_not_hidden(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("phantom.tsv", "shard-00.tsv", "k"):
        Path(name).write_text(name)
    table, key = Path("phantom.tsv"), tmp_path / "k"
    write_manifest("convert", ConvertJob(cases=table, pseudonymise=key, output=Path("shard-00.tsv")), 0)
    assert list(read_manifest(Path("shard-00.manifest.json"))["inputs"]) == ["phantom.tsv"]


def test_a_changed_manifest_is_refused(job, tmp_path):
    write_manifest("plan", job, 0)
    path = tmp_path / "plan.manifest.json"
    path.write_text(path.read_text().replace('"folds": 3', '"folds": 4'))
    with pytest.raises(InputError, match=r"plan\.manifest\.json was changed since it was written; run"):
        read_manifest(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="was changed"):
        read_manifest(path)
    with pytest.raises(InputError, match="no readable manifest"):
        read_manifest(tmp_path / "none.manifest.json")


@pytest.mark.parametrize(
    ("output", "base"),
    [
        ("train/unet/fold-0/model.pt", "run"),
        ("fold-0/model.pt", "run/train/unet"),
        ("model.pt", "run/train/unet/fold-0"),
    ],
)
def test_relative_paths_count_from_where_the_job_was_started(tmp_path, output, base):
    path = tmp_path / "run/train/unet/fold-0/model.manifest.json"
    assert base_folder(path, output) == tmp_path / base


@pytest.mark.parametrize("output", ["/elsewhere/model.pt", "other/model.pt"])
def test_a_moved_result_counts_from_here(tmp_path, output):
    assert base_folder(tmp_path / "run/model.manifest.json", output) == Path.cwd()


def test_the_commit_is_that_of_the_sources():
    found = source_commit()
    checkout = Path(provenance.__file__).parents[2]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True)
    assert found.removesuffix("-dirty") == head.stdout.strip()


def test_installed_sources_have_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "site-packages/segmake/provenance.py"))
    assert source_commit() == ""


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
