import logging

import pytest

from segmake.errors import ConfigError, InputError
from segmake.jobs import SummarizeJob
from segmake.stages import summarize
from segmake.tables import read_table, write_table

FATES = {"ok": 1, "missed": 0, "false_alarm": 0, "both_empty": 0}


def write_shard(folder, number, cases):
    """A table of evaluate and its cases' files: case -> (dice, split, group)."""
    rows = []
    for case, (dice, split, group) in cases.items():
        long = {"case": case, "split": split, "fold": "0", "label": "core"}
        fate = {"status": "ok"}
        write_table(
            folder / f"{case}.tsv",
            [
                long | {"metric": "dice", "value": dice, "unit": "ratio"} | fate,
                long | {"metric": "hd95", "value": 10 * (1 - dice), "unit": "mm"} | fate,
            ],
        )
        row = {"case": case, "path": f"{case}.tsv", "status": "ok", "reason": "", "group": group}
        rows.append(row | {"split": split, "fold": "0", "dice_mean": dice} | FATES)
    table = folder / f"shard-{number:02d}.tsv"
    write_table(table, rows, ["case", "path", "status", "reason"])
    return table


@pytest.fixture
def job(tmp_path):
    folder = tmp_path / "evaluate" / "unet"
    tables = [
        write_shard(
            folder, 0, {"d": (0.9, "train", "p3"), "a": (0.5, "train", "p1"), "t": (0.3, "test", "p9")}
        ),
        write_shard(folder, 1, {"b": (0.7, "train", "p1"), "c": (0.8, "train", "p2")}),
    ]
    return SummarizeJob(
        tables=tables, output=folder / "summary.tsv", metrics=folder / "metrics.tsv", resamples=200
    )


def test_all_scores_in_one_long_table_sorted_by_case(job):
    summarize.run(job)
    rows = read_table(job.metrics)
    assert " ".join(rows[0]) == "case split fold label metric value unit status"
    assert [(row["case"], row["metric"]) for row in rows[:4]] == [
        ("a", "dice"),
        ("a", "hd95"),
        ("b", "dice"),
        ("b", "hd95"),
    ]
    assert len(rows) == 10


def test_the_summary_is_over_patients_and_keeps_splits_apart(job):
    summarize.run(job)
    rows = {(row["split"], row["label"], row["metric"]): row for row in read_table(job.output)}
    train = rows["train", "core", "dice"]
    assert (train["cases"], train["patients"]) == ("4", "3")
    assert float(train["mean"]) == pytest.approx((0.6 + 0.8 + 0.9) / 3, abs=1e-6)
    assert float(train["ci_low"]) < float(train["mean"]) < float(train["ci_high"])
    assert rows["test", "core", "dice"]["mean"] == "0.3"
    assert rows["train", "mean", "dice"]["mean"] == train["mean"]
    columns = "split label metric unit cases patients mean median sd ci_low ci_high"
    assert " ".join(train) == f"{columns} ci_method ok missed false_alarm both_empty failed"


def test_scores_may_be_parquet(job):
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    path = job.metrics.with_suffix(".parquet")
    summarize.run(job.model_copy(update={"metrics": path}))
    table = pandas.read_parquet(path)
    assert table[table.metric == "dice"].value.tolist() == [0.5, 0.7, 0.8, 0.9, 0.3]


def test_the_order_of_the_shards_changes_no_byte(job):
    summarize.run(job)
    first = job.output.read_bytes(), job.metrics.read_bytes()
    summarize.run(job.model_copy(update={"tables": job.tables[::-1]}))
    assert (job.output.read_bytes(), job.metrics.read_bytes()) == first


def test_the_seed_moves_the_intervals_only(job):
    summarize.run(job)
    first = read_table(job.output)
    summarize.run(job.model_copy(update={"seed": 1}))
    second = read_table(job.output)
    assert [row["mean"] for row in first] == [row["mean"] for row in second]
    assert first != second


def test_failed_cases_are_named(job, caplog):
    rows = [
        *read_table(job.tables[0]),
        {"case": "x", "path": "", "status": "failed", "reason": "no such file"},
    ]
    write_table(job.tables[0], rows, ["case", "path", "status", "reason"])
    with caplog.at_level(logging.WARNING, "segmake"):
        summarize.run(job)
    assert "summarize leaves out x: no such file" in caplog.text
    assert "x" not in {row["case"] for row in read_table(job.metrics)}
    assert {row["failed"] for row in read_table(job.output)} == {"1"}


def write_converted(folder, sites, **failed):
    """A table of convert, and of predict where cases failed: case -> site, case -> split."""
    head = ["case", "path", "status", "reason"]
    rows = [{"case": case, "status": "ok", "split": "train", "site": site} for case, site in sites.items()]
    lost = [{"case": case, "status": "failed", "reason": "no memory"} for case in failed]
    rows += [{"case": case, "status": "ok", "split": split} for case, split in failed.items()]
    write_table(folder / "convert.tsv", rows, head)
    write_table(folder / "predict.tsv", lost, head)
    return {"cases": [folder / "convert.tsv"], "predictions": [folder / "predict.tsv"]}


SITES = {"a": "oslo", "b": "oslo", "c": "bonn", "d": "bonn", "t": "bonn"}


def test_cases_that_failed_in_predict_are_counted_in_their_split(job, tmp_path, caplog):
    tables = write_converted(tmp_path, SITES, x="test", y="test", z="train")
    with caplog.at_level(logging.WARNING, "segmake"):
        summarize.run(job.model_copy(update=tables))
    assert {row["split"]: row["failed"] for row in read_table(job.output)} == {"train": "1", "test": "2"}
    assert "summarize leaves out y: no memory" in caplog.text


def test_subgroups_by_site_and_by_a_column_of_the_sheet(job, tmp_path):
    sheet = tmp_path / "sheet.tsv"
    scanners = {"a": "new", "b": "old", "c": "old", "d": "old", "t": "old", "not there": "odd"}
    write_table(sheet, [{"case": case, "site": "wrong", "scanner": at} for case, at in scanners.items()])
    update = write_converted(tmp_path, SITES) | {"sheet": sheet, "subgroup_table": tmp_path / "sub.tsv"}
    summarize.run(job.model_copy(update=update | {"subgroups": ["site", "scanner", "size"]}))
    rows = [row for row in read_table(tmp_path / "sub.tsv") if row["metric"] == "dice"]
    assert [(row["subgroup"], row["level"], row["mean"], row["patients"]) for row in rows] == [
        ("site", "bonn", "0.85", "2"),
        ("site", "oslo", "0.6", "1"),
        ("scanner", "new", "0.5", "1"),
        ("scanner", "old", "0.8", "3"),
    ]


def test_a_subgroup_that_is_no_column_is_said(job, tmp_path):
    update = write_converted(tmp_path, SITES) | {"subgroup_table": tmp_path / "sub.tsv", "subgroups": ["sit"]}
    with pytest.raises(ConfigError, match="names 'sit', which is no column of the case sheet"):
        summarize.run(job.model_copy(update=update))


def test_nothing_to_summarize_is_said(job):
    for table in job.tables:
        write_table(table, [], ["case", "path", "status", "reason"])
    with pytest.raises(InputError, match="nothing to summarize"):
        summarize.run(job)


def test_the_text_for_the_terminal(job):
    summarize.run(job)
    lines = summarize.format_summary(job.output).splitlines()
    assert lines[0].split()[:3] == ["split", "label", "cases"]
    assert any(line.startswith("train  core   4      0.767 [") for line in lines)
