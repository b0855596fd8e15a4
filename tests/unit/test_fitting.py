import math
from typing import Any

import pytest

from segmake.errors import ConfigError
from segmake.prepare.cost import Budget
from segmake.prepare.fitting import Fit, Fitted, fit_network
from segmake.settings import PlanSettings

HIPPOCAMPUS = Fit(1, 3, (36, 50, 35), (1.0, 1.0, 1.0), 200)
BRATS = Fit(4, 4, (138, 170, 138), (1.0, 1.0, 1.0), 400)
LIVER = Fit(1, 3, (500, 500, 480), (0.77, 0.77, 1.0), 100)


def fitted(fit: Fit, **pins: Any) -> Fitted:
    return fit_network(PlanSettings(**pins), fit)


@pytest.mark.parametrize("budget", ["60GFLOP", "80GFLOP"])
def test_the_known_good_point_for_hippocampus(budget: str) -> None:
    found = fitted(HIPPOCAMPUS, budget=budget)
    assert found.patch == (40, 56, 40)
    assert found.network.features == [16, 32, 64, 128]
    assert found.batch == 2
    assert "57.68 GFLOP" in found.reasons["batch"]


def test_compute_narrows_the_network_before_the_patch() -> None:
    widths = [fitted(HIPPOCAMPUS, budget=b).network.features[0] for b in ("230GFLOP", "130GFLOP", "15GFLOP")]
    assert widths == [32, 24, 8]
    assert fitted(HIPPOCAMPUS, budget="15GFLOP").patch == (40, 56, 40)
    small = fitted(HIPPOCAMPUS, budget="8GFLOP")
    assert small.network.features[0] == 8
    assert math.prod(small.patch) < 40 * 56 * 40
    assert "cut from 40x56x40" in small.reasons["patch"]


def test_what_is_left_enlarges_the_batch_up_to_a_share_of_the_data() -> None:
    assert fitted(HIPPOCAMPUS, budget="8GB").batch == 7  # 5% of 200 x 36x50x35 voxels
    assert fitted(HIPPOCAMPUS, budget="100TFLOP").batch == 7


@pytest.mark.parametrize("fit", [BRATS, LIVER])
@pytest.mark.parametrize("budget", ["4GB", "8GB", "24GB", "60GFLOP", "1TFLOP"])
def test_the_budget_is_kept(fit: Fit, budget: str) -> None:
    found = fitted(fit, budget=budget)
    limit = Budget.parse(budget)
    assert limit.fits(found.network, found.patch, found.batch)
    assert found.batch >= 2
    divisor = [math.prod(s[axis] for s in found.network.strides) for axis in range(3)]
    assert all(n % d == 0 for n, d in zip(found.patch, divisor, strict=True))
    if limit.kind == "memory":
        assert found.network.features[0] == 32
        assert max(found.network.features) <= 320


def test_brats_at_8_gb_is_about_what_nnunet_plans() -> None:
    found = fitted(BRATS, budget="8GB")
    assert 112**3 < math.prod(found.patch) < 160**3
    assert len(found.network.strides) == 6
    assert found.network.features == [32, 64, 128, 256, 320, 320]


def test_more_memory_never_means_a_smaller_step() -> None:
    sizes = [
        math.prod(f.patch) * f.batch for f in (fitted(LIVER, budget=f"{gb}GB") for gb in (4, 8, 16, 32, 64))
    ]
    assert sizes == sorted(sizes)


def test_pins_are_kept() -> None:
    found = fitted(
        HIPPOCAMPUS,
        patch=(32, 32, 16),
        batch=5,
        features=[8, 12, 20],
        strides=[(1, 1, 1), (2, 2, 1), (2, 2, 2)],
    )
    assert (found.patch, found.batch, found.network.features) == ((32, 32, 16), 5, [8, 12, 20])
    assert list(found.network.strides) == [(1, 1, 1), (2, 2, 1), (2, 2, 2)]
    for name in ("patch", "batch", "features", "strides"):
        assert found.reasons[name].startswith(f"Pinned by plan.{name}")


def test_pinned_features_limit_the_stages() -> None:
    found = fitted(BRATS, features=[16, 32, 64])
    assert len(found.network.strides) == 3


def test_a_pinned_patch_over_the_budget_is_said() -> None:
    found = fitted(HIPPOCAMPUS, patch=(40, 56, 40), features=[32, 64, 128, 256], budget="20GFLOP")
    assert "more than allowed" in found.reasons["batch"]


@pytest.mark.parametrize(
    ("pins", "sentence"),
    [
        (
            {"patch": (40, 50, 40)},
            "divisible by the product of the strides, 8x8x8, got 40x50x40; use 40x56x40",
        ),
        ({"strides": [(2, 2, 2), (2, 2, 2)]}, r"must begin with \[1, 1, 1\]"),
        ({"strides": [(1, 1, 1), (2, 2, 2)], "features": [8, 16, 32]}, "got 2 and 3; make them equally long"),
        ({"features": [8]}, "at least two resolution stages, got 1"),
        ({"features": [8, 16, 32, 64, 128]}, "asks for 5 resolution stages, but the patch allows 4"),
        ({"budget": "0.001GFLOP"}, "0.001GFLOP is too small"),
        ({"budget": "much"}, "plan.budget is GPU memory"),
    ],
)
def test_contradictions_are_named(pins: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        fitted(HIPPOCAMPUS, **pins)
