import dataclasses

import numpy as np
import pytest

from segmake.errors import GeometryError
from segmake.volume.volume import Volume


def test_spacing_is_the_column_length_of_an_oblique_affine() -> None:
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([2.0, 0.5, 3.0])
    volume = Volume(np.zeros((2, 3, 4, 5)), affine)
    assert volume.shape == (3, 4, 5)
    assert np.allclose(volume.spacing_mm, (2.0, 0.5, 3.0), rtol=0, atol=1e-12)


def test_a_single_precision_affine_becomes_double() -> None:
    volume = Volume(np.zeros((1, 2, 2, 2)), np.eye(4, dtype=np.float32))
    assert volume.affine.dtype == np.float64
    assert np.array_equal(volume.affine, np.eye(4))


def test_fields_cannot_be_replaced() -> None:
    volume = Volume(np.zeros((1, 2, 2, 2)), np.eye(4))
    with pytest.raises(dataclasses.FrozenInstanceError):
        volume.data = np.ones((1, 2, 2, 2))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("shape", "affine", "message"),
    [
        ((2, 2, 2), np.eye(4), r"\[C, X, Y, Z\], got an array of shape \(2, 2, 2\)"),
        ((1, 2, 2, 2), np.eye(3), "a finite 4x4 matrix"),
        ((1, 2, 2, 2), np.diag([1.0, np.nan, 1, 1]), "a finite 4x4 matrix, got .*nan"),
        ((1, 2, 2, 2), np.diag([1.0, 0, 1, 1]), "zero voxel size"),
    ],
)
def test_what_is_no_grid_is_refused(shape: tuple[int, ...], affine: np.ndarray, message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        Volume(np.zeros(shape), affine)


def test_an_image_of_a_micrometre_is_a_grid() -> None:
    assert Volume(np.zeros((1, 2, 2, 2)), np.diag([1e-3, 1e-3, 1e-3, 1])).spacing_mm == (1e-3,) * 3
