import numpy as np
import pytest
import torch

from segmake.learning import views
from segmake.learning.classifier import normalise
from segmake.learning.sampling import generator
from segmake.learning.views import apply, blur, change, curve, draw, erase, move, stretch
from segmake.recipe import ViewSettings

STRONG = ViewSettings.model_validate({"preset": "strong", "quarter": 0.5, "noise": 1.0})


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures(count=4, channels=2, size=16):
    return torch.from_numpy(generator(3).integers(0, 256, (count, channels, size, size), dtype=np.uint8))


def drawn(strength, flip=("x", "y"), count=4, seed=0):
    return draw(ViewSettings.model_validate(strength), flip, count, generator(seed))


def only(**chances):
    """No change but these."""
    return {"preset": "none"} | chances


def test_none_leaves_patches_as_they_are():
    images = pictures()
    assert torch.equal(apply(images, drawn("none")), normalise(images))


def test_the_network_gets_channels_last():
    assert apply(pictures(), drawn("strong")).is_contiguous(memory_format=torch.channels_last)


def test_equal_seeds_give_equal_views_and_others_do_not():
    images = pictures()
    one, same, other = (apply(images, drawn(STRONG, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_some_patches_are_changed_as_with_all_the_others():
    images, parameters = pictures(6), drawn(STRONG, count=6)
    whole = apply(images, parameters)
    rows = [1, 4]
    assert torch.allclose(apply(images[rows], parameters.of(rows)), whole[rows], atol=1e-5)


@pytest.mark.parametrize(("axis", "dim"), [("x", 3), ("y", 2)])
def test_a_flip_mirrors_along_its_axis_alone(axis, dim):
    images = pictures().float()
    parameters = drawn(only(flip=1.0), flip=[axis])
    assert torch.allclose(move(images, parameters.matrix), images.flip(dim), atol=1e-3)
    assert torch.equal(move(images, drawn(only(flip=1.0), flip=[]).matrix), images)


def test_quarter_turns_are_exact_and_all_occur():
    images = pictures(1).float()
    seen = set()
    for seed in range(30):
        view = move(images, drawn(only(quarter=1.0), count=1, seed=seed).matrix)
        turns = [k for k in (1, 2, 3) if torch.allclose(view, images.rot90(k, (2, 3)), atol=1e-3)]
        assert len(turns) == 1
        seen.add(turns[0])
    assert seen == {1, 2, 3}


def test_a_rotation_keeps_distances_and_the_middle():
    parameters = drawn(only(rotate=1.0, degrees=90.0), count=50)
    linear = parameters.matrix[:, :, :2]
    np.testing.assert_allclose(linear @ linear.transpose(0, 2, 1), np.tile(np.eye(2), (50, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(linear), 1)
    assert not parameters.matrix[:, :, 2].any()
    angles = np.degrees(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    assert angles.max() > 60
    assert angles.min() < -60


def test_a_smaller_field_of_view_enlarges():
    images = torch.zeros(1, 1, 32, 32)
    images[:, :, 12:20, 12:20] = 255
    matrix = np.array([[[0.5, 0, 0], [0, 0.5, 0]]])
    assert float((move(images, matrix) > 127).sum()) == pytest.approx(4 * 64, rel=0.05)


def test_a_shift_moves_by_a_fraction_of_the_patch():
    images = pictures(1, 1, 20).float()
    matrix = np.array([[[1, 0, 2 * 0.1], [0, 1, 0]]])  # 0.1 of 20 pixels along x
    assert torch.allclose(move(images, matrix)[..., :18], images[..., 2:], atol=1e-2)
    found = drawn(only(shift=1.0, shift_range=0.1), count=200).matrix[:, :, 2]
    assert np.abs(found).max() <= 0.2
    assert np.abs(found).max() > 0.18


def test_how_often_and_how_much_is_as_the_settings_say():
    strength = only(brightness=0.25, brightness_range=(0.5, 2.0), gamma=0.5, gamma_range=(0.7, 1.5))
    found = drawn(strength, count=4000)
    assert (found.brightness != 1).mean() == pytest.approx(0.25, abs=0.03)
    assert (found.gamma != 1).mean() == pytest.approx(0.5, abs=0.03)
    assert 0.5 <= found.brightness.min() < 0.55
    assert 1.9 < found.brightness.max() <= 2
    assert not found.noise_std.any()


def test_grey_values_change_by_the_numbers():
    images = torch.tensor([[[[100.0, 200.0]]]])
    factor = torch.full((1, 1, 1, 1), 0.5)
    assert stretch(images, factor).ravel().tolist() == [125, 175]
    assert curve(images, torch.full((1, 1, 1, 1), 2.0)).ravel().tolist() == pytest.approx(
        [100 * 100 / 255, 200 * 200 / 255], rel=1e-5
    )
    neutral = drawn("none", count=1)
    brighter = views.replace(neutral, brightness=np.array([1.5]))
    assert change(images, brighter).ravel().tolist() == [150, 300]


def test_blurring_spreads_each_patch_by_its_own_width():
    images = torch.zeros(2, 1, 31, 31)
    images[:, :, 15, 15] = 1
    found = blur(images, torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1))
    offsets = torch.arange(31) - 15.0
    for view, sigma in zip(found[:, 0], (1.0, 2.0), strict=True):
        assert float(view.sum()) == pytest.approx(1, abs=1e-3)
        assert float((view.sum(0) * offsets**2).sum()) ** 0.5 == pytest.approx(sigma, rel=0.03)
    flat = torch.full((1, 2, 8, 8), 7.0)
    assert torch.allclose(blur(flat, torch.ones(1, 1, 1, 1)), flat)


def test_noise_has_its_width_and_other_patches_none():
    images = torch.full((2, 1, 100, 100), 128.0)
    noisy = views.replace(drawn("none", count=2), noise_std=np.array([0.1, 0.0]))
    found = change(images, noisy)
    assert float(found[0].std()) == pytest.approx(25.5, rel=0.03)
    assert torch.equal(found[1], images[1])


def test_a_square_becomes_as_grey_as_the_patch():
    images = torch.zeros(2, 1, 20, 20)
    images[:, :, :10] = 100
    found = erase(images, np.array([[0.0, -0.5, 0.3, 0.3], [0.0, 0.0, 0.0, 0.0]]))
    changed = (found[0, 0] != images[0, 0]).nonzero()
    assert changed.min(dim=0).values.tolist() == [2, 7]
    assert changed.max(dim=0).values.tolist() == [7, 12]
    assert float(found[0, 0, 5, 10]) == 50
    assert torch.equal(found[1], images[1])


def test_the_callers_bytes_stay():
    images = pictures()
    before = images.clone()
    apply(images, drawn(STRONG))
    assert torch.equal(images, before)
