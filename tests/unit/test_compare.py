from math import sqrt

import numpy as np
import pytest

from segmake.metrics.compare import (
    COMPARISON,
    RANKING,
    comparison_rows,
    gather,
    higher_is_better,
    ranking_rows,
    verdict,
)
from segmake.metrics.statistics import Bootstrap

BOOTSTRAP = Bootstrap(seed=0, resamples=200, permutations=500)


def scores(values, metric="dice", label="core", unit="ratio", split="train"):
    """Long rows of one model: case -> value."""
    key = {"label": label, "metric": metric, "unit": unit, "split": split}
    return [key | {"case": case, "value": str(value)} for case, value in values.items()]


def numbered(values):
    return {f"c{number:02d}": float(value) for number, value in enumerate(values)}


def compare(models, patients=None, runs=None, bootstrap=BOOTSTRAP):
    found = gather(models, {})
    return comparison_rows(found, patients or {}, runs or {model: [model] for model in models}, bootstrap)


GOOD = np.linspace(0.6, 0.9, 12)


def test_a_pair_by_hand():
    first = scores({"a": 0.9, "b": 0.8, "c": 0.7})
    second = scores({"a": 0.8, "b": 0.8, "c": 0.5, "d": 0.1})
    (row,) = compare({"unet": first, "mlp": second})
    assert list(row) == list(COMPARISON)
    assert (row["model"], row["other"], row["cases"], row["patients"], row["unpaired"]) == (
        "unet",
        "mlp",
        3,
        3,
        1,
    )
    assert (row["mean_model"], row["mean_other"], row["difference"]) == ("0.8", "0.7", "0.1")
    assert row["p_permutation"] == "0.5"  # of 8 patterns, 4 reach .1 + 0 + .2: the zero may have any sign
    assert row["cohen_dz"] == "1"
    assert row["rank_biserial"] == "1"
    assert (row["seed_noise"], row["verdict"]) == ("", "too few patients (under 10)")


def test_scans_of_a_patient_are_averaged_first():
    first, second = ({"a": 0.9, "b": 0.7, "c": 0.5}, {"a": 0.5, "b": 0.5, "c": 0.7})
    (row,) = compare({"x": scores(first), "y": scores(second)}, patients={"a": "p", "b": "p"})
    assert (row["cases"], row["patients"]) == (3, 2)
    assert float(row["difference"]) == pytest.approx((0.3 - 0.2) / 2)


def test_the_better_model_is_named_whichever_way_is_better():
    worse = GOOD - 0.1 + 0.01 * np.sin(range(12))
    (row,) = compare({"x": scores(numbered(worse)), "y": scores(numbered(GOOD))})
    assert row["verdict"] == "y is better"
    assert float(row["ci_high"]) < 0
    assert float(row["p_holm"]) == float(row["p_permutation"]) == pytest.approx(2 / 2**12, rel=1e-5)
    far, near = (scores(numbered(values), "hd95", unit="mm") for values in (GOOD, worse))
    assert compare({"x": far, "y": near})[0]["verdict"] == "y is better"


def test_volume_errors_are_compared_by_magnitude():
    low, high = (scores(numbered(v), "volume_error_ml", unit="ml") for v in (-3 * GOOD, GOOD))
    (row,) = compare({"x": low, "y": high})
    assert float(row["mean_model"]) == pytest.approx(3 * GOOD.mean())
    assert row["verdict"] == "y is better"
    assert compare({m: scores(numbered(GOOD), "truth_ml", unit="ml") for m in "xy"}) == []


def test_equal_models_show_no_difference():
    (row,) = compare({"x": scores(numbered(GOOD)), "y": scores(numbered(GOOD))})
    assert (row["difference"], row["p_permutation"], row["p_wilcoxon"]) == ("0", "1", "1")
    assert (row["cohen_dz"], row["ci_low"], row["ci_high"]) == ("0", "0", "0")
    assert row["verdict"] == "no difference shown"


def test_p_is_adjusted_over_pairs_and_labels_of_a_metric():
    random = np.random.default_rng(0)
    models = {}
    for model in "xyz":
        values = numbered(GOOD + 0.05 * random.normal(size=12))
        rows = scores(values) + scores(values, label="whole") + scores(values, "nsd")
        models[model] = rows + scores(values, split="test")
    rows = compare(models)
    family = [row for row in rows if (row["split"], row["metric"]) == ("train", "dice")]
    assert len(family) == 6
    smallest = min(family, key=lambda row: float(row["p_permutation"]))
    assert float(smallest["p_holm"]) == pytest.approx(min(1, 6 * float(smallest["p_permutation"])), rel=1e-5)
    assert len([row for row in rows if row["split"] == "test"]) == 3


def test_a_difference_under_the_seed_noise_is_flagged():
    models = {
        "x": scores(numbered(GOOD)),
        "x-again": scores(numbered(GOOD + 0.02)),
        "y": scores(numbered(GOOD - 0.03 - 0.001 * np.sin(range(12)))),
    }
    (row,) = compare(models, runs={"x": ["x", "x-again"], "y": ["y"]})
    assert (row["model"], row["other"]) == ("x", "y")
    assert float(row["seed_noise"]) == pytest.approx(1.96 * 0.02, rel=1e-4)
    assert float(row["seed_noise_patient"]) == pytest.approx(0.02, rel=1e-4)
    assert float(row["p_holm"]) < 0.05
    assert row["verdict"] == "within seed noise"
    (alone,) = compare({name: models[name] for name in "xy"})
    assert alone["verdict"] == "x is better"


def test_no_case_in_common_is_no_row():
    assert compare({"x": scores({"a": 0.1}), "y": scores({"b": 0.1})}) == []


def test_a_pair_depends_on_no_other_model():
    random = np.random.default_rng(1)
    models = {m: scores(numbered(GOOD + 0.1 * random.normal(size=12))) for m in "xyz"}
    alone = compare({m: models[m] for m in "xy"})[0]
    beside = compare(models)[0]
    adjusted = ("p_holm", "verdict")
    assert {k: v for k, v in alone.items() if k not in adjusted} == {
        k: v for k, v in beside.items() if k not in adjusted
    }


def test_the_mean_over_labels_comes_from_the_cases():
    cases = {m: [{"case": "a", "split": "test", "dice_mean": v}] for m, v in (("x", "0.5"), ("y", "0.25"))}
    found = gather({"x": [], "y": []}, cases)
    assert found["test", "mean", "dice"].values == {"x": {"a": 0.5}, "y": {"a": 0.25}}


def test_which_way_is_better():
    assert higher_is_better("dice", "ratio")
    assert not any(
        higher_is_better(*each)
        for each in (("hd95", "mm"), ("lesion_false_positives", "count"), ("relative_volume_error", "ratio"))
    )


def test_the_strongest_objection_comes_first():
    row = {"difference": "0.1", "seed_noise": "0.2", "patients": 9, "p_holm": "0.9"}
    row |= {"metric": "dice", "unit": "ratio", "model": "x", "other": "y"}
    assert verdict(row, 0.05) == "too few patients (under 10)"
    assert verdict(row | {"patients": 10}, 0.05) == "within seed noise"
    assert verdict(row | {"patients": 10, "seed_noise": ""}, 0.05) == "no difference shown"
    assert verdict(row | {"patients": 10, "seed_noise": "", "p_holm": "0.04"}, 0.05) == "x is better"


def test_a_ranking_by_hand():
    models = {
        "x": scores({"a": 0.5, "b": 0.5, "c": 0.9, "only x": 1}),
        "y": scores({"a": 0.6, "b": 0.6, "c": 0.1}),
    }
    rows = ranking_rows(gather(models, {}), {}, ["x", "y"], Bootstrap(resamples=4000))
    assert [list(row) for row in rows] == [[*RANKING, "place_1", "place_2"]] * 2
    assert [(row["model"], row["place"], row["patients"]) for row in rows] == [("y", 1, 3), ("x", 2, 3)]
    assert [row["mean_rank"] for row in rows] == ["1.33333", "1.66667"]
    # y stays first when patient c is drawn at most once of three: 20 of 27
    p = 20 / 27
    assert float(rows[0]["kept"]) == pytest.approx(p, abs=4 * sqrt(p * (1 - p) / 4000))
    assert rows[0]["kept"] == rows[0]["place_1"]
    assert float(rows[0]["place_1"]) + float(rows[0]["place_2"]) == pytest.approx(1)


def test_one_model_is_not_ranked():
    assert ranking_rows(gather({"x": scores({"a": 1})}, {}), {}, ["x"], BOOTSTRAP) == []
