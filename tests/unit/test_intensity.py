import numpy as np
import pytest

from segmake.plan import Normalisation
from segmake.prepare.intensity import normalise


def some(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(50, 7, (2, 6, 7, 8)).astype(np.float32)


def test_zscore_of_the_case_per_channel() -> None:
    data = some() * np.array([1, 100])[:, None, None, None]
    found = normalise(data, [Normalisation(scheme="zscore")] * 2)
    assert found.dtype == np.float32
    assert np.allclose(found.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    assert np.allclose(found.std(axis=(1, 2, 3)), 1, atol=1e-5)


def test_masked_zscore_sees_the_body_only() -> None:
    data = some()
    mask = np.zeros((6, 7, 8), dtype=bool)
    mask[2:5, 2:5, 2:5] = True
    data[:, ~mask] = 9999
    found = normalise(data, [Normalisation(scheme="zscore", masked=True)] * 2, mask)
    assert np.allclose(found[:, mask].mean(axis=1), 0, atol=1e-5)
    assert np.allclose(found[:, mask].std(axis=1), 1, atol=1e-5)
    assert (found[:, ~mask] == 0).all()


def test_a_scheme_without_masked_ignores_the_mask() -> None:
    data, mask = some(), np.zeros((6, 7, 8), dtype=bool)
    rules = [Normalisation(scheme="zscore"), Normalisation(scheme="minmax")]
    assert np.array_equal(normalise(data, rules, mask), normalise(data, rules))


def test_ct_uses_the_numbers_of_the_data_set() -> None:
    data = np.array([-2000, -100, 40, 3000], dtype=np.int16).reshape(1, 1, 1, 4)
    rule = Normalisation(scheme="ct", lower=-160, upper=240, mean=40, std=100)
    assert normalise(data, [rule]).ravel().tolist() == pytest.approx([-2.0, -1.4, 0.0, 2.0])


def test_minmax_and_none() -> None:
    data = np.array([2, 4, 10], dtype=np.uint8).reshape(1, 1, 1, 3)
    assert normalise(data, [Normalisation(scheme="minmax")]).ravel().tolist() == pytest.approx([0, 0.25, 1])
    assert normalise(data, [Normalisation(scheme="none")]).ravel().tolist() == [2, 4, 10]


@pytest.mark.parametrize("scheme", ["zscore", "minmax"])
def test_a_constant_image_becomes_zero(scheme: str) -> None:
    data = np.full((1, 3, 3, 3), 7, dtype=np.int16)
    assert (normalise(data, [Normalisation(scheme=scheme)]) == 0).all()  # type: ignore[arg-type]


def test_an_empty_body_stays_finite() -> None:
    data = np.ones((1, 3, 3, 3), dtype=np.float32)
    found = normalise(data, [Normalisation(scheme="zscore", masked=True)], np.zeros((3, 3, 3), dtype=bool))
    assert (found == 0).all()


def test_the_callers_array_is_left_alone() -> None:
    data = some()
    before = data.copy()
    for scheme in ("zscore", "minmax", "none"):
        normalise(data, [Normalisation(scheme=scheme)] * 2)  # type: ignore[arg-type]
    normalise(data, [Normalisation(scheme="ct", lower=40, upper=60, mean=50, std=5)] * 2)
    assert np.array_equal(data, before)


def test_large_intensities_keep_their_precision() -> None:
    data = (some() + 1.7e6).astype(np.float32)
    found = normalise(data, [Normalisation(scheme="zscore")] * 2)
    exact = data.astype(np.float64)
    exact = (exact - exact.mean(axis=(1, 2, 3), keepdims=True)) / exact.std(axis=(1, 2, 3), keepdims=True)
    assert np.abs(found - exact).max() < 0.02
