"""The whole pipeline on small phantoms, once; then what a change, a kill or a second run does to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from experiment import Experiment, content, new_experiment
from rocrate.rocrate import ROCrate

from segmake.audit.integrity import find_damage, read_recorded
from segmake.audit.manifests import is_hidden
from segmake.cli import main
from segmake.tables import read_table

pytestmark = pytest.mark.workflow
FINAL = (
    "convert/*.nii.gz",
    "plan/plan.json",
    "resample/*.b2nd",
    "train/*/*/model.pt",
    "predict/*/*.nii.gz",
    "evaluate/*/metrics.tsv",
    "evaluate/*/summary.tsv",
)
TOLD = ("examples", "figures", "describe", "report", "crate")
"""What follows from scores."""


@pytest.fixture(scope="module")
def finished(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A run from phantoms to report that nothing interrupted."""
    experiment = new_experiment(phantoms, tmp_path_factory.mktemp("pipeline") / "finished")
    experiment.run()
    return experiment


@pytest.fixture
def copied(finished: Experiment, tmp_path: Path) -> Experiment:
    """A copy of the finished run to do things to."""
    return finished.copy(tmp_path)


def final_files(experiment: Experiment) -> dict[str, bytes]:
    return {name: data for pattern in FINAL for name, data in content(experiment.results, pattern).items()}


def test_everything_that_was_promised_is_there(finished: Experiment) -> None:
    for name in ("report/index.html", "train/unet/fold-0/history.csv", "train/unet/fold-0/model.pt"):
        assert (finished.results / name).stat().st_size > 0
    assert list(finished.results.glob("figures/*.svg"))
    assert list(finished.results.glob("figures/*.png"))
    assert list(finished.results.glob("examples/unet/*.npz"))
    for stage in ("convert/shard-00", "plan/plan", "train/unet/fold-0/model", "evaluate/unet/summary"):
        assert (finished.results / f"{stage}.manifest.json").exists(), stage


def test_scores_are_long_format_for_the_test_case_and_the_kept_fold(finished: Experiment) -> None:
    rows = read_table(finished.results / "evaluate/unet/metrics.tsv")
    assert list(rows[0]) == ["case", "split", "fold", "label", "metric", "value", "unit", "status"]
    folds = {row["case"]: row["fold"] for row in rows}
    assert folds.pop("brats-000") == ""
    assert set(folds.values()) == {"0"}
    assert {row["label"] for row in rows} == {"necrosis", "edema", "enhancing"}
    assert {"dice", "iou", "hd95", "nsd"} <= {row["metric"] for row in rows}


def test_label_maps_lie_on_the_exact_grid_of_their_source(finished: Experiment) -> None:
    sources = {row["case"]: row["t1"] for row in read_table(finished.folder / "cases.tsv")}
    maps = sorted(finished.results.glob("predict/unet/*.nii.gz"))
    orientations = set()
    for path in maps:
        source, predicted = nib.load(sources[path.name.removesuffix(".nii.gz")]), nib.load(path)
        assert predicted.shape == source.shape
        np.testing.assert_array_equal(predicted.affine, source.affine)
        assert set(np.unique(predicted.dataobj)) <= {0, 1, 2, 4}
        orientations.add("".join(nib.aff2axcodes(source.affine)))
    assert len(maps) >= 3
    assert len(orientations) > 1


def test_prediction_without_snakemake_is_the_same_label_map(finished: Experiment, tmp_path: Path) -> None:
    row = read_table(finished.folder / "cases.tsv")[0]
    command = [sys.executable, "-m", "segmake.cli", "predict", "--output", str(tmp_path / "seg.nii.gz")]
    command += ["--model", str(finished.results / "train/unet/fold-0/model.pt"), "--image"]
    command += [f"{channel}={row[channel]}" for channel in ("t1", "t1ce", "t2", "flair")]
    subprocess.run(command, check=True, capture_output=True)
    expected = nib.load(finished.results / f"predict/unet/{row['case']}.nii.gz")
    np.testing.assert_array_equal(nib.load(tmp_path / "seg.nii.gz").dataobj, expected.dataobj)


def test_a_run_accounts_for_every_file_and_tells_it_to_others(finished: Experiment) -> None:
    folder = finished.results
    recorded = {check.path for check in read_recorded(folder).checks}
    apart = {"logs", "benchmarks", "state"}
    found = (path for path in folder.glob("*/**/*") if path.is_file() and not is_hidden(path, folder))
    files = {path for path in found if not apart & {*path.relative_to(folder).parts}}
    unknown = {path for path in files - recorded if '"seal"' not in path.read_text(errors="replace")}
    assert unknown == set()
    assert find_damage([*read_recorded(folder).checks], threads=2) == []
    crate = ROCrate(folder)
    assert crate.mainEntity.id == "crate/Snakefile"
    made = {entity["name"].partition(":")[0] for entity in crate.get_by_type("CreateAction")}
    assert {"convert", "train", "predict", "summarize", "figures", "describe", "report"} <= made
    told = main(["diff", str(folder), str(folder)]), main(["explain", str(folder / "report/index.html")])
    assert told == (0, 0)


def test_second_run_does_nothing(finished: Experiment) -> None:
    assert finished.planned() == {}
    assert "Nothing to be done" in finished.run().stderr


@pytest.mark.parametrize(
    ("section", "change", "rules"),
    [
        ("train", {"lr": 1e-4}, {"train", "predict", "evaluate", "summarize", *TOLD}),
        ("predict", {"overlap": 0.25}, {"predict", "evaluate", "summarize", *TOLD}),
        ("evaluate", {"nsd_tolerance_mm": 3.0}, {"evaluate", "summarize", *TOLD}),
        ("evaluate", {"resamples": 500}, {"summarize", *TOLD}),
        ("examples", {"worst": 2}, {"examples", "figures", "report", "crate"}),
        ("figures", {"column": "single"}, {"figures", "report", "crate"}),
        ("report", {"title": "another"}, {"report", "crate"}),
    ],
)
def test_one_edited_key_reruns_exactly_what_follows(
    finished: Experiment, section: str, change: dict[str, object], rules: set[str]
) -> None:
    assert set(finished.changed(**{section: change}).planned()) == rules


def test_a_new_case_touches_nothing_that_was_learned_or_scored(finished: Experiment) -> None:
    path = Path(finished.config["data"]["cases"])
    text = path.read_text(encoding="utf-8")
    head, first = (line.split("\t") for line in text.splitlines()[:2])
    new = dict(zip(head, first, strict=True)) | {
        "case": "later",
        "group": "later",
        "split": "new",
        "label": "",
    }
    try:
        path.write_text(text + "\t".join(new[name] for name in head) + "\n", encoding="utf-8")
        planned = finished.planned()
    finally:
        path.write_text(text, encoding="utf-8")
    assert (planned["convert"], planned["predict"]) == (1, 1)
    assert not planned.keys() & {"plan", "resample", "train", "evaluate", "summarize", "tune"}


def test_the_status_of_a_finished_run_is_that_everything_is_done(finished: Experiment) -> None:
    command = [sys.executable, "-m", "segmake.cli", "status", str(finished.results), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert (found["running"], found["seconds_left"], found["failures"]) == (False, 0.0, [])
    jobs = {stage["name"]: stage["jobs"] for stage in found["stages"]}
    assert list(jobs)[:6] == ["convert", "plan", "resample", "train", "predict", "evaluate"]
    assert jobs["convert"] == {"done": 2, "running": 0, "failed": 0, "left": 0}
    assert not any(counts["left"] or counts["failed"] for counts in jobs.values())


def test_forced_rerun_of_everything_takes_nothing_again(copied: Experiment) -> None:
    before = final_files(copied)
    times = {path: path.stat().st_mtime_ns for path in copied.results.glob("*/*/*.nii.gz")}
    copied.run("--forceall", "--until", "summarize")
    assert final_files(copied) == before
    assert {path: path.stat().st_mtime_ns for path in copied.results.glob("*/*/*.nii.gz")} == times
    assert "going on after step 6" in copied.log("train/unet/fold-0.log")


@pytest.mark.parametrize("stage", ["resample", "train"])
def test_killed_run_goes_on_to_the_same_files(
    finished: Experiment, make_experiment: Callable[..., Experiment], stage: str
) -> None:
    experiment = make_experiment()
    seen = {"resample": "resample/*.b2nd", "train": "train/unet/fold-0/state/state.pt"}[stage]
    process = subprocess.Popen(
        experiment.command(),
        cwd=experiment.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(experiment.results.glob(seen)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list(experiment.results.glob(seen))
    assert not list(experiment.results.glob("evaluate/*/summary.tsv"))
    experiment.run("--unlock")
    experiment.run("--rerun-incomplete", "--until", "summarize")
    assert final_files(experiment) == final_files(finished)


def test_snakemake_report_holds_the_scores_and_the_page(copied: Experiment, tmp_path: Path) -> None:
    archive = tmp_path / "report.zip"
    copied.run("--report", str(archive))
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(archive)], capture_output=True, text=True, check=True
    )
    assert re.search(r"report\.html", listed.stdout)
    assert len(re.findall(r"\.svg", listed.stdout)) >= len(list(copied.results.glob("figures/*.svg")))


def test_deleted_figures_come_back_to_the_byte(copied: Experiment) -> None:
    before = content(copied.results, "figures/*.*g")
    assert len(before) > 10
    for name in list(before)[1:]:
        (copied.results / name).unlink()
    assert copied.planned("figures") == {"figures": 1}
    copied.run("figures")
    assert content(copied.results, "figures/*.*g") == before
