import numpy as np
import pytest
import torch
from learning_cases import ball
from plan_cases import small_plan

from segmake.errors import ConfigError
from segmake.learning import augmentation
from segmake.learning.distributed import ALONE
from segmake.learning.networks import build
from segmake.learning.sampling import AUGMENT, generator
from segmake.learning.segmenting import Segmentation
from segmake.learning.validation import Validation
from segmake.settings import TrainSettings

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def lesson(plan=None, **settings):
    cases = [ball(number) for number in range(3)]
    made = TrainSettings(**({"seed": 4, "precision": "fp32"} | settings))
    return Segmentation(plan or small_plan(batch=3), made, cases, [ball(9)])


def test_batch_and_example_are_those_of_the_plan():
    made = lesson(small_plan(batch=3, channels=dict.fromkeys("ab", "mr"), normalisation={}))
    assert made.batch == 3
    assert made.example(2, CPU).shape == (2, 2, 16, 16, 16)
    assert (made.figure, made.patience, made.averages_buffers) == ("val_dice", 0, False)


def test_the_network_is_that_of_settings_plan_and_seed():
    made = lesson(network="UNet", options={"num_res_units": 1})
    expected = build("UNet", {"num_res_units": 1}, made.plan, True, 4)
    for one, other in zip(made.build().parameters(), expected.parameters(), strict=True):
        assert torch.equal(one, other)
    assert len(list(made.parameters(made.build()))) == len(list(expected.parameters()))


def test_a_network_that_does_not_take_the_patch_is_refused():
    made = lesson(small_plan(patch=(15, 16, 16)))
    with pytest.raises(ConfigError, match=r"cannot take the plan's patch \(15, 16, 16\)"):
        made.check(made.build())


def test_patches_have_room_for_rotations_and_views_have_the_patchs_size():
    made = lesson()
    batch = made.source(range(3)).read(2)
    assert batch.images.shape == (3, 1, 20, 20, 20)  # a tenth on each side
    images, labels = made.view(batch, 2, CPU, range(3))
    assert (images.shape, labels.shape) == ((3, 1, 16, 16, 16), (3, 16, 16, 16))


def test_the_step_alone_decides_a_view():
    made = lesson(augment="strong")
    batch = made.source(range(3)).read(2)
    grid = augmentation.Grid(made.plan.patch, made.plan.spacing_mm)
    recipe = augmentation.Recipe.of(made.settings, made.plan)
    parameters = augmentation.draw(recipe, grid, (3, 1), generator(4, AUGMENT, 2))
    expected = augmentation.apply(
        torch.from_numpy(batch.images), torch.from_numpy(batch.labels), grid, parameters
    )
    for one, other in zip(made.view(batch, 2, CPU, range(3)), expected, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(made.view(batch, 3, CPU, range(3))[0], expected[0])


def test_a_share_of_the_batch_is_changed_as_the_whole_is():
    made = lesson(augment={"preset": "strong", "noise": 1.0})
    whole = made.view(made.source(range(3)).read(0), 0, CPU, range(3))[0]
    part = made.view(made.source([0, 2]).read(0), 0, CPU, [0, 2])[0]
    np.testing.assert_allclose(part.numpy(), whole[[0, 2]].numpy(), atol=1e-5)


def test_loss_and_figure_are_those_of_the_plan():
    made = lesson(batch_dice=False)
    assert made.loss(ALONE).heads == tuple(made.plan.heads)
    assert made.loss(ALONE).batch_dice is False
    network = made.build().eval()
    expected = Validation(made.validation, made.plan, CPU, "fp32").dice(network)
    assert made.measure(CPU, ALONE)(network) == expected
