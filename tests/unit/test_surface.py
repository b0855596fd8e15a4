import numpy as np
import pytest

from segmake.errors import GeometryError, InputError
from segmake.metrics.surface import assd_mm, hd_mm, nsd, surface_distances
from segmake.metrics.surfels import CORNERS, surfel_areas_mm2

SPACING = (0.9, 1.7, 3.1)


def box(start, stop, shape=(20, 20, 20)):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
    return mask


def surface_points(mask, spacing_mm):
    """World positions and areas of the surface, read off neighbourhood by neighbourhood."""
    padded = np.pad(mask, 1)
    areas, positions, weights = surfel_areas_mm2(spacing_mm), [], []
    for index in np.ndindex(*(n + 1 for n in mask.shape)):
        inside = [padded[tuple(np.add(index, corner))] for corner in CORNERS]
        if any(inside) and not all(inside):
            positions.append(np.multiply(index, spacing_mm))
            weights.append(areas[sum(1 << bit for bit, on in enumerate(inside) if on)])
    return np.array(positions), np.array(weights)


def brute_force(prediction, truth, spacing_mm, percent, tolerance_mm):
    """HD percentile, ASSD and NSD from all pairs of surface points, straight from the definitions."""
    (p, area_p), (t, area_t) = (surface_points(mask, spacing_mm) for mask in (prediction, truth))
    apart = np.sqrt(((p[:, None] - t[None]) ** 2).sum(-1))
    directed = [(apart.min(1), area_p), (apart.min(0), area_t)]
    percentiles = []
    for distance, area in directed:
        reached = [(d, area[distance <= d].sum()) for d in sorted(set(distance))]
        percentiles.append(next(d for d, a in reached if a >= percent / 100 * area.sum() * (1 - 1e-9)))
    total = area_p.sum() + area_t.sum()
    near = sum(area[distance <= tolerance_mm].sum() for distance, area in directed)
    return max(percentiles), sum((d * a).sum() for d, a in directed) / total, near / total


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), SPACING])
@pytest.mark.parametrize("density", [0.05, 0.3, 0.9])
def test_every_reducer_equals_brute_force_on_random_masks(spacing_mm, density):
    rng = np.random.default_rng(int(density * 100))
    prediction, truth = rng.random((2, 7, 8, 6)) < density
    for percent in (50.0, 95.0, 100.0):
        found = surface_distances(prediction, truth, spacing_mm)
        expected = brute_force(prediction, truth, spacing_mm, percent, 1.3)
        assert (hd_mm(found, percent), assd_mm(found), nsd(found, 1.3)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("axis", "voxels"), [(0, 1), (0, 4), (1, 2), (2, 3)])
def test_a_box_moved_by_n_voxels_is_n_spacings_away(axis, voxels):
    truth = box((5, 5, 5), (11, 12, 13))
    found = surface_distances(np.roll(truth, voxels, axis), truth, SPACING)
    assert hd_mm(found) == pytest.approx(voxels * SPACING[axis], rel=1e-6)


def test_an_identical_mask_is_at_no_distance():
    mask = np.random.default_rng(3).random((8, 8, 8)) < 0.4
    found = surface_distances(mask, mask, SPACING)
    assert (hd_mm(found), hd_mm(found, 95.0), assd_mm(found), nsd(found, 1e-9)) == (0.0, 0.0, 0.0, 1.0)


def test_both_directions_swap_with_the_masks():
    a, b = np.random.default_rng(4).random((2, 8, 8, 8)) < 0.2
    forth, back = surface_distances(a, b, SPACING), surface_distances(b, a, SPACING)
    assert forth.to_truth.distance_mm.tolist() == back.to_prediction.distance_mm.tolist()
    assert hd_mm(forth, 95.0) == hd_mm(back, 95.0)
    assert assd_mm(forth) == pytest.approx(assd_mm(back), rel=1e-12)
    assert nsd(forth, 1.0) == pytest.approx(nsd(back, 1.0), rel=1e-12)


def test_distances_scale_with_the_spacing():
    a, b = np.random.default_rng(5).random((2, 8, 8, 8)) < 0.2
    small, large = surface_distances(a, b, (1, 2, 3)), surface_distances(a, b, (4, 8, 12))
    assert hd_mm(large, 95.0) == pytest.approx(4 * hd_mm(small, 95.0), rel=1e-6)
    assert assd_mm(large) == pytest.approx(4 * assd_mm(small), rel=1e-6)
    assert nsd(large, 4.0) == pytest.approx(nsd(small, 1.0), rel=1e-6)


def test_two_slabs_by_hand():
    """Two plates that fill the image across x, two voxels apart: every big face is 2 mm from its twin."""
    shape = (12, 30, 30)
    truth, prediction = box((2, 0, 0), (8, 30, 30), shape), box((4, 0, 0), (10, 30, 30), shape)
    found = surface_distances(prediction, truth, (1, 1, 1))
    assert hd_mm(found) == 2.0
    assert 0.0 < assd_mm(found) < 2.0
    assert nsd(found, 1.99) < nsd(found, 2.0) == 1.0


def test_the_95th_percentile_forgives_a_speck_of_surface_and_the_maximum_does_not():
    truth = box((3, 3, 3), (15, 15, 15), (30, 18, 18))
    prediction = truth.copy()
    prediction[28, 9, 9] = True
    found = surface_distances(prediction, truth, (1, 1, 1))
    assert hd_mm(found, 95.0) == 0.0
    assert hd_mm(found) == pytest.approx(14.0)


def test_a_miss_shows_in_the_direction_that_sees_it():
    """The distance is the larger of both directions: a missed part is far only from the truth's side."""
    prediction = box((3, 3, 3), (9, 9, 9), (30, 12, 12))
    truth = prediction | box((20, 3, 3), (26, 9, 9), (30, 12, 12))
    found = surface_distances(prediction, truth, (1, 1, 1))
    assert found.to_truth.percentile_mm(95) == 0.0
    assert hd_mm(found, 95.0) == found.to_prediction.percentile_mm(95) > 10.0


def test_the_area_of_a_large_box_is_that_of_its_faces_but_for_rounded_edges():
    mask = box((5, 5, 5), (65, 65, 65), (70, 70, 70))
    found = surface_distances(mask, mask, (1, 1, 1))
    assert found.to_truth.area_mm2.sum() == pytest.approx(6 * 60**2, rel=0.02)


def test_a_mask_that_touches_the_border_of_the_image_is_closed_there():
    inner, whole = box((1, 1, 1), (5, 5, 5), (6, 6, 6)), np.ones((4, 4, 4), dtype=bool)
    a, b = surface_distances(inner, inner, SPACING), surface_distances(whole, whole, SPACING)
    assert a.area_mm2 == pytest.approx(b.area_mm2)


def test_a_distance_at_the_tolerance_is_within():
    truth = box((5, 5, 5), (9, 9, 9))
    found = surface_distances(np.roll(truth, 3, 0), truth, (0.1, 0.1, 0.1))
    assert nsd(found, 0.3) == 1.0


def test_one_voxel_has_a_surface():
    a, b = box((2, 2, 2), (3, 3, 3)), box((2, 2, 6), (3, 3, 7))
    assert hd_mm(surface_distances(a, b, (1, 1, 2.5))) == pytest.approx(10.0)


def test_a_single_slice_is_measured_like_a_volume():
    truth = box((2, 2, 0), (6, 6, 1), (10, 10, 1))
    assert hd_mm(surface_distances(np.roll(truth, 2, 1), truth, SPACING)) == pytest.approx(2 * 1.7)


def test_the_masks_are_left_as_they_were():
    a, b = np.random.default_rng(6).random((2, 6, 6, 6)) < 0.5
    kept = a.copy(), b.copy()
    surface_distances(a, b, SPACING)
    assert (a == kept[0]).all()
    assert (b == kept[1]).all()


def test_masks_without_a_surface_or_a_common_grid_are_refused():
    mask = box((2, 2, 2), (4, 4, 4))
    with pytest.raises(InputError, match="empty mask"):
        surface_distances(mask, np.zeros_like(mask), SPACING)
    with pytest.raises(GeometryError, match="one grid"):
        surface_distances(mask, mask[1:], SPACING)
