from itertools import permutations

import numpy as np
import pytest

from segmake.metrics.surfels import CORNERS, surfel_areas_mm2

CUBE = surfel_areas_mm2((1, 1, 1))


def code_of(*corners):
    return sum(1 << CORNERS.index(corner) for corner in corners)


def test_all_inside_or_all_outside_holds_no_surface():
    assert CUBE[0] == CUBE[255] == 0
    assert (CUBE[1:255] > 0).all()


@pytest.mark.parametrize(
    ("corners", "area"),
    [
        ([(0, 0, 0)], np.sqrt(3) / 8),  # a triangle with sides sqrt(1/2)
        ([(0, 0, 0), (1, 0, 0)], np.sqrt(1 / 2)),  # a rectangle 1 x sqrt(1/2)
        ([(0, 0, 0), (1, 1, 0)], np.sqrt(3) / 4),  # two triangles
        ([(0, 0, 0), (1, 1, 1)], np.sqrt(3) / 4),
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0)], 1 / 2 + 3 * np.sqrt(3) / 8),  # half a face and a trapezium
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)], 1.0),  # a plane
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], 3 * np.sqrt(3) / 4),  # a hexagon, sides sqrt(1/2)
    ],
)
def test_areas_by_hand(corners, area):
    assert CUBE[code_of(*corners)] == pytest.approx(area, abs=1e-12)


def test_inside_and_outside_have_one_surface():
    areas = surfel_areas_mm2((0.7, 1.3, 4.0))
    assert areas == pytest.approx(areas[::-1], abs=1e-12)


def test_a_plane_across_each_axis_has_the_area_of_a_voxel_face():
    areas = surfel_areas_mm2((2, 3, 5))
    for axis, face in enumerate((15, 10, 6)):
        assert areas[code_of(*(c for c in CORNERS if c[axis] == 0))] == pytest.approx(face)


def test_area_scales_with_the_square_of_the_spacing():
    assert surfel_areas_mm2((2, 2, 2)) == pytest.approx(4 * CUBE)


def test_turning_and_mirroring_a_neighbourhood_keeps_its_area():
    for code in range(256):
        inside = [corner for bit, corner in enumerate(CORNERS) if code >> bit & 1]
        mirrored = [(1 - x, y, z) for x, y, z in inside]
        assert CUBE[code_of(*mirrored)] == pytest.approx(CUBE[code])
        for order in permutations(range(3)):
            turned = [tuple(corner[axis] for axis in order) for corner in inside]
            assert CUBE[code_of(*turned)] == pytest.approx(CUBE[code])
