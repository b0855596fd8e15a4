import csv
import logging
import sys

import pytest
import torch
from learning_cases import ball
from plan_cases import small_plan

from segmake.errors import ConfigError, InputError
from segmake.jobs import TrainJob
from segmake.learning.checkpoint import load_model
from segmake.stages import train
from segmake.tables import write_table
from segmake.volume.store import save_array


@pytest.fixture(autouse=True)
def global_switches_come_back():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(before[0])
    torch.use_deterministic_algorithms(before[1])


@pytest.fixture
def results(tmp_path):
    """A results folder with six resampled cases in two shards, and a plan of two folds."""
    rows = []
    for number in range(6):
        case = ball(number)
        names = {
            "path": f"{case.name}.b2nd",
            "label": f"{case.name}_label.b2nd",
            "foreground": f"{case.name}_foreground.b2nd",
        }
        (tmp_path / "resample").mkdir(exist_ok=True)
        for column, field in (("path", "image"), ("label", "label"), ("foreground", "foreground")):
            save_array(tmp_path / "resample" / names[column], getattr(case, field))
        rows.append({"case": case.name, "status": "ok", "key": f"key{number}", "sha256": "x"} | names)
    for shard in range(2):
        write_table(tmp_path / "resample" / f"shard-0{shard}.tsv", rows[shard::2])
    small_plan().save(tmp_path / "plan.json")
    return tmp_path


def job(results, **changes):
    fields = {
        "tables": sorted((results / "resample").glob("*.tsv")),
        "plan": results / "plan.json",
        "fold": 1,
        "output": results / "train" / "unet" / "fold-1" / "model.pt",
        "steps": 4,
        "precision": "fp32",
    }
    return TrainJob(**(fields | changes))


def test_publishes_a_model_that_knows_what_it_has_not_seen(results, caplog):
    caplog.set_level(logging.INFO, "segmake")
    train.run(job(results, seed=5, lr=0.001))
    model = load_model(job(results).output, torch.device("cpu"))
    assert model.validation == ["case1", "case3", "case5"]
    assert (model.fold, model.seed, model.settings.lr) == (1, 5, 0.001)
    assert model.plan == small_plan()
    assert model.history["step"] == 4
    assert "training on 3 cases, 3 kept for validation" in caplog.text


def test_writes_the_history(results):
    train.run(job(results, steps=40))
    text = (job(results).output.parent / "history.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["step"] for row in rows] == ["20", "40"]
    assert float(rows[0]["loss"]) > float(rows[1]["loss"]) > 0
    assert 0 <= float(rows[-1]["val_dice"]) <= 1


def test_a_second_identical_job_publishes_the_same_bytes_without_training(results, monkeypatch):
    train.run(job(results))
    output = job(results).output
    first = {path.name: path.read_bytes() for path in output.parent.iterdir() if path.is_file()}
    for name in first:
        (output.parent / name).unlink()
    monkeypatch.setattr("segmake.learning.loop._learn", None)
    train.run(job(results))
    assert {path.name: path.read_bytes() for path in output.parent.iterdir() if path.is_file()} == first


def test_arrays_in_memory_or_on_disk_and_checkpoints_give_the_same_model(results):
    train.run(job(results))
    output = job(results).output
    first = output.read_bytes()
    for change in ({"cache_gb": 0.0}, {"checkpoint_minutes": 1e-9}, {"folds": [1]}):
        train.run(job(results, **change, output=results / "other" / "model.pt"))
        model, other = (load_model(p, torch.device("cpu")) for p in (output, results / "other" / "model.pt"))
        for a, b in zip(model.network.parameters(), other.network.parameters(), strict=True):
            assert torch.equal(a, b)
    assert output.read_bytes() == first


@pytest.mark.parametrize(
    ("change", "named"),
    [({"lr": 0.01}, "train.lr"), ({"seed": 3}, "train.seed"), ({"flip": []}, "train.flip")],
)
def test_what_decides_the_weights_starts_clean(results, caplog, change, named):
    caplog.set_level(logging.INFO, "segmake")
    train.run(job(results))
    first = job(results).output.read_bytes()
    train.run(job(results, **change))
    assert f"({named} changed); starting clean" in caplog.text
    assert job(results).output.read_bytes() != first


def test_changed_data_starts_clean(results, caplog):
    caplog.set_level(logging.INFO, "segmake")
    train.run(job(results))
    table = results / "resample" / "shard-00.tsv"
    table.write_text(table.read_text().replace("key2", "another"))
    train.run(job(results))
    assert "(training cases changed); starting clean" in caplog.text


def test_fewer_cases_are_whole_groups_and_part_of_more(results):
    table = results / "resample" / "shard-00.tsv"
    small_plan(folds={f"case{i}": int(i == 5) for i in range(6)}).save(results / "plan.json")
    seen = {}
    for count in (1, 2, 4, "all"):
        facts = train.run(job(results, cases=[count], seed=2, steps=1))
        model = load_model(job(results).output, torch.device("cpu"))
        assert facts["reproducibility"]["weights"] == model.hashes
        assert model.settings.cases == [count]
        seen[count] = set(model.training)
    assert [len(names) for names in seen.values()] == [1, 2, 4, 5]
    assert seen[1] < seen[2] < seen[4] < seen["all"] == {f"case{i}" for i in range(5)}
    lines = table.read_text().splitlines()
    grouped = [f"{lines[0]}\tgroup", *(f"{line}\tsame" for line in lines[1:])]
    table.write_text("\n".join(grouped) + "\n")  # case0, case2 and case4 are of one patient
    chosen = set()
    for seed in (0, 2, 4):
        train.run(job(results, cases=[1], seed=seed, steps=1))
        chosen.add(tuple(load_model(job(results).output, torch.device("cpu")).training))
    assert chosen == {("case0", "case2", "case4"), ("case1",), ("case3",)}


@pytest.mark.parametrize(
    ("cases", "sentence"),
    [
        ([4], "asks for 4 training cases, but there are 3; lower it"),
        ([1, 2], "takes one of train.cases, got"),
    ],
)
def test_a_number_of_cases_that_cannot_be_is_explained(results, cases, sentence):
    with pytest.raises(ConfigError, match=sentence):
        train.run(job(results, cases=cases))


def test_two_runs_of_a_deterministic_job_have_the_same_hashes(results):
    first = train.run(job(results, steps=11))["reproducibility"]
    again = train.run(job(results, steps=11, output=results / "again" / "model.pt"))["reproducibility"]
    assert first == again
    assert first["level"] == "deterministic"
    assert list(first["weights"]) == ["1", "10", "11"]
    assert len(set(first["weights"].values())) == 3
    other = train.run(job(results, steps=11, seed=1))["reproducibility"]
    assert not set(first["weights"].values()) & set(other["weights"].values())


def test_the_first_steps_of_a_run_are_repeated_alone(results):
    whole = train.run(job(results, steps=12))["reproducibility"]["weights"]
    model, elsewhere = job(results).output, results / "again" / "model.pt"
    part = train.run(job(results, steps=12, replay=model, replay_steps=10, output=elsewhere))
    assert part["reproducibility"]["weights"] == {step: whole[step] for step in ("1", "10")}


def test_an_unknown_fold_is_explained(results):
    with pytest.raises(InputError, match=r"folds of the plan \[0, 1\], got 7"):
        train.run(job(results, fold=7))


def test_a_case_without_fold_is_explained(results):
    small_plan(folds={"case0": 0, "case1": 1}).save(results / "plan.json")
    with pytest.raises(InputError, match=r"case2 has no fold .* run `segmake plan` again"):
        train.run(job(results))


def test_no_training_case_is_explained(results):
    small_plan(folds={f"case{i}": 1 for i in range(6)}).save(results / "plan.json")
    with pytest.raises(InputError, match="no case is left to train on without fold 1"):
        train.run(job(results))


def test_a_training_by_the_clock_is_repeated_from_its_model(results):
    train.run(job(results, minutes=0.03))
    model = load_model(job(results).output, torch.device("cpu"))
    again = results / "again" / "model.pt"
    train.run(job(results, minutes=0.03, replay=job(results).output, output=again))
    repeated = load_model(again, torch.device("cpu"))
    assert repeated.rates == model.rates
    assert len(model.rates) == model.history["step"] > 1
    for a, b in zip(model.network.parameters(), repeated.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_repeating_another_course_starts_clean(results, caplog):
    caplog.set_level(logging.INFO, "segmake")
    train.run(job(results))
    other = results / "other" / "model.pt"
    train.run(job(results, steps=6, output=other))
    train.run(job(results, replay=other))
    assert "(replayed changed); starting clean" in caplog.text
    assert load_model(job(results).output, torch.device("cpu")).history["step"] == 6


def test_tensorboard_finds_the_course_beside_the_state(results):
    train.run(job(results, steps=20))
    found = list((job(results).output.parent / "state" / "tensorboard").iterdir())
    assert len(found) == 1
    assert b"val_dice" in found[0].read_bytes()


def test_mlflow_is_needed_only_when_asked_for(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError, match=r"segmake\[mlflow\]"):
        train.run(job(results, mlflow="http://here"))
    train.run(job(results))
