from typing import Any

import numpy as np
import pytest

from segmake.errors import ConfigError, InputError
from segmake.plan import Plan
from segmake.prepare.planning import Task, choose_spacing, make_plan
from segmake.settings import PlanSettings

TASK = Task({"t1": "mr"}, {"anterior": 1, "posterior": 2})


def a_print(
    shape: Any = (36, 50, 35), spacing: Any = (1, 1, 1), box: Any = None, **channels: Any
) -> dict[str, Any]:
    quantiles = np.linspace(-100, 200, 129).tolist()
    one = {"count": 1000, "mean": 50.0, "m2": 1000 * 30.0**2, "quantiles": quantiles}
    return {
        "shape": list(shape),
        "spacing_mm": list(spacing),
        "box_start": [0, 0, 0],
        "box_shape": list(box or shape),
        "labels": {"1": 500, "2": 500},
        "channels": {name: dict(one) for name in channels or {"t1": 0}},
    }


def plan_of(prints: list[dict[str, Any]], task: Task = TASK, **pins: Any) -> Plan:
    return make_plan(PlanSettings(**{"budget": "60GFLOP", **pins}), task, prints)


def test_hippocampus_like() -> None:
    plan = plan_of([a_print()] * 200)
    assert plan.spacing_mm == (1, 1, 1)
    assert plan.median_shape == (36, 50, 35)
    assert (plan.patch, plan.batch, plan.features) == ((40, 56, 40), 2, [16, 32, 64, 128])
    assert plan.normalisation["t1"].scheme == "zscore"
    assert not plan.normalisation["t1"].masked
    assert plan.folds == {}


def test_every_choice_has_a_sentence() -> None:
    plan = plan_of([a_print()] * 20)
    for name in (
        "spacing_mm",
        "median_shape",
        "patch",
        "batch",
        "features",
        "strides",
        "kernels",
        "normalisation",
        "crop",
    ):
        assert plan.reasons[name].endswith("."), name


def test_a_plan_survives_its_file(tmp_path: Any) -> None:
    plan = plan_of([a_print()] * 20)
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan


def test_median_spacing_and_shape() -> None:
    prints = [a_print((40, 40, 40), (s, 1, 1)) for s in (0.5, 1.0, 2.0)]
    plan = plan_of(prints)
    assert plan.spacing_mm == (1, 1, 1)
    assert plan.median_shape == (40, 40, 40)
    assert "Median of 3 cases" in plan.reasons["spacing_mm"]


def test_thick_slices_take_the_tenth_percentile() -> None:
    spacings = np.array([[0.5, 0.5, z] for z in (2, 2, 3, 5, 5, 5, 5, 6, 6, 8)], dtype=float)
    sizes = np.array([[512, 512, 40]] * 10, dtype=float)
    found, why = choose_spacing(PlanSettings(), spacings, sizes)
    assert found == (0.5, 0.5, 2.0)
    assert "z is anisotropic (5 mm against 0.5 mm), so its 10th percentile (2 mm) is taken" in why


def test_thick_but_many_slices_keep_the_median() -> None:
    spacings = np.array([[0.5, 0.5, 5.0]] * 5)
    assert choose_spacing(PlanSettings(), spacings, np.array([[200, 200, 190]] * 5))[0] == (0.5, 0.5, 5.0)


def test_the_worst_axis_never_gets_finer_than_the_others() -> None:
    spacings = np.array([[1, 1, 0.4], [1, 1, 5], [1, 1, 5], [1, 1, 5]], dtype=float)
    assert choose_spacing(PlanSettings(), spacings, np.array([[256, 256, 30]] * 4))[0][2] >= 1.0


def test_the_crop_decides_shape_and_mask() -> None:
    prints = [a_print((240, 240, 155), (1, 1, 1), (140, 170, 140))] * 5
    plan = plan_of(prints)
    assert plan.median_shape == (140, 170, 140)
    assert plan.normalisation["t1"].masked
    assert "37%" in plan.reasons["crop"]
    whole = plan_of(prints, crop="none")
    assert whole.median_shape == (240, 240, 155)
    assert not whole.normalisation["t1"].masked


def test_ct_takes_the_numbers_of_the_foreground() -> None:
    plan = plan_of([a_print()] * 4, Task({"t1": "ct"}, {"lesion": 1}))
    rule = plan.normalisation["t1"]
    assert rule.scheme == "ct"
    assert (rule.mean, rule.std) == pytest.approx((50.0, 30.0))
    assert (rule.lower, rule.upper) == pytest.approx((-86.5, 186.5), abs=0.1)
    assert "0.5 and 99.5 percentiles" in plan.reasons["normalisation"]


def test_modalities_and_pins() -> None:
    task = Task({"a": "xray", "b": "pet", "c": "ct"}, {"lesion": 1})
    plan = plan_of([a_print(a=0, b=0, c=0)] * 4, task, normalisation={"c": "none"}, spacing_mm=(2, 2, 2))
    assert [rule.scheme for rule in plan.normalisation.values()] == ["minmax", "zscore", "none"]
    assert plan.spacing_mm == (2, 2, 2)
    assert plan.reasons["spacing_mm"] == "Pinned by plan.spacing_mm."
    assert "c: pinned, unchanged" in plan.reasons["normalisation"]


def test_regions_decide_the_heads() -> None:
    assert Task({"t": "mr"}, {"a": 1, "b": 2, "c": 3}).heads == 4
    nested = {"all": [1, 2, 3], "core": [1, 3], "centre": [3]}
    assert Task({"t": "mr"}, {"a": 1, "b": 2, "c": 3}, nested).heads == 3
    # b and c are in the same regions, so each gets a head of its own
    assert Task({"t": "mr"}, {"a": 1, "b": 2, "c": 3}, {"all": [1, 2, 3], "core": [1]}).heads == 4


def test_what_cannot_be_planned() -> None:
    with pytest.raises(InputError, match="at least one case with split=train"):
        plan_of([])
    with pytest.raises(InputError, match=r"names \['flair'\] but the converted cases have \['t1'\]"):
        plan_of([a_print()], Task({"flair": "mr"}, {"a": 1}))
    with pytest.raises(ConfigError, match=r"needs data\.channels and data\.labels"):
        plan_of([a_print()], Task({}, {}))
    with pytest.raises(ConfigError, match=r"names \['t9'\], which are not in data.channels"):
        plan_of([a_print()], normalisation={"t9": "none"})
    with pytest.raises(ConfigError, match="at most 254 labels can be told apart, got 300"):
        plan_of([a_print()], Task({"t1": "mr"}, {str(i): i for i in range(1, 301)}))
