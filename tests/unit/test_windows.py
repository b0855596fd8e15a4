import math

import numpy as np
import pytest
import torch
from inference_cases import slide

from segmake.inference.windows import Box, cut, gaussian, positions, stitch

OVERLAPS = [0, 0.3, 0.5, 0.75, 0.9]


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("width", [1, 3, 4, 7, 10])
def test_windows_cover_every_voxel_and_overlap_as_asked(width, overlap):
    for size in range(width, 60):
        starts = sorted({x for x, _, _ in positions((size, 5, 5), (width, 5, 5), overlap)})
        covered = {start + step for start in starts for step in range(width)}
        assert covered == set(range(size))
        gaps = np.diff(starts)
        assert gaps.size == 0 or gaps.max() <= math.ceil(max(1, width * (1 - overlap)))
        assert gaps.size == 0 or gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize(
    ("size", "width", "overlap", "starts"),
    [
        (8, 8, 0.5, [0]),
        (9, 8, 0.5, [0, 1]),
        (16, 8, 0, [0, 8]),
        (16, 8, 0.5, [0, 4, 8]),
        (17, 8, 0.5, [0, 3, 6, 9]),
        (30, 10, 0.8, list(range(0, 21, 2))),
        (6, 3, 0.99, [0, 1, 2, 3]),
    ],
)
def test_first_voxels_by_hand(size, width, overlap, starts):
    assert [z for _, _, z in positions((4, 4, size), (4, 4, width), overlap)] == starts


def test_windows_are_the_product_of_the_axes():
    places = positions((8, 6, 12), (4, 6, 8), 0.5)
    assert places == [(x, 0, z) for x in (0, 2, 4) for z in (0, 4)]


@pytest.mark.parametrize("patch", [(8, 8, 8), (7, 12, 5), (1, 4, 64)])
def test_weights_are_symmetric_positive_and_at_most_one(patch):
    weights = gaussian(patch)
    assert (weights.shape, weights.dtype) == (patch, np.float32)
    assert weights.max() == 1
    assert weights.min() >= 1e-3 * 0.999
    for axis in range(3):
        assert np.array_equal(weights, np.flip(weights, axis))


def test_weights_fall_as_a_normal_distribution():
    line = gaussian((33, 1, 1), sigma=0.25)[:, 0, 0]
    expected = np.exp(-0.5 * ((np.arange(33) - 16) / (0.25 * 33)) ** 2)
    assert np.allclose(line, expected, atol=1e-6)


SHAPES = [(16, 16, 16), (17, 19, 23), (16, 40, 9), (5, 6, 7), (1, 1, 1)]


@pytest.mark.parametrize("overlap", [0, 0.5, 0.75])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_identity_network_returns_its_input(shape, overlap):
    data = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    before = data.copy()
    result = slide(data, lambda patches: patches, (8, 10, 16), overlap, 3)
    assert result.dtype == np.float32
    assert np.allclose(result, data, atol=2e-6, rtol=2e-6)
    assert np.array_equal(data, before)


@pytest.mark.parametrize("overlap", [0, 0.5, 0.75])
@pytest.mark.parametrize("shape", SHAPES)
def test_ones_in_ones_out(shape, overlap):
    def ones(patches):
        return np.ones((len(patches), 3, *patches.shape[2:]), dtype=np.float32)

    result = slide(np.zeros((1, *shape), np.float32), ones, (8, 10, 16), overlap, 4)
    assert result.shape == (3, *shape)
    assert np.allclose(result, 1, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 2, 5, 1000])
def test_the_batch_size_does_not_matter(batch):
    data = np.random.default_rng(1).normal(size=(1, 20, 13, 17)).astype(np.float32)
    seen = []

    def network(patches):
        seen.append(len(patches))
        return patches * patches.mean(axis=(1, 2, 3, 4), keepdims=True)  # depends on the window alone

    result = slide(data, network, (8, 8, 8), 0.5, batch)
    assert sum(seen) == len(positions((20, 13, 17), (8, 8, 8), 0.5))
    assert max(seen) <= batch
    single = slide(data, lambda p: p * p.mean(axis=(1, 2, 3, 4), keepdims=True), (8, 8, 8), 0.5, 1)
    assert np.array_equal(result, single)


def test_overlaps_are_weighted_means():
    answers = iter([np.float32(2), np.float32(6)])

    def network(patches):
        return np.full((1, 1, *patches.shape[2:]), next(answers))

    result = slide(np.zeros((1, 6, 1, 1), np.float32), network, (4, 1, 1), 0.5, 1)[0, :, 0, 0]
    weights = gaussian((4, 1, 1))[:, 0, 0]
    first, second = np.append(weights, [0, 0]), np.append([0, 0], weights)
    assert np.allclose(result, (2 * first + 6 * second) / (first + second), atol=1e-6)
    assert np.allclose(result[[0, 1, 4, 5]], [2, 2, 6, 6])


def test_small_images_sit_in_the_middle_of_a_patch_of_zeros():
    seen = []
    data = np.ones((1, 2, 8, 3), np.float32)
    slide(data, lambda patches: seen.append(patches) or patches, (8, 8, 8), 0.5, 2)
    (patches,) = seen
    assert patches.shape == (1, 1, 8, 8, 8)
    assert patches.sum() == data.sum()
    assert np.array_equal(patches[0, :, 3:5, :, 2:5], data)


def test_a_small_grid_lies_in_the_middle_of_a_window():
    assert positions((2, 5, 20), (8, 8, 8), 0) == [(-3, -1, z) for z in (0, 6, 12)]
    data = np.arange(1, 11, dtype=np.float32).reshape(1, 2, 5, 1)
    window = cut(data, (-3, -1, -1), (8, 8, 3))
    assert window.shape == (1, 8, 8, 3)
    assert np.array_equal(window[:, 3:5, 1:6, 1:2], data)
    assert window.sum() == data.sum()


def local(patches):
    """Outputs that tell their windows apart."""
    return patches * patches.mean(axis=(1, 2, 3, 4), keepdims=True)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8, 1000])
def test_stripes_of_every_thickness_and_direction_are_the_whole(axis, rows):
    data = np.random.default_rng(2).normal(size=(2, 21, 14, 17)).astype(np.float32)
    whole = slide(data, local, (8, 10, 6), 0.5, 2)
    assert np.allclose(slide(data, local, (8, 10, 6), 0.5, 2, axis, rows), whole, atol=1e-6)


def dense(data, network, patch, overlap):
    """The same by definition: sums over the whole grid, divided once."""
    sums, total = np.zeros(data.shape, np.float64), np.zeros(data.shape[1:], np.float64)
    for place in positions(data.shape[1:], patch, overlap):
        box = tuple(slice(a, a + n) for a, n in zip(place, patch, strict=True))
        sums[(slice(None), *box)] += network(data[(slice(None), *box)][None])[0] * gaussian(patch)
        total[box] += gaussian(patch)
    return sums / total


@pytest.mark.parametrize("seed", range(4))
def test_the_stitched_result_is_the_dense_reference_for_random_networks(seed):
    torch.manual_seed(seed)
    network = torch.nn.Sequential(
        torch.nn.Conv3d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv3d(4, 3, 1)
    )
    data = np.random.default_rng(seed).normal(size=(1, 19, 16, 24)).astype(np.float32)

    def run(patches):
        with torch.no_grad():
            return network(torch.from_numpy(np.ascontiguousarray(patches))).numpy()

    sums = np.stack([dense(data, lambda p, h=h: run(p)[:, h : h + 1], (8, 9, 12), 0.5)[0] for h in range(3)])
    assert np.abs(slide(data, run, (8, 9, 12), 0.5, 3, axis=2, rows=4) - sums).max() < 1e-5


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_box_of_the_grid_is_that_part_of_the_whole(axis):
    data = np.random.default_rng(3).normal(size=(1, 20, 18, 16)).astype(np.float32)
    whole = slide(data, local, (8, 8, 8), 0.5, 1)
    box = Box((5, 3, 7), (5, 11, 4))
    places = sorted(positions((20, 18, 16), (8, 8, 8), 0.5), key=lambda place: place[axis])
    assert {box.meets(place, (8, 8, 8)) for place in places} == {True, False}
    outputs = [
        (place, torch.from_numpy(local(cut(data, place, (8, 8, 8))[None])[0]))
        for place in places
        if box.meets(place, (8, 8, 8))
    ]
    found = torch.cat(list(stitch(iter(outputs), box, axis, 3, torch.zeros(1))), dim=1).movedim(1, axis + 1)
    assert np.allclose(found, whole[:, 5:10, 3:14, 7:11], atol=1e-6)


def test_voxels_without_a_window_get_what_is_given():
    one = [((4, 0, 0), torch.ones(2, 4, 4, 4))]
    found = torch.cat(
        list(stitch(iter(one), Box((0, 0, 0), (12, 4, 4)), 0, 3, torch.tensor([7.0, -7.0]))), dim=1
    )
    assert torch.equal(found[:, 4:8], torch.ones(2, 4, 4, 4))
    outside = torch.tensor([7.0, -7.0])[:, None, None, None].expand(2, 4, 4, 4)
    assert torch.equal(found[:, :4], outside)
    assert torch.equal(found[:, 8:], outside)
    none = list(stitch(iter([]), Box((0, 0, 0), (3, 2, 2)), 1, 9, torch.tensor([1.0])))
    assert torch.equal(torch.cat(none, dim=1), torch.ones(1, 2, 3, 2))
