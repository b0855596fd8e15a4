import itertools

import numpy as np
import pytest
import torch
from inference_cases import WHOLE, prepared_logits, restore, slide, trained
from plan_cases import small_plan
from torch import nn

from segmake.errors import InputError
from segmake.inference.ensemble import Ensemble
from segmake.inference.restore import Target
from segmake.learning.networks import build
from segmake.settings import PredictSettings

torch.set_num_threads(1)


def model(function, fold=0, plan=None, **settings):
    return trained(function, plan or small_plan(), fold, **settings)


def heads(x):
    """Three heads that do not care where right is: local contrasts of the image."""
    smooth = nn.functional.avg_pool3d(x, 3, 1, 1)
    return torch.cat([x, smooth, x - smooth], dim=1)


def constant(*values):
    row = torch.tensor(values)[None, :, None, None, None]
    return lambda x: row.expand(len(x), len(values), *x.shape[2:])


@pytest.fixture
def data():
    return np.random.default_rng(0).normal(size=(1, 20, 17, 16)).astype(np.float32)


FP32 = PredictSettings(precision="fp32", device="cpu")
MIRRORED = PredictSettings(precision="fp32", device="cpu", mirror=True)


def test_one_model_is_its_network_in_windows(data):
    result = prepared_logits(Ensemble([model(heads)], FP32), data)
    network = lambda patches: heads(torch.from_numpy(patches.copy())).numpy()  # noqa: E731
    assert result.dtype == np.float32
    assert np.array_equal(result, slide(data, network, (16, 16, 16), 0.5, 1))


def test_models_are_averaged(data):
    models = [model(constant(1.0, 2.0, -4.0), 0), model(constant(3.0, 0.0, 1.0), 1)]
    result = prepared_logits(Ensemble(models, FP32), data)
    assert result.shape == (3, 20, 17, 16)
    assert np.allclose(result, np.array([2, 1, -1.5])[:, None, None, None], atol=1e-6)


def test_mirroring_changes_nothing_for_an_equivariant_network(data):
    plain = prepared_logits(Ensemble([model(heads)], FP32), data)
    assert np.allclose(prepared_logits(Ensemble([model(heads)], MIRRORED), data), plain, atol=1e-5)


@pytest.mark.parametrize("flip", [["x"], ["y"], ["x", "z"], ["x", "y", "z"], []])
def test_mirroring_is_the_mean_over_all_subsets_of_the_axes(flip):
    data = np.random.default_rng(1).normal(size=(1, 16, 16, 16)).astype(np.float32)
    ramp = torch.randn(16, 16, 16, generator=torch.Generator().manual_seed(0))
    result = prepared_logits(Ensemble([model(lambda x: x * ramp, flip=flip)], MIRRORED), data)
    axes = ["xyz".index(name) for name in flip]
    subsets = [s for n in range(len(axes) + 1) for s in itertools.combinations(axes, n)]
    assert len(subsets) == 2 ** len(flip)
    expected = data[0] * np.mean([np.flip(ramp.numpy(), subset) for subset in subsets], axis=0)
    assert np.allclose(result[0], expected, atol=1e-5)


def test_an_identity_network_is_not_changed_by_the_average(data):
    models = [model(lambda x: x, fold) for fold in range(3)]
    assert np.allclose(prepared_logits(Ensemble(models, MIRRORED), data), data, atol=1e-5)


def test_without_mirroring_networks_see_the_image_once(data):
    seen = []
    prepared_logits(Ensemble([model(lambda x: seen.append(len(x)) or x)], FP32), data)
    assert seen == [1, 1, 1, 1]


def test_the_finest_output_of_a_deep_network_counts(data):
    deep = model(lambda x: [x, x[..., ::2, ::2, ::2] * 100])
    assert np.allclose(prepared_logits(Ensemble([deep], FP32), data), data, atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"spacing_mm": (2.0, 1.0, 1.0)},
        {"labels": {"rim": 2, "core": 3}},
        {"regions": {"all": [1, 2], "core": [1]}},
        {"patch": (32, 16, 16)},
        {"normalisation": {"t1": {"scheme": "minmax"}}},
        {"crop": "nonzero"},
        {"order": 1},
        {"channels": {"t2": "mr"}},
    ],
)
def test_models_of_other_plans_are_refused(change):
    models = [model(heads), model(heads), model(heads, 4, small_plan(**change))]
    with pytest.raises(InputError, match="must come from one plan, but fold 4 differs from fold 0"):
        Ensemble(models, FP32)


def test_plans_may_differ_in_what_does_not_matter():
    other = small_plan(batch=7, folds={}, reasons={"patch": "x"}, median_shape=(9, 9, 9))
    assert Ensemble([model(heads), model(heads, 1, other)], FP32).plan == small_plan()


def test_an_empty_ensemble_is_a_fault():
    with pytest.raises(ValueError, match="at least one model"):
        Ensemble([], FP32)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_outputs_that_are_no_numbers_are_not_called_background(data, bad):
    target = Target((20, 17, 16), (1.0, 1.0, 1.0), (0, 0, 0), (20, 17, 16))
    broken = Ensemble([model(lambda x: torch.where(heads(x) > 3, bad, heads(x)))], FP32)
    with pytest.raises(InputError, match="not finite numbers"):
        list(broken.stripes(data, target, WHOLE))


def test_half_precision_gives_nearly_the_same_labels(data):
    plan = small_plan()
    models = [model(build("DynUNet", {}, plan, True, seed=fold), fold) for fold in range(2)]
    labels = []
    for precision in ("fp32", "bf16"):
        settings = PredictSettings(precision=precision, device="cpu")
        labels.append(restore(prepared_logits(Ensemble(models, settings), data), plan, data.shape[1:]))
    assert np.unique(labels[0]).size > 1
    assert (labels[0] == labels[1]).mean() > 0.97
