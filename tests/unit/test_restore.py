import itertools

import numpy as np
import pytest
import torch
from inference_cases import restore
from plan_cases import small_plan

from segmake.errors import InputError
from segmake.inference.restore import Restoration, Target
from segmake.inference.windows import Box
from segmake.prepare.case import class_index, prepare
from segmake.volume.interpolation import resample_image
from segmake.volume.volume import Volume

BRATS = {"labels": {"necrosis": 1, "edema": 2, "enhancing": 4}}


def one_hot(label, values):
    return np.stack([(label == value).astype(np.float32) for value in values])


@pytest.fixture
def label():
    return np.random.default_rng(0).choice([0, 1, 2, 4], (9, 12, 7))


def test_one_hot_scores_on_the_same_grid_are_the_label_map(label):
    plan = small_plan(**BRATS)
    result = restore(one_hot(label, plan.label_values), plan, label.shape)
    assert result.dtype == np.uint8
    assert np.array_equal(result, label)


def test_values_come_in_the_order_of_the_labels(label):
    plan = small_plan(labels={"enhancing": 4, "necrosis": 1, "edema": 2})
    assert plan.label_values == [0, 4, 1, 2]
    assert np.array_equal(restore(one_hot(label, [0, 4, 1, 2]), plan, label.shape), label)


def test_outside_of_the_box_is_background(label):
    plan = small_plan(**BRATS)
    result = restore(one_hot(label, plan.label_values), plan, (20, 20, 20), start=(3, 0, 13), box=label.shape)
    assert np.array_equal(result[3:12, 0:12, 13:20], label)
    assert np.count_nonzero(result) == np.count_nonzero(label)


def test_nested_regions_decode_to_the_labels(label):
    plan = small_plan(**BRATS, regions={"WT": [1, 2, 4], "TC": [1, 4], "ET": [4]})
    heads = np.stack([np.isin(label, values) for values in ([1, 2, 4], [1, 4], [4])])
    assert np.array_equal(restore(np.where(heads, 3.0, -3.0), plan, label.shape), label)


def test_labels_that_regions_cannot_tell_apart_have_heads_of_their_own(label):
    plan = small_plan(**BRATS, regions={"WT": [1, 2, 4]})
    assert plan.heads == [(1, 2, 3), (1,), (2,), (3,)]
    heads = np.stack([label > 0, label == 1, label == 2, label == 4])
    assert np.array_equal(restore(np.where(heads, 3.0, -3.0), plan, label.shape), label)


def test_equal_scores_go_to_the_lower_class():
    plan = small_plan(**BRATS)
    scores = np.zeros((4, 2, 1, 1), np.float32)
    scores[[2, 3], 1] = 5
    assert restore(scores, plan, (2, 1, 1)).ravel().tolist() == [0, 2]


def test_a_half_space_keeps_its_boundary_on_a_finer_grid():
    plan = small_plan(labels={"right": 7}, spacing_mm=(2.0, 2.0, 2.0))
    at = np.arange(10) * 2.0 - 9  # mm from the centre
    inside = np.broadcast_to(at[:, None, None] - 1.25, (10, 4, 4))
    result = restore(np.stack([-inside, inside]), plan, (40, 8, 8), spacing=(0.5, 1.0, 1.0))
    native = np.arange(40) * 0.5 - 9.75
    assert np.array_equal(result[:, 0, 0], np.where(native > 1.25, 7, 0))
    assert (result == result[:, :1, :1]).all()


@pytest.mark.parametrize("target", [(1.0, 1.0, 1.0), (0.7, 1.3, 2.0), (2.0, 1.5, 3.0)])
def test_what_prepare_does_is_undone(target):
    """The image holds a distance to a ball; its zero crossing must come back where it was."""
    spacing = np.array([1.1, 0.9, 2.4])
    plan = small_plan(
        labels={"ball": 3}, spacing_mm=target, normalisation={"t1": {"scheme": "none"}}, crop="nonzero"
    )
    shape = (41, 48, 19)
    grid = np.moveaxis(np.indices(shape), 0, -1) * spacing
    centre = np.array([20.3, 21.7, 22.1])
    field = (12 - np.linalg.norm(grid - centre, axis=-1)).astype(np.float32)
    field[:3] = field[:, -4:] = 0  # cropped away
    image = Volume(field[np.newaxis], np.diag([*spacing, 1]))
    prepared = prepare(image, plan)
    assert prepared.crop_start == (3, 0, 0)
    logits = np.concatenate([-prepared.data, prepared.data])
    result = restore(logits, plan, shape, tuple(spacing), prepared.crop_start, prepared.crop_shape)
    truth = field > 0
    found = result == 3
    assert set(np.unique(result)) == {0, 3}
    assert found.sum() == pytest.approx(truth.sum(), rel=0.02)
    shift = (grid[found].mean(axis=0) - grid[truth].mean(axis=0)) / spacing
    assert np.abs(shift).max() < 0.1


def test_class_indices_and_values_are_inverse(label):
    plan = small_plan(**BRATS)
    index = class_index(label, plan.label_values)
    assert np.array_equal(restore(one_hot(index, range(4)), plan, label.shape), label)


GRIDS = [
    ((12, 9, 14), (12, 9, 14)),
    ((12, 9, 14), (29, 20, 31)),
    ((12, 9, 14), (7, 5, 3)),
    ((12, 9, 14), (40, 9, 5)),
    ((1, 9, 2), (3, 9, 2)),
]


def whole(logits, native, spacing, plan_mm):
    ratio = [new / old for new, old in zip(spacing, plan_mm, strict=True)]
    return resample_image(logits, native, ratio, 1)


@pytest.mark.parametrize(("grid", "native"), GRIDS)
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("thickness", "rows"), [(1, 1), (3, 2), (100, 4), (2, 100)])
def test_stripes_of_every_thickness_give_the_whole_interpolation(grid, native, axis, thickness, rows):
    logits = np.random.default_rng(4).normal(size=(2, *grid)).astype(np.float32)
    spacing = tuple(old / new for old, new in zip(grid, native, strict=True))
    restoration = Restoration(grid, (1, 1, 1), Target(native, spacing, (0, 0, 0), native))
    pieces = torch.from_numpy(logits).movedim(axis + 1, 1).split(thickness, dim=1)
    found = np.full((2, *native), np.nan, np.float32)
    for stripe in restoration.run(iter(pieces), Box((0, 0, 0), grid), axis, rows):
        assert stripe.box.size[axis] <= rows
        assert np.isnan(stripe.within(found)).all()
        stripe.within(found)[...] = stripe.logits
    assert np.allclose(found, whole(logits, native, spacing, (1, 1, 1)), atol=1e-5)


@pytest.mark.parametrize("native", [(12, 30, 14), (12, 5, 14), (12, 9, 14)])
@pytest.mark.parametrize("cuts", [[0, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 3, 8]])
def test_blocks_that_share_a_row_cover_every_native_voxel_once(native, cuts):
    grid = (12, 9, 14)
    logits = np.random.default_rng(5).normal(size=(2, *grid)).astype(np.float32)
    spacing = tuple(old / new for old, new in zip(grid, native, strict=True))
    restoration = Restoration(grid, (1, 1, 1), Target(native, spacing, (0, 0, 0), native))
    found = np.full((2, *native), np.nan, np.float32)
    for first, last in itertools.pairwise(cuts):
        box = Box((0, first, 0), (12, last - first + 1, 14))
        part = torch.from_numpy(logits[:, :, first : last + 1])
        for stripe in restoration.run(iter(part.split(5, dim=1)), box, 0, 4):
            assert np.isnan(stripe.within(found)).all()
            stripe.within(found)[...] = stripe.logits
    assert np.allclose(found, whole(logits, native, spacing, (1, 1, 1)), atol=1e-5)


def test_logits_that_are_no_numbers_are_not_called_background():
    bad = np.zeros((3, 4, 4, 4), np.float32)
    bad[0, 1, 2, 3] = np.nan
    with pytest.raises(InputError, match="not finite numbers"):
        restore(bad, small_plan(), (4, 4, 4))
