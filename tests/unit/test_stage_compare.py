import logging

import pytest

from segmake.errors import ConfigError, InputError
from segmake.jobs import CompareJob
from segmake.stages import compare
from segmake.tables import read_table, write_table

CASES = [f"c{number:02d}" for number in range(24)]


def write_model(folder, model, offset):
    """Scores of a model and its shard table; two scans a patient."""
    long, rows = [], []
    for number, case in enumerate(CASES):
        dice = round(0.5 + 0.01 * (number % 7) + offset + 0.001 * (number % 5), 4)
        key = {"case": case, "split": "train", "fold": "0", "label": "core", "status": "ok"}
        long.append(key | {"metric": "dice", "value": dice, "unit": "ratio"})
        long.append(key | {"metric": "truth_ml", "value": number, "unit": "ml"})
        row = {"case": case, "path": f"{case}.tsv", "status": "ok", "group": f"p{number // 2}"}
        rows.append(row | {"split": "train", "dice_mean": dice / 2})
    write_table(folder / model / "metrics.tsv", long)
    write_table(folder / model / "shard-00.tsv", rows)


@pytest.fixture
def job(tmp_path):
    folder = tmp_path / "evaluate"
    for model, offset in (("unet", 0.2), ("mlp", 0.0), ("again", 0.21)):
        write_model(folder, model, offset)
    return CompareJob(
        metrics=[folder / model / "metrics.tsv" for model in ("unet", "mlp")],
        tables=[folder / model / "shard-00.tsv" for model in ("unet", "mlp")],
        output=folder / "comparison.tsv",
        ranking=folder / "ranking.tsv",
        resamples=200,
        permutations=300,
    )


def with_again(job, **changes):
    folder = job.output.parent
    more = [folder / "again" / name for name in ("metrics.tsv", "shard-00.tsv")]
    update = {"metrics": [*job.metrics, more[0]], "tables": [*job.tables, more[1]]}
    return job.model_copy(update=update | changes)


def test_every_pair_and_the_mean_over_labels(job):
    compare.run(job)
    rows = {row["label"]: row for row in read_table(job.output)}
    assert list(rows) == ["core", "mean"]
    assert (rows["core"]["patients"], rows["core"]["cases"]) == ("12", "24")
    assert float(rows["core"]["difference"]) == pytest.approx(0.2)
    assert float(rows["mean"]["difference"]) == pytest.approx(0.1)
    assert rows["core"]["verdict"] == "unet is better"
    # 1 / 2048 of both pairs of the family, twice adjusted
    assert float(rows["core"]["p_holm"]) == pytest.approx(2 * 2 / 2**12, rel=1e-4)
    ranking = read_table(job.ranking)
    assert [(row["label"], row["model"], row["place"], row["kept"]) for row in ranking] == [
        ("core", "unet", "1", "1"),
        ("core", "mlp", "2", "1"),
        ("mean", "unet", "1", "1"),
        ("mean", "mlp", "2", "1"),
    ]


def test_replicates_are_one_model_and_tell_the_noise(job):
    job = with_again(job, replicates=[["unet", "again"]])
    compare.run(job)
    row = read_table(job.output)[0]
    assert len(read_table(job.output)) == 2
    assert float(row["seed_noise"]) == pytest.approx(1.96 * 0.01, rel=1e-4)
    assert {row["model"] for row in read_table(job.ranking)} == {"unet", "mlp"}


def test_without_replicates_all_models_are_compared(job):
    job = with_again(job)
    compare.run(job)
    assert len(read_table(job.output)) == 6
    assert {row["seed_noise"] for row in read_table(job.output)} == {""}


def test_tables_of_evaluate_alone_count_cases_as_patients(job, tmp_path, caplog):
    files = []
    for name in ("one", "two"):
        rows = read_table(job.output.parent / {"one": "unet", "two": "mlp"}[name] / "metrics.tsv")
        files.append(tmp_path / f"{name}.tsv")
        write_table(files[-1], [{k: row[k] for k in row if k not in ("split", "fold")} for row in rows])
    with caplog.at_level(logging.WARNING, "segmake"):
        compare.run(job.model_copy(update={"metrics": files, "tables": []}))
    (row,) = read_table(job.output)
    assert (row["split"], row["model"], row["other"], row["patients"]) == ("", "one", "two", "24")
    assert "each case counts as a patient" in caplog.text


def test_the_same_bytes_again(job):
    compare.run(job)
    first = job.output.read_bytes(), job.ranking.read_bytes()
    compare.run(job)
    assert (job.output.read_bytes(), job.ranking.read_bytes()) == first


def test_what_cannot_be_compared_is_said(job, tmp_path):
    def change(**update):
        return job.model_copy(update=update)

    with pytest.raises(InputError, match="two models at least, got unet; add --metrics"):
        compare.run(change(metrics=job.metrics[:1]))
    with pytest.raises(InputError, match="two of the tables to compare are of model 'unet'"):
        compare.run(change(metrics=[job.metrics[0]] * 2))
    with pytest.raises(InputError, match="of no model that is compared"):
        compare.run(change(tables=[job.output.parent / "again" / "shard-00.tsv"]))
    with pytest.raises(ConfigError, match="each at most once"):
        compare.run(change(replicates=[["unet", "nobody"]]))
    write_table(tmp_path / "x.tsv", [{"case": "a"}])
    with pytest.raises(InputError, match="holds no scores"):
        compare.run(change(metrics=[job.metrics[0], tmp_path / "x.tsv"]))
    other = [row | {"case": f"not {row['case']}"} for row in read_table(job.metrics[1])]
    write_table(tmp_path / "other.tsv", other)
    with pytest.raises(InputError, match="share no case"):
        compare.run(change(metrics=[job.metrics[0], tmp_path / "other.tsv"], tables=[]))
