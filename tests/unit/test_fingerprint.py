import json
from typing import Any

import numpy as np
import pytest

from segmake.errors import InputError
from segmake.prepare.fingerprint import count_values, measure, pool_moments, pool_quantiles
from segmake.volume.volume import Volume

AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])


def a_case(seed: int = 0, scale: float = 1.0, size: int = 20) -> tuple[Volume, Volume]:
    rng = np.random.default_rng(seed)
    data = np.zeros((2, size, 20, 20), dtype=np.float32)
    data[:, 2:-3, 4:15, 6:19] = rng.normal(100, 20 * scale, (2, size - 5, 11, 13))
    label = np.zeros((1, size, 20, 20), dtype=np.int16)
    label[0, 5:10, 5:10, 7:15] = 1
    label[0, 5:10, 5:10, 15:18] = 4
    return Volume(data, AFFINE), Volume(label, AFFINE)


def test_one_case() -> None:
    image, label = a_case()
    found = measure(image, label, ["t1", "t2"], "case")
    values = image.data[1][label.data[0] > 0].astype(float)
    assert found["shape"] == [20, 20, 20]
    assert found["spacing_mm"] == [1.0, 2.0, 3.0]
    assert (found["box_start"], found["box_shape"]) == ([2, 4, 6], [15, 11, 13])
    assert found["labels"] == {"1": 200, "4": 75}
    t2 = found["channels"]["t2"]
    assert t2["count"] == 275
    assert t2["mean"] == pytest.approx(values.mean(), rel=1e-6)
    assert t2["m2"] == pytest.approx(((values - values.mean()) ** 2).sum(), rel=1e-5)
    assert t2["quantiles"][0] == pytest.approx(values.min(), rel=1e-6)
    assert t2["quantiles"][64] == pytest.approx(np.median(values), rel=1e-6)
    assert len(t2["quantiles"]) == 129


def test_it_survives_json_and_repeats() -> None:
    image, label = a_case()
    once = measure(image, label, ["t1", "t2"], "case")
    assert json.loads(json.dumps(once)) == once == measure(image, label, ["t1", "t2"], "case")


def test_without_a_label_the_nonzero_voxels_count() -> None:
    image, _ = a_case()
    found = measure(image, None, ["t1", "t2"], "case")
    assert found["labels"] == {}
    assert found["channels"]["t1"]["count"] == 15 * 11 * 13


def test_an_empty_label_counts_nothing() -> None:
    image, label = a_case()
    found = measure(image, Volume(np.zeros_like(label.data), AFFINE), ["t1", "t2"], "case")
    assert found["channels"]["t1"] == {"count": 0, "mean": 0.0, "m2": 0.0, "quantiles": []}


def test_broken_scans_are_named() -> None:
    image, label = a_case()
    with pytest.raises(InputError, match="2 channels and 1 are named"):
        measure(image, label, ["t1"], "case")
    data = image.data.copy()
    data[1, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="channel 't2' holds NaN"):
        measure(Volume(data, AFFINE), label, ["t1", "t2"], "case")


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float32])
def test_count_values(kind: Any) -> None:
    assert count_values(np.array([[3, 0, 3], [7, 0, 3]], dtype=kind)) == {0: 2, 3: 3, 7: 1}


def test_count_values_beyond_the_usual() -> None:
    assert count_values(np.array([-1, 70000, -1])) == {-1: 2, 70000: 1}
    assert count_values(np.zeros((0,), dtype=np.uint8)) == {}
    with pytest.raises(InputError, match=r"whole numbers, got \[0.5\]"):
        count_values(np.array([0.5, 1.0]))


def several() -> tuple[list[dict[str, Any]], Any]:
    cases = [a_case(seed, scale=1 + seed, size=14 + 4 * seed) for seed in range(4)]
    found = [measure(image, None, ["t1", "t2"], str(i)) for i, (image, _) in enumerate(cases)]
    return found, np.concatenate([image.data[0][image.data[0] != 0] for image, _ in cases]).astype(float)


def test_pooled_moments_are_exact() -> None:
    found, values = several()
    mean, std = pool_moments(found, "t1")
    assert mean == pytest.approx(values.mean(), rel=1e-7)
    assert std == pytest.approx(values.std(), rel=1e-6)


def test_pooled_quantiles_are_those_of_all_voxels() -> None:
    found, values = several()
    at = (0.005, 0.25, 0.5, 0.995)
    assert np.allclose(pool_quantiles(found, "t1", at), np.quantile(values, at), atol=0.02 * values.std())


def test_one_case_pools_to_itself() -> None:
    found, _ = several()
    low, high = pool_quantiles(found[:1], "t1", (0.005, 0.995))
    one = a_case(0, size=14)[0].data[0]
    assert np.allclose([low, high], np.quantile(one[one != 0], (0.005, 0.995)), atol=1.0)


def test_cases_without_foreground_do_not_count() -> None:
    found, _ = several()
    image, label = a_case()
    empty = measure(image, Volume(np.zeros_like(label.data), AFFINE), ["t1", "t2"], "empty")
    assert pool_moments([*found, empty], "t1") == pytest.approx(pool_moments(found, "t1"))
    assert pool_quantiles([*found, empty], "t1", (0.5,)) == pool_quantiles(found, "t1", (0.5,))
    for pool in (lambda: pool_moments([empty], "t1"), lambda: pool_quantiles([empty], "t1", (0.5,))):
        with pytest.raises(InputError, match="no foreground voxel"):
            pool()
