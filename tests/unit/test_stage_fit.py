import csv
import logging

import numpy as np
import pytest
import torch
from disc_cases import CLASSES, QUICK, write_discs
from slice_cases import patch, write_slices

from segmake.errors import InputError
from segmake.jobs import FitJob
from segmake.learning.classifier import load_classifier
from segmake.stages import fit
from segmake.tables import write_table

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def global_switches_come_back():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(before[0])
    torch.use_deterministic_algorithms(before[1])


@pytest.fixture
def results(tmp_path):
    write_discs(tmp_path)
    return tmp_path


def job(results, **changes):
    fields = {
        "tables": sorted((results / "slice").glob("*.tsv")),
        "division": results / "divide" / "folds.tsv",
        "fold": 1,
        "output": results / "fit" / "resnet" / "fold-1" / "model.pt",
        **QUICK,
    }
    return FitJob(**(fields | changes))


def test_publishes_a_classifier_that_knows_what_it_has_not_seen(results, caplog):
    caplog.set_level(logging.INFO, "segmake")
    facts = fit.run(job(results, seed=5))
    model = load_classifier(job(results).output, CPU)
    assert model.validation == ["case2", "case3", "case6", "case7"]
    assert model.training == ["case0", "case1", "case4", "case5"]  # case8 is a test case
    assert (model.classes, model.channels, model.size) == (sorted(CLASSES), 1, 32)
    assert (model.fold, model.seed, model.settings.lr, len(model.rates)) == (1, 5, 1e-3, 6)
    assert 0 <= model.history["val_auc"] <= 1
    assert facts["training_cases"] == 4
    assert facts["reproducibility"]["weights"] == model.hashes
    assert "fitting disc, plain on 4 patches of 4 cases, 4 patches of 4 cases kept" in caplog.text
    rows = list(csv.DictReader((job(results).output.parent / "history.csv").read_text().splitlines()))
    assert float(rows[-1]["val_auc"]) == pytest.approx(model.history["val_auc"], abs=1e-5)


def test_a_second_identical_job_publishes_the_same_bytes_without_training(results, monkeypatch):
    fit.run(job(results))
    first = job(results).output.read_bytes()
    job(results).output.unlink()
    monkeypatch.setattr("segmake.learning.loop._learn", None)
    fit.run(job(results))
    assert job(results).output.read_bytes() == first


def test_patches_in_memory_or_on_disk_give_the_same_classifier(results):
    fit.run(job(results))
    fit.run(job(results, cache_gb=0.0, output=results / "other" / "model.pt"))
    one, other = (load_classifier(p, CPU) for p in (job(results).output, results / "other" / "model.pt"))
    assert one.hashes == other.hashes


def test_the_order_of_classes_is_the_users(results, caplog):
    caplog.set_level(logging.INFO, "segmake")
    fit.run(job(results))
    fit.run(job(results, classes=CLASSES))
    assert load_classifier(job(results).output, CPU).classes == CLASSES
    assert "(classes changed); starting clean" in caplog.text


@pytest.mark.parametrize(
    ("change", "named"),
    [({"lr": 0.01}, "fit.lr"), ({"augment": "strong"}, "fit.augment"), ({"seed": 3}, "fit.seed")],
)
def test_what_decides_the_weights_starts_clean(results, caplog, change, named):
    caplog.set_level(logging.INFO, "segmake")
    fit.run(job(results, steps=1))
    fit.run(job(results, steps=1, **change))
    assert f"({named} changed); starting clean" in caplog.text


def test_a_fitting_by_the_clock_is_repeated_from_its_model(results):
    fit.run(job(results, minutes=0.01))
    model, again = load_classifier(job(results).output, CPU), results / "again" / "model.pt"
    fit.run(job(results, minutes=0.01, replay=job(results).output, output=again))
    assert load_classifier(again, CPU).hashes == model.hashes
    assert len(model.rates) >= 1


def test_several_classes_of_a_case_need_multi_label(results):
    images = np.zeros((1, 1, 32, 32), np.uint8)
    table = write_slices(
        results / "slice", [{"case": "both", "images": images, "patches": [patch("disc|plain")]}], "02"
    )
    folds = [{"case": f"case{n}", "fold": str(n % 2)} for n in range(9)]
    write_table(results / "divide" / "folds.tsv", [*folds, {"case": "both", "fold": "0"}])
    tables = [*job(results).tables[:2], table]
    with pytest.raises(InputError, match=r"one of case both has 'disc\|plain'; .*fit\.multi_label"):
        fit.run(job(results, tables=tables))
    fit.run(job(results, tables=tables, multi_label=True, steps=1))
    assert load_classifier(job(results).output, CPU).multi_label


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fold": 7}, r"folds of the table \[0, 1\], got 7"),
        ({"classes": ["disc", "star"]}, r"have the class plain, slice\.classes lists \['disc', 'star'\]"),
    ],
)
def test_what_does_not_fit_is_explained(results, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        fit.run(job(results, **changes))


def test_a_case_without_a_row_and_no_case_to_learn_from_are_explained(results):
    rows = [{"case": f"case{n}", "fold": "1"} for n in range(9)]
    write_table(results / "divide" / "folds.tsv", rows)
    with pytest.raises(InputError, match="no patch is left to learn from without fold 1"):
        fit.run(job(results))
    write_table(results / "divide" / "folds.tsv", rows[1:])
    with pytest.raises(InputError, match=r"case0 is not in the table of folds; run `segmake divide` again"):
        fit.run(job(results))


def test_one_class_alone_cannot_be_told_apart(results):
    images = np.zeros((1, 1, 32, 32), np.uint8)
    names = ("a", "b")
    cases = [{"case": name, "images": images, "patches": [patch("disc")]} for name in names]
    write_table(results / "folds.tsv", [{"case": name, "fold": str(n)} for n, name in enumerate(names)])
    one = write_slices(results / "one", cases)
    with pytest.raises(InputError, match="needs two classes at least"):
        fit.run(job(results, tables=[one], division=results / "folds.tsv"))


def test_grey_and_coloured_patches_do_not_mix(results):
    images = np.zeros((1, 3, 32, 32), np.uint8)
    table = write_slices(
        results / "slice", [{"case": "rgb", "images": images, "patches": [patch("disc")]}], "02"
    )
    folds = [{"case": f"case{n}", "fold": str(n % 2)} for n in range(9)]
    write_table(results / "divide" / "folds.tsv", [*folds, {"case": "rgb", "fold": "0"}])
    said = r"case case0 has \[1, 32, 32\] .* case rgb \[3, 32, 32\]; set slice\.colours"
    with pytest.raises(InputError, match=said):
        fit.run(job(results, tables=[*job(results).tables[:2], table]))


def test_a_fold_without_patches_is_fitted_without_a_figure(results):
    rows = [{"case": f"case{n}", "fold": "0"} for n in range(8)]
    write_table(results / "divide" / "folds.tsv", [*rows, {"case": "case8", "fold": "1"}])
    tables = job(results).tables
    for table in tables:  # the only case of fold 1 has no patch
        lines = table.read_text().splitlines(keepends=True)
        table.write_text("".join(line for line in lines if not line.startswith("case8")))
    fit.run(job(results, patience=1, steps=2))
    model = load_classifier(job(results).output, CPU)
    assert (model.validation, "val_auc" in model.history, model.history["step"]) == ([], False, 2)
