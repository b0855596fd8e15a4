"""Properties of the DAG that need no training."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from experiment import CHECKOUT, Experiment, content, sheet

from segmake.dataset.sheet import shard_of
from segmake.tables import read_table

pytestmark = pytest.mark.workflow
Make = Callable[..., Experiment]
ARRAYS = ("resample/shard-00.tsv", "resample/shard-01.tsv")


def test_workflow_lint_is_clean() -> None:
    command = [sys.executable, "-m", "snakemake", "--lint", "-s", str(CHECKOUT / "Snakefile")]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_docstring_log_benchmark_threads_and_resources() -> None:
    for path in sorted((CHECKOUT / "workflow/rules").glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        for rule in text.split("\nrule ")[1:]:
            for part in ('"""', "log:", "benchmark:", "threads:", "mem_mb=", "runtime=", "shell:"):
                assert part in rule, f"{path.name}: rule {rule.split(':')[0]} lacks {part}"
            assert "run:" not in rule.replace("runtime", "")
            assert "script:" not in rule


def test_fresh_dag_has_one_job_per_shard_and_stage(make_experiment: Make) -> None:
    assert make_experiment().planned() == {
        "convert": 2,
        "plan": 1,
        "resample": 2,
        "train": 1,
        "predict": 2,
        "evaluate": 2,
        "summarize": 1,
        "examples": 1,
        "figures": 1,
        "describe": 1,
        "report": 1,
        "crate": 1,
    }


def test_demo_builds_its_phantoms_through_the_dag(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "-s", str(CHECKOUT / "Snakefile")]
    command += ["--directory", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.search(r"^phantom +2$", done.stdout, re.MULTILINE)


def test_two_models_are_trained_side_by_side(make_experiment: Make) -> None:
    both = make_experiment().changed(models={"small": {}, "wide": {"lr": 1e-4, "folds": [0, 1]}})
    planned = both.planned()
    assert planned["train"] == 3
    assert planned["summarize"] == 2
    assert planned["compare"] == 1


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"train": {"stepz": 3}}, "unknown key 'train.stepz'; did you mean 'steps'?"),
        ({"data": {"cases": "missing.tsv"}}, "missing.tsv does not exist"),
        ({"models": {"unet": {"learning_rate": 1}}}, "models.unet has an unknown key 'learning_rate'"),
        ({"shards": 0}, "shards is 0"),
    ],
)
def test_bad_configuration_is_one_sentence_and_exit_code_2(
    make_experiment: Make, sections: dict[str, object], sentence: str
) -> None:
    done = make_experiment().changed(**sections).run("-n", check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_adding_a_case_redoes_one_case_in_one_shard(make_experiment: Make, phantoms: Path) -> None:
    experiment = make_experiment(6)
    experiment.run(*ARRAYS)
    before = {path: path.stat().st_mtime_ns for path in experiment.results.glob("*/brats-*.*")}
    sheet(phantoms, experiment.folder, 7)
    shard = f"{shard_of('brats-006', 2):02d}"
    assert experiment.planned("convert/shard-00.tsv", "convert/shard-01.tsv") == {"convert": 1}
    experiment.run(*ARRAYS)
    converted = experiment.log(f"convert/shard-{shard}.log")
    assert "brats-006" in converted
    assert converted.count("already done") == len(converted.splitlines()) - 1
    after = {path: path.stat().st_mtime_ns for path in experiment.results.glob("*/brats-*.*")}
    assert {path: after[path] for path in before} == before
    assert {path.name.split(".")[0].split("_")[0] for path in set(after) - set(before)} == {"brats-006"}


def test_a_touched_source_is_looked_at_and_costs_nothing(make_experiment: Make) -> None:
    experiment = make_experiment()
    experiment.run(*ARRAYS)
    before = content(experiment.results, "convert/*.nii.gz")
    rows = read_table(experiment.folder / "cases.tsv")
    Path(rows[1]["t1"]).touch()
    assert experiment.planned("convert/shard-00.tsv", "convert/shard-01.tsv") == {"convert": 1}
    experiment.run(*ARRAYS)
    assert content(experiment.results, "convert/*.nii.gz") == before
    assert experiment.planned(*ARRAYS) == {}


def test_verify_names_damage_and_forcing_the_rule_mends_only_that(make_experiment: Make) -> None:
    experiment = make_experiment()
    experiment.run(*ARRAYS)
    whole = content(experiment.results, "convert/*.nii.gz")
    times = {path: path.stat().st_mtime_ns for path in experiment.results.glob("convert/*.nii.gz")}
    lost = experiment.results / "convert/brats-002.nii.gz"
    bent = experiment.results / "convert/brats-003_label.nii.gz"
    lost.unlink()
    bent.write_bytes(bytes(len(whole["convert/brats-003_label.nii.gz"])))
    verify = [sys.executable, "-m", "segmake.cli", "verify", str(experiment.results)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert str(lost) in done.stderr
    assert str(bent) in done.stderr
    assert "brats-001" not in done.stderr
    experiment.run("-R", "convert", "--", *ARRAYS)
    assert content(experiment.results, "convert/*.nii.gz") == whole
    spared = [path for path in times if path not in (lost, bent)]
    assert all(path.stat().st_mtime_ns == times[path] for path in spared)
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0


def test_a_broken_scan_stops_after_the_others_or_is_excluded(make_experiment: Make, tmp_path: Path) -> None:
    experiment = make_experiment()
    text = (experiment.folder / "cases.tsv").read_text(encoding="utf-8")
    broken = tmp_path / "broken_t2.nii.gz"
    broken.write_bytes(b"not a scan")
    t2 = read_table(experiment.folder / "cases.tsv")[2]["t2"]
    (experiment.folder / "cases.tsv").write_text(text.replace(t2, str(broken)), encoding="utf-8")
    tables = ("convert/shard-00.tsv", "convert/shard-01.tsv")
    done = experiment.run("--keep-going", *tables, check=False)
    assert done.returncode != 0
    assert "1 of" in done.stderr
    assert str(broken) in done.stderr
    kept = len(list(experiment.results.glob("convert/*_label.nii.gz")))
    assert kept == 5
    (failure,) = read_table(experiment.results / "failures.tsv")
    assert (failure["stage"], failure["job"]) == ("convert", f"{shard_of('brats-002', 2):02d}")
    assert str(broken) in failure["reason"]
    assert f"1 job failed ({experiment.results / 'failures.tsv'})" in done.stderr
    status = [sys.executable, "-m", "segmake.cli", "status", str(experiment.results)]
    told = subprocess.run(status, capture_output=True, text=True, check=True).stdout
    assert re.search(r"^convert +1 +1 +\S", told, re.MULTILINE)
    assert f"convert {failure['job']}: {failure['reason']}" in told
    experiment.changed(on_error="exclude").run(*tables)
    rows = [row for table in tables for row in read_table(experiment.results / table)]
    assert [row["case"] for row in rows if row["status"] == "failed"] == ["brats-002"]
    assert not (experiment.results / "failures.tsv").exists()
    assert experiment.changed(on_error="exclude").planned(*tables) == {}


def test_two_experiments_run_at_once_in_one_checkout(make_experiment: Make) -> None:
    pair = [make_experiment(4, "first"), make_experiment(4, "second")]
    running = [
        subprocess.Popen(
            one.command(*ARRAYS), cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for one in pair
    ]
    for process in running:
        printed, _ = process.communicate(timeout=120)
        assert process.returncode == 0, printed
    first, second = (content(one.results, "resample/*.b2nd") for one in pair)
    assert first == second
    assert len(first) == 9  # three training cases, three arrays each
