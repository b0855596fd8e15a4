from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from learning_cases import ball

from segmake.learning.sampling import Case, Sampler, central_patch, cut, generator
from segmake.volume.store import open_array, save_array


def sampler(cases=None, **changes):
    arguments = {"patch": (8, 8, 8), "border": (0, 0, 0), "batch": 2, "oversample": 0.5, "seed": 0}
    return Sampler(cases or [ball(i) for i in range(5)], **(arguments | changes))


def coordinates(shape):
    """A case whose image names its own voxel index and whose label is its x index."""
    index = np.ravel_multi_index(np.indices(shape), shape)
    label = np.broadcast_to(np.arange(shape[0])[:, None, None], shape).astype(np.uint8)
    return Case("grid", index[np.newaxis].astype(np.float32), label, np.zeros((0, 4), np.int16))


def test_cut_inside_equals_slicing():
    data = np.arange(6 * 5 * 4).reshape(1, 6, 5, 4)
    assert np.array_equal(cut(data, (1, 2, 0), (3, 2, 4)), data[:, 1:4, 2:4, :])


def test_cut_pads_with_zeros_on_both_sides():
    data = np.ones((2, 2, 2))
    patch = cut(data, (-1, 0, 1), (4, 2, 2))
    assert patch.sum() == 4
    assert np.array_equal(patch[1:3, :, 0], np.ones((2, 2)))


@pytest.mark.parametrize("start", [(-9, 0, 0), (5, 0, 0)])
def test_cut_beyond_the_array_is_all_zero(start):
    assert not cut(np.ones((4, 4, 4)), start, (4, 4, 4)).any()


def test_the_same_counter_gives_the_same_patch_in_any_order():
    a, b = sampler(), sampler()
    forward = [a.read(step) for step in range(6)]
    backward = [b.read(step) for step in reversed(range(6))][::-1]
    for one, other in zip(forward, backward, strict=True):
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.labels, other.labels)


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_change_nothing(threads):
    made = sampler()
    with ThreadPoolExecutor(threads) as pool:
        batches = list(pool.map(made.read, range(8)))
    for step, batch in enumerate(batches):
        assert np.array_equal(batch.images, sampler().read(step).images)


def test_another_seed_gives_other_patches():
    assert not np.array_equal(sampler(seed=1).read(0).images, sampler().read(0).images)


def test_every_case_is_seen_once_before_any_again():
    made = sampler()
    names = [made.choose(step, index)[0].name for step in range(5) for index in range(2)]
    assert sorted(names[:5]) == sorted(names[5:]) == [f"case{i}" for i in range(5)]
    assert names[:5] != names[5:]


def test_oversampling_centres_on_each_class_equally_often():
    case = ball(0, (40, 40, 40))
    made = sampler([case], patch=(9, 9, 9), oversample=1.0, batch=1)
    centres = [case.label[tuple(s + 4 for s in made.choose(step, 0)[1])] for step in range(300)]
    assert np.bincount(centres, minlength=3)[0] == 0
    assert 110 < np.bincount(centres)[1] < 190  # the core is four times smaller than the rim


def test_patches_stay_inside_a_larger_case():
    made = sampler([ball(0, (12, 16, 30))], oversample=0.5, batch=1)
    starts = np.array([made.choose(step, 0)[1] for step in range(200)])
    assert starts.min() == 0
    assert (starts.max(axis=0) <= [4, 8, 22]).all()
    assert starts[:, 0].max() == 4


def test_a_smaller_case_is_kept_whole_and_moves_inside_the_patch():
    case = ball(1, (6, 5, 8))
    made = sampler([case], batch=1, oversample=1.0)
    sums = {int(made.read(step).labels.sum()) for step in range(30)}
    assert sums == {int(case.label.sum())}
    assert len({made.choose(step, 0)[1] for step in range(30)}) > 5


def test_a_border_adds_voxels_round_the_same_patch():
    case = coordinates((20, 20, 20))
    plain, wide = sampler([case]), sampler([case], border=(2, 0, 3))
    inner = wide.read(4).images[:, :, 2:-2, :, 3:-3]
    assert wide.read(4).images.shape == (2, 1, 12, 8, 14)
    assert np.array_equal(inner, plain.read(4).images)


def test_image_and_label_are_cut_from_the_same_place():
    batch = sampler([coordinates((20, 12, 12))]).read(0)
    assert np.array_equal(batch.images[:, 0] // (12 * 12), batch.labels)
    assert batch.images.dtype == np.float32
    assert batch.labels.dtype == np.uint8


def test_arrays_on_disk_give_the_same_patches(tmp_path):
    case = ball(2, (20, 20, 20))
    for name in ("image", "label", "foreground"):
        save_array(tmp_path / f"{name}.b2nd", getattr(case, name))
    stored = Case(case.name, *(open_array(tmp_path / f"{n}.b2nd") for n in ("image", "label", "foreground")))
    for step in range(4):
        one, other = sampler([case]).read(step), sampler([stored]).read(step)
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.labels, other.labels)


def test_central_patch_holds_the_foreground():
    case = ball(3, (30, 16, 11))
    _, label = central_patch(case, (16, 16, 16))
    assert label.sum() == case.label.sum()


def test_central_patch_without_foreground_is_the_middle():
    image, _ = central_patch(coordinates((20, 8, 8)), (8, 8, 8))
    assert image[0, 0, 0, 0] == 6 * 64


def test_generators_differ_by_purpose():
    draws = {float(generator(*key).random()) for key in [(0, 1), (1, 0), (0, 1, 0), (0,), (0, 2)]}
    assert len(draws) == 5
