import json
from pathlib import Path
from typing import Any

import pytest

from segmake.dataset.privacy import pseudonym, read_key
from segmake.errors import InputError
from segmake.jobs import PlanJob
from segmake.plan import Plan
from segmake.stages.plan import format_plan, run
from segmake.tables import read_table, write_table


def a_print(size: int, labels: dict[str, int]) -> dict[str, Any]:
    one = {"count": 10, "mean": 1.0, "m2": 10.0, "quantiles": [float(i) for i in range(129)]}
    shape = [size, size, size]
    return {
        "shape": shape,
        "spacing_mm": [1.0, 1.0, 1.0],
        "box_start": [0, 0, 0],
        "box_shape": shape,
        "labels": labels,
        "channels": {"t1": one},
    }


def tables(folder: Path, count: int = 12) -> list[Path]:
    """Two convert tables with records; not all are training cases with a label."""
    rows = [
        {
            "case": f"case_{i:02}",
            "status": "ok",
            "group": f"p{i // 2}",
            "site": "",
            "split": "train",
            "label": "x",
        }
        for i in range(count)
    ]
    rows += [
        {"case": "broken", "status": "failed", "group": "", "site": "", "split": "", "label": ""},
        {"case": "new", "status": "ok", "group": "new", "site": "", "split": "new", "label": "x"},
        {"case": "bare", "status": "ok", "group": "bare", "site": "", "split": "train", "label": ""},
    ]
    for i, row in enumerate(rows):
        row["path"] = f"{row['case']}.nii.gz"
        record: dict[str, Any] = {
            "case": row["case"],
            "stage": "convert",
            "key": "",
            "files": {},
            "columns": {},
        }
        record["details"] = {"fingerprint": a_print(40 + 2 * (i % 3), {"1": 100 * (i + 1)})}
        (folder / f"{row['case']}.json").write_text(json.dumps(record))
    paths = [folder / "shard-00.tsv", folder / "shard-01.tsv"]
    for part, path in enumerate(paths):
        write_table(path, rows[part::2])
    return paths


def a_job(folder: Path, **values: Any) -> PlanJob:
    base: dict[str, Any] = {
        "tables": tables(folder),
        "output": folder / "plan" / "plan.json",
        "channels": {"t1": "mr"},
        "labels": {"lesion": 1},
        "folds": 3,
        "budget": "60GFLOP",
    }
    return PlanJob(**(base | values))


def test_the_plan_is_written_from_the_labelled_training_cases(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    run(job)
    plan = Plan.load(job.output)
    assert list(plan.folds) == [f"case_{i:02}" for i in range(12)]
    assert plan.median_shape == (42, 42, 42)
    assert plan.spacing_mm == (1, 1, 1)
    for i in range(0, 12, 2):
        assert plan.folds[f"case_{i:02}"] == plan.folds[f"case_{i + 1:02}"]
    assert "12 cases of 6 groups dealt into 3 folds" in plan.reasons["folds"]


def test_the_same_bytes_for_any_order_of_the_tables(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    run(job)
    once = job.output.read_bytes()
    run(job.model_copy(update={"tables": job.tables[::-1]}))
    assert job.output.read_bytes() == once


def add_columns(paths: list[Path], **columns: dict[str, str]) -> None:
    """Give cases other values, by column and case."""
    for path in paths:
        rows = read_table(path)
        for row in rows:
            row.update({name: values.get(row["case"], row.get(name, "")) for name, values in columns.items()})
        write_table(path, rows)


def test_copies_and_patients_on_both_sides_stop_the_plan(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = a_job(tmp_path)
    same = {"case_00": "v", "case_07": "v"}
    moved = {"case_04": "test"}
    add_columns(job.tables, voxels_sha256=same, split=moved)
    with pytest.raises(InputError) as caught:
        run(job)
    assert "same image voxels (case_00 and case_07)" in str(caught.value)
    assert "'p2' has case_05 in train and case_04 in test" in str(caught.value)
    assert str(caught.value).endswith("; or set plan.allow_duplicates: true to go on with them")
    assert not job.output.exists()
    run(job.model_copy(update={"allow_duplicates": True}))
    assert len(Plan.load(job.output).folds) == 11
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [words.split(" (")[0] for words in warned] == [
        "plan.allow_duplicates: two cases hold the same image voxels",
        "plan.allow_duplicates: a group",
    ]


def test_one_fold_per_site(tmp_path: Path) -> None:
    job = a_job(tmp_path, folds="leave-one-site-out")
    with pytest.raises(InputError, match="needs a site for each case, but case_00, case_01"):
        run(job)
    sites = {f"case_{i:02}": "rome" if i < 8 else "bonn" for i in range(12)}
    add_columns(job.tables, site=sites)
    run(job)
    plan = Plan.load(job.output)
    assert {case: ["bonn", "rome"][fold] for case, fold in plan.folds.items()} == sites
    assert plan.reasons["folds"] == (
        "One fold per site, validated on its cases: fold 0 bonn (4), fold 1 rome (8)."
    )
    run(job.model_copy(update={"sites": ["bonn", "kiel", "rome"]}))  # all cases of kiel failed
    plan = Plan.load(job.output)
    assert {case: ["bonn", "kiel", "rome"][fold] for case, fold in plan.folds.items()} == sites
    assert "fold 1 kiel (0), fold 2 rome (8)" in plan.reasons["folds"]


def test_own_folds(tmp_path: Path) -> None:
    own = tmp_path / "own.tsv"
    folds = {f"case_{i:02}": i // 2 % 4 for i in range(12)}
    write_table(own, [{"case": case, "fold": fold} for case, fold in [*folds.items(), ("broken", 1)]])
    job = a_job(tmp_path, splits=own)
    run(job)
    plan = Plan.load(job.output)
    assert plan.folds == folds
    assert plan.reasons["folds"] == "12 cases in 4 folds as own.tsv has them."
    write_table(own, [{"case": case, "fold": fold} for case, fold in [*folds.items(), ("new", 1)]])
    with pytest.raises(InputError, match="these are no labelled training cases: new; correct the file"):
        run(job)


def test_own_folds_name_cases_as_they_were_before_they_were_hidden(tmp_path: Path) -> None:
    key_file = tmp_path / "safe" / "key"
    hide = {f"case_{i:02}": pseudonym(read_key(key_file), "case", f"Ann_{i}") for i in range(12)}
    own = tmp_path / "own.tsv"
    write_table(own, [{"case": f"Ann_{i}", "fold": i // 2 % 2} for i in range(12)])
    job = a_job(tmp_path, splits=own, pseudonymise=key_file)
    for name, hidden in hide.items():
        text = (tmp_path / f"{name}.json").read_text().replace(name, hidden)
        (tmp_path / f"{hidden}.json").write_text(text)
    for path in job.tables:
        rows = read_table(path)
        write_table(path, [row | {"case": hide.get(row["case"], row["case"])} for row in rows])
    run(job)
    folds = Plan.load(job.output).folds
    assert {hidden: folds[hidden] for hidden in hide.values()} == {
        hidden: int(name[-2:]) // 2 % 2 for name, hidden in hide.items()
    }


def test_show_prints_every_choice_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = a_job(tmp_path)
    run(job)
    assert capsys.readouterr().out == ""
    run(PlanJob(output=job.output, show=True))
    shown = capsys.readouterr().out
    assert shown == format_plan(Plan.load(job.output))
    lines = {line.split()[0]: line for line in shown.splitlines() if not line.startswith(" ")}
    assert (
        lines["spacing_mm"].split(None, 1)[1] == "1 x 1 x 1                             Median of 12 cases."
    )
    assert "4 + 4 + 4" in lines["folds"]
    assert "t1 (mr)" in lines["channels"]
    assert "lesion 1" in lines["labels"]
    assert max(map(len, shown.splitlines())) <= 110


def test_pins_reach_the_plan(tmp_path: Path) -> None:
    job = a_job(tmp_path, batch=4, patch=(16, 16, 16), order=1)
    run(job)
    plan = Plan.load(job.output)
    assert (plan.batch, plan.patch, plan.order) == (4, (16, 16, 16), 1)


def test_nothing_is_written_when_planning_fails(tmp_path: Path) -> None:
    job = a_job(tmp_path, folds=7)
    with pytest.raises(InputError, match="7 folds need at least 7 groups"):
        run(job)
    assert not job.output.exists()
