import numpy as np
import pytest
import torch
from inference_cases import trained
from plan_cases import small_plan

from segmake.inference.ensemble import Ensemble
from segmake.inference.labelling import class_of, label_type, label_volume
from segmake.inference.restore import Stripe, Target
from segmake.inference.tiling import Tiling
from segmake.inference.windows import Box
from segmake.learning.networks import build
from segmake.settings import PredictSettings

torch.set_num_threads(1)
SHAPE, SPACING = (60, 40, 31), (0.95, 1.02, 0.87)
TARGET = Target(SHAPE, SPACING, (3, 4, 1), (52, 26, 28))


@pytest.fixture(scope="module", params=[{}, {"all": [1, 2], "core": [1]}], ids=["softmax", "sigmoid"])
def whole(request):
    """An ensemble of random networks, an image, and its labels without any cutting."""
    plan = small_plan(spacing_mm=(1.3, 0.9, 1.1), regions=request.param)
    model = trained(build("DynUNet", {}, plan, True, seed=0), plan)
    ensemble = Ensemble([model], PredictSettings(precision="fp32", device="cpu"))
    data = np.random.default_rng(0).normal(size=(1, 37, 29, 22)).astype(np.float32)
    labels = label_volume(ensemble.stripes(data, TARGET, Tiling(0, 999, 999, 1, 999, 0)), plan, SHAPE)
    assert len(np.unique(labels)) == 3
    return ensemble, data, labels


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("rows", "native_rows", "block"), [(1, 1, 99), (3, 5, 99), (4, 2, 9), (2, 99, 12)])
def test_labels_do_not_depend_on_how_a_volume_is_cut(whole, axis, rows, native_rows, block):
    ensemble, data, labels = whole
    tiling = Tiling(axis, rows, native_rows, (axis + 1) % 3, block, 0)
    found = label_volume(ensemble.stripes(data, TARGET, tiling), ensemble.plan, SHAPE)
    assert np.array_equal(found, labels)
    assert not found[:, :3].any()


def test_labels_have_the_smallest_type_and_the_order_of_files():
    assert label_type(small_plan(labels={"a": 255})) is np.uint8
    assert label_type(small_plan(labels={"a": 256})) is np.int16
    found = label_volume([], small_plan(), (3, 4, 5))
    assert (found.shape, found.dtype, found.any()) == ((1, 3, 4, 5), np.uint8, False)
    assert found[0].T.flags.c_contiguous


def test_equal_scores_go_to_the_lower_class():
    logits = torch.zeros(4, 2, 1, 1)
    logits[[2, 3], 1] = 5
    assert class_of(logits, None).ravel().tolist() == [0, 2]


def test_models_are_averaged_and_viewers_see_every_stripe():
    seen = []

    class Viewer:
        def view(self, stripe, index):
            seen.append((stripe.box.start, tuple(stripe.logits.shape), index.unique().tolist()))

    one, two = (
        torch.tensor(row)[:, None, None, None].expand(3, 2, 2, 2) for row in ([0.0, 5, 4], [0.0, 0, 4])
    )
    stripes = [Stripe(Box((x, 0, 0), (2, 2, 2)), torch.stack([one, two])) for x in (0, 2)]
    found = label_volume(stripes, small_plan(labels={"a": 7, "b": 9}), (4, 2, 2), [Viewer()])
    assert (found == 9).all()
    assert seen == [((0, 0, 0), (2, 3, 2, 2, 2), [2]), ((2, 0, 0), (2, 3, 2, 2, 2), [2])]
