import numpy as np
import pytest
import torch

from segmake.learning.splines import basis, spread


@pytest.mark.parametrize(("voxels", "cells"), [(7, 1), (16, 2), (40, 4), (5, 5)])
def test_weights_sum_to_one_and_are_not_negative(voxels, cells):
    weights = basis(voxels, cells)
    assert weights.shape == (voxels, cells + 3)
    assert weights.sum(axis=1) == pytest.approx(1)
    assert weights.min() >= 0
    assert ((weights > 0).sum(axis=1) <= 4).all()


def test_a_line_of_control_points_gives_a_line():
    control = np.tile(np.arange(-1.0, 6)[:, None, None], (1, 1, 1, 4, 4))
    field = spread(control, (8, 3, 3), torch.zeros(1, dtype=torch.float64))
    expected = (np.arange(8) + 0.5) / 8 * 4  # in cells
    assert field[0, 0, :, 1, 1].tolist() == pytest.approx(expected.tolist())


def test_the_middle_of_a_point_weighs_two_thirds_along_each_axis():
    control = np.zeros((1, 1, 5, 5, 5))
    control[0, 0, 2, 2, 2] = 1
    field = spread(control, (2, 2, 2), torch.zeros(1))  # voxels half a cell from the point
    assert field.ravel().tolist() == pytest.approx([(23 / 48) ** 3] * 8)
