import numpy as np
import pytest
import torch
from learning_cases import ball

from segmake.learning.augmentation import Grid, Parameters, Recipe, apply, draw, intensities, warp
from segmake.learning.sampling import generator

CUBE = Grid((16, 16, 16), (1.0, 1.0, 1.0))
ALWAYS = Recipe(rotate=1, scale=1, noise=1, brightness=1, contrast=1, blur=1, low_resolution=1, gamma=1)


def neutral(matrix=None, shape=(1, 1), **changes):
    ones, zeros = np.ones(shape), np.zeros(shape)
    fields = {
        "matrix": np.stack([np.eye(3)] * shape[0]) if matrix is None else matrix,
        "noise_std": zeros,
        "noise_seed": 0,
        "brightness": ones,
        "contrast": ones,
        "blur_sigma": zeros,
        "zoom": ones,
        "gamma": ones,
        "inverted": zeros.astype(bool),
    }
    return Parameters(**(fields | changes))


def patch(number=0, shape=(16, 16, 16)):
    case = ball(number, shape)
    return torch.from_numpy(case.image.astype(np.float32))[None], torch.from_numpy(case.label)[None]


def test_neutral_parameters_change_nothing():
    images, labels = patch()
    moved, marks = apply(images, labels, CUBE, neutral())
    assert torch.allclose(moved, images, atol=1e-4)
    assert torch.equal(marks, labels)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flips_are_exact(axis):
    images, labels = patch()
    matrix = np.eye(3)
    matrix[axis, axis] = -1
    moved, marks = warp(images, labels, CUBE, matrix[None])
    assert torch.allclose(moved, images.flip(axis + 2), atol=1e-4)
    assert torch.equal(marks, labels.flip(axis + 1))


def test_a_quarter_turn_is_exact():
    images, labels = patch()
    matrix = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    moved, marks = warp(images, labels, CUBE, matrix[None])
    assert torch.equal(marks, labels.rot90(-1, (1, 2))) or torch.equal(marks, labels.rot90(1, (1, 2)))
    assert torch.allclose(moved, images.rot90(-1, (2, 3)), atol=1e-4) == torch.equal(
        marks, labels.rot90(-1, (1, 2))
    )


def test_the_border_is_cut_off_round_the_centre():
    images, labels = patch(shape=(20, 18, 16))
    moved, marks = warp(images, labels, CUBE, np.eye(3)[None])
    assert torch.allclose(moved, images[:, :, 2:-2, 1:-1], atol=1e-4)
    assert torch.equal(marks, labels[:, 2:-2, 1:-1])


def test_scaling_keeps_the_centre_and_changes_the_volume():
    distance = np.sqrt(((np.indices((32, 32, 32)) - 15.5) ** 2).sum(axis=0))
    labels = torch.from_numpy((distance < 8).astype(np.uint8))[None]
    grid = Grid((32, 32, 32), (1.0, 1.0, 1.0))
    _, marks = warp(labels[:, None].float(), labels, grid, np.eye(3)[None] / 1.3)
    assert marks.sum() / labels.sum() == pytest.approx(1.3**3, rel=0.03)
    assert torch.argwhere(marks[0]).double().mean(dim=0).tolist() == pytest.approx([15.5] * 3, abs=0.1)


def test_rotation_is_in_millimetres():
    labels = np.zeros((1, 32, 32, 12), np.uint8)
    labels[:, 12:20, 14:18, 3:9] = 1  # 8 mm in x and 12 mm in z
    grid = Grid((32, 32, 12), (1.0, 1.0, 2.0))
    quarter = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0.0]])
    _, marks = warp(torch.zeros(1, 1, 32, 32, 12), torch.from_numpy(labels), grid, quarter[None])
    low, high = torch.argwhere(marks[0]).amin(dim=0), torch.argwhere(marks[0]).amax(dim=0)
    assert (high - low + 1).tolist() == [12, 4, 4]


@pytest.mark.parametrize("seed", range(4))
def test_image_and_label_move_together(seed):
    distance = np.sqrt(((np.indices((24, 24, 24)) - np.array([10, 13, 12])[:, None, None, None]) ** 2).sum(0))
    images = torch.from_numpy(6 - distance).float()[None, None]  # its zero level set is the label's border
    labels = (images[:, 0] > 0).to(torch.uint8)
    recipe = Recipe(rotate=1, scale=1)
    grid = Grid((24, 24, 24), (1.0, 1.0, 1.0))
    matrix = draw(recipe, grid, (1, 1), generator(seed)).matrix
    moved, marks = warp(images, labels, grid, matrix)
    inside = warp(torch.ones_like(images), labels, grid, matrix)[0][:, 0] > 0.99
    differs = ((moved[:, 0] > 0).to(torch.uint8) != marks) & inside
    assert marks.sum() > 300
    assert differs.sum() < 0.15 * marks.sum()  # voxels on the border, where nearest and linear may differ
    assert not (differs & (moved[:, 0].abs() > 0.9)).any()


def test_labels_stay_in_their_set():
    images, labels = patch()
    parameters = draw(ALWAYS, CUBE, (1, 1), generator(5))
    _, marks = apply(images, labels, CUBE, parameters)
    assert set(marks.unique().tolist()) <= set(labels.unique().tolist())
    assert marks.dtype == labels.dtype


def test_same_seed_same_bytes_and_the_callers_arrays_stay():
    images, labels = patch()
    before = images.clone(), labels.clone()
    results = [apply(images, labels, CUBE, draw(ALWAYS, CUBE, (1, 1), generator(9))) for _ in range(2)]
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(images, before[0])
    assert torch.equal(labels, before[1])


def test_a_flat_patch_turns_and_scales_in_its_plane_only():
    grid = Grid((32, 32, 8), (1.0, 1.0, 5.0))
    assert grid.flat == [2]
    assert grid.border() == (4, 4, 0)
    matrix = draw(Recipe(flip=(), rotate=1, scale=1), grid, (8, 1), generator(0)).matrix
    assert np.array_equal(matrix[:, 2], np.tile([0, 0, 1.0], (8, 1)))
    assert np.abs(matrix[:, 0, 1]).min() > 0


def test_only_allowed_axes_flip():
    matrix = draw(Recipe(flip=(1,), rotate=0, scale=0), CUBE, (64, 1), generator(1)).matrix
    assert np.array_equal(np.unique(matrix[:, [0, 2], [0, 2]]), [1])
    assert 16 < (matrix[:, 1, 1] == -1).sum() < 48


def test_intensities_by_hand():
    images = torch.tensor([0.0, 2.0, 4.0, 6.0]).reshape(1, 1, 4, 1, 1)
    brighter = intensities(images, neutral(brightness=np.array([[1.5]])))
    assert brighter.ravel().tolist() == [0, 3, 6, 9]
    flatter = intensities(images, neutral(contrast=np.array([[0.5]])))
    assert flatter.ravel().tolist() == [1.5, 2.5, 3.5, 4.5]


def test_noise_has_the_asked_strength():
    noisy = intensities(torch.zeros(1, 1, 32, 32, 32), neutral(noise_std=np.array([[0.2]])))
    assert float(noisy.std()) == pytest.approx(0.2, rel=0.02)


def test_blur_keeps_the_sum_and_a_constant():
    images = torch.zeros(1, 1, 15, 15, 15)
    images[0, 0, 7, 7, 7] = 1
    blurred = intensities(images, neutral(blur_sigma=np.array([[0.8]])))
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-5)
    ratio = float(blurred[0, 0, 8, 7, 7] / blurred[0, 0, 7, 7, 7])
    assert ratio == pytest.approx(np.exp(-0.5 / 0.8**2), rel=1e-4)
    constant = intensities(torch.ones(1, 1, 9, 9, 9), neutral(blur_sigma=np.array([[0.8]])))
    assert torch.allclose(constant, torch.ones(1, 1, 9, 9, 9))


def test_gamma_keeps_mean_and_deviation_and_order():
    images, _ = patch()
    for inverted in (False, True):
        curved = intensities(images, neutral(gamma=np.array([[1.5]]), inverted=np.array([[inverted]])))
        assert float(curved.mean()) == pytest.approx(float(images.mean()), abs=1e-4)
        assert float(curved.std()) == pytest.approx(float(images.std()), abs=1e-4)
        assert torch.equal(curved.ravel().argsort(stable=True), images.ravel().argsort(stable=True)) or (
            np.corrcoef(curved.ravel(), images.ravel())[0, 1] > 0.9
        )


def test_low_resolution_only_removes_detail():
    ramp = torch.arange(16.0).reshape(1, 1, 16, 1, 1).expand(1, 1, 16, 16, 16)
    coarse = intensities(ramp, neutral(zoom=np.array([[0.5]])))
    assert (coarse - ramp).abs().max() <= 1
    assert len(coarse[0, 0, :, 0, 0].unique()) > 8


def test_channels_change_apart():
    images = torch.ones(1, 2, 4, 4, 4)
    changed = intensities(images, neutral(shape=(1, 2), brightness=np.array([[1.0, 2.0]])))
    assert changed[0, 0].unique().tolist() == [1]
    assert changed[0, 1].unique().tolist() == [2]
