import numpy as np
import pytest
import torch
from learning_cases import ball
from plan_cases import small_plan

from segmake.learning.augmentation import Grid, Parameters, Recipe, apply, draw, intensities, warp
from segmake.learning.sampling import generator
from segmake.learning.splines import spread
from segmake.recipe import AugmentSettings
from segmake.settings import TrainSettings

CUBE = Grid((16, 16, 16), (1.0, 1.0, 1.0))


def recipe(flip=(0, 1, 2), mr=(), **strength):
    return Recipe(AugmentSettings(**strength), flip, mr)


EVERY = (
    "rotate",
    "scale",
    "elastic",
    "noise",
    "brightness",
    "contrast",
    "blur",
    "low_resolution",
    "gamma",
    "bias",
)
ALWAYS = recipe(mr=(True,), **dict.fromkeys(EVERY, 1.0))


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


@pytest.mark.parametrize("elastic", [0, 1])
@pytest.mark.parametrize("seed", range(4))
def test_image_and_label_move_together(seed, elastic):
    distance = np.sqrt(((np.indices((24, 24, 24)) - np.array([10, 13, 12])[:, None, None, None]) ** 2).sum(0))
    images = torch.from_numpy(6 - distance).float()[None, None]  # its zero level set is the label's border
    labels = (images[:, 0] > 0).to(torch.uint8)
    made = recipe(rotate=1, scale=1, elastic=elastic)
    grid = Grid((24, 24, 24), (1.0, 1.0, 1.0))
    drawn = draw(made, grid, (1, 1), generator(seed))
    moves = drawn.matrix, drawn.elastic
    moved, marks = warp(images, labels, grid, *moves)
    inside = warp(torch.ones_like(images), labels, grid, *moves)[0][:, 0] > 0.99
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
    matrix = draw(recipe(flip=(), rotate=1, scale=1), grid, (8, 1), generator(0)).matrix
    assert np.array_equal(matrix[:, 2], np.tile([0, 0, 1.0], (8, 1)))
    assert np.abs(matrix[:, 0, 1]).min() > 0


def test_only_allowed_axes_flip():
    matrix = draw(recipe(flip=(1,), rotate=0, scale=0), CUBE, (64, 1), generator(1)).matrix
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


def test_the_default_draws_what_it_always_drew():
    """Numbers of the commit before `train.augment`: published runs can be repeated."""
    grid = Grid((32, 32, 8), (1.0, 1.0, 5.0))
    drawn = draw(Recipe(), grid, (3, 4), generator(5, 3, 77))
    assert drawn.noise_seed == 92524921046865501
    assert drawn.matrix[2].ravel().tolist() == pytest.approx(
        [-0.905530324137, -0.125505628923, 0, 0.125505628923, -0.905530324137, 0, 0, 0, -1]
    )
    found = {
        name: {(int(b), int(c)): values[b, c] for b, c in np.argwhere(values != neutral)}
        for name, values, neutral in (
            ("noise", drawn.noise_std, 0),
            ("brightness", drawn.brightness, 1),
            ("contrast", drawn.contrast, 1),
            ("blur", drawn.blur_sigma, 0),
            ("zoom", drawn.zoom, 1),
            ("gamma", drawn.gamma, 1),
            ("inverted", drawn.inverted, False),
        )
    }
    assert found == {
        "noise": {(0, 0): 0.2308058473207504},
        "brightness": {(2, 2): 1.0127544690588213},
        "contrast": {(0, 1): 1.0184310196671962, (1, 3): 0.7948245988071544, (2, 3): 1.0382322648222513},
        "blur": {(2, 3): 0.9591912099362654},
        "zoom": {
            (0, 0): 0.5533710837523662,
            (1, 3): 0.8067228466143955,
            (2, 1): 0.9097734123969953,
            (2, 2): 0.6368614871714031,
        },
        "gamma": {
            (0, 3): 1.2273065838541548,
            (1, 1): 1.2796083400315612,
            (1, 2): 1.033214770578176,
            (2, 0): 1.3503875877096645,
            (2, 3): 0.788482922168722,
        },
        "inverted": {(0, 0): True},
    }
    assert drawn.elastic is None
    assert drawn.bias is None


def test_what_is_added_draws_from_a_stream_of_its_own():
    plain = draw(recipe(), CUBE, (4, 2), generator(3))
    more = draw(recipe(elastic=1, bias=1, mr=(True, False)), CUBE, (4, 2), generator(3))
    for name in ("matrix", "noise_std", "noise_seed", "brightness", "contrast", "zoom", "gamma", "inverted"):
        assert np.array_equal(getattr(plain, name), getattr(more, name))
    assert more.elastic is not None
    assert np.array_equal(more.bias.any(axis=(2, 3, 4)), [[True, False]] * 4)


def test_preset_none_changes_nothing():
    images, labels = patch()
    drawn = draw(Recipe(AugmentSettings(preset="none"), mr=(True,)), CUBE, (1, 1), generator(1))
    moved, marks = apply(images, labels, CUBE, drawn)
    assert torch.allclose(moved, images, atol=1e-4)
    assert torch.equal(marks, labels)


def test_a_recipe_knows_its_axes_and_its_mr_channels():
    plan = small_plan(channels={"ct": "ct", "t1": "mr"}, normalisation={})
    made = Recipe.of(TrainSettings(flip=["z", "x"], augment="light"), plan)
    assert (made.flip, made.mr, made.strength.degrees) == ((2, 0), (False, True), 15)


def test_equal_control_points_move_everything_by_as_much():
    images, labels = patch()
    control = np.zeros((1, 3, 7, 7, 7))
    control[:, 1] = 3.0  # mm: what lies 3 mm further along y appears here
    moved, marks = warp(images, labels, CUBE, np.eye(3)[None], control)
    assert torch.allclose(moved[:, :, :, :-3], images[:, :, :, 3:], atol=1e-4)
    assert torch.equal(marks[:, :, :-3], labels[:, :, 3:])


def test_a_deformation_is_turned_with_the_patch():
    images, labels = patch()
    control = np.zeros((1, 3, 7, 7, 7))
    control[:, 1] = 3.0
    flipped, _ = warp(images, labels, CUBE, np.diag([1, -1, 1.0])[None], control)
    expected = images.roll(3, dims=3).flip(3)  # first 3 mm along y of the output, then the flip
    assert torch.allclose(flipped[:, :, :, :-3], expected[:, :, :, :-3], atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_strongest_deformation_folds_nothing(seed):
    grid = Grid((40, 32, 24), (1.0, 1.5, 1.0))
    control = draw(recipe(elastic=1, elastic_strength=0.4), grid, (8, 1), generator(seed)).elastic
    field = spread(control, grid.patch, torch.zeros(1, dtype=torch.float64)).numpy()
    slopes = np.stack(
        [np.stack(np.gradient(field[:, i], *grid.spacing_mm, axis=(1, 2, 3)), -1) for i in range(3)], -2
    )
    assert np.linalg.det(slopes + np.eye(3)).min() > 0
    assert np.abs(field).max() > 1  # mm


def test_nothing_deforms_along_a_flat_axis():
    grid = Grid((32, 32, 8), (1.0, 1.0, 5.0))
    control = draw(recipe(elastic=1), grid, (4, 1), generator(2)).elastic
    assert not control[:, 2].any()
    assert control[:, :2].any(axis=(1, 2, 3, 4)).all()


def test_a_constant_bias_field_multiplies_from_the_darkest_voxel():
    images = torch.tensor([-1.0, 1.0, 3.0, 0.0]).reshape(1, 1, 4, 1, 1)
    shaded = intensities(images, neutral(bias=np.full((1, 1, 5, 5, 5), np.log(1.5))))
    assert shaded.ravel().tolist() == pytest.approx([-1, 2, 5, 0])


def test_a_bias_field_is_smooth_and_bounded():
    drawn = draw(recipe(bias=1, bias_strength=0.4, mr=(True,)), CUBE, (16, 1), generator(4)).bias
    field = spread(drawn, (32, 32, 32), torch.zeros(1))
    assert float(field.abs().max()) <= 0.4
    assert float(field.std()) > 0.02
    steps = torch.stack([field.diff(dim=axis).abs().amax() for axis in (2, 3, 4)])
    assert float(steps.max()) < 0.4 / 10


def test_a_wide_blur_keeps_its_tails():
    images = torch.zeros(1, 1, 33, 33, 33)
    images[0, 0, 16, 16, 16] = 1
    blurred = intensities(images, neutral(blur_sigma=np.array([[1.5]])))
    variance = (blurred[0, 0].sum(dim=(1, 2)) * (torch.arange(33.0) - 16) ** 2).sum()
    assert float(variance) == pytest.approx(1.5**2, rel=0.05)


@pytest.mark.parametrize("rows", [[0, 2], [1], [3, 0]])
def test_some_patches_are_changed_as_they_are_with_the_others(rows):
    batch = [patch(number) for number in range(4)]
    images, labels = (torch.cat([pair[i] for pair in batch]) for i in range(2))
    parameters = draw(ALWAYS, CUBE, (4, 1), generator(0, 5))
    moved, marks = apply(images, labels, CUBE, parameters)
    some, some_marks = apply(images[rows], labels[rows], CUBE, parameters.of(rows))
    torch.testing.assert_close(some, moved[rows])
    assert torch.equal(some_marks, marks[rows])
