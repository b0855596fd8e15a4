import time

import numpy as np
import pytest
from inference_cases import Function, trained
from plan_cases import small_plan

from segmake.inference.estimate import Calibration, Planned, count_windows, format_estimate, measure
from segmake.inference.predictor import Predictor
from segmake.inference.restore import Target
from segmake.settings import PredictSettings
from segmake.volume.extent import Extent

SETTINGS = PredictSettings(device="cpu", precision="fp32", backend="torch", skip_empty=False)
SHAPE, SPACING = (24, 48, 24), (1.0, 1.0, 1.0)
EXTENT = Extent(SHAPE, SPACING)


def a_predictor(function, extents=(EXTENT,), folds=1, **settings):
    plan = small_plan(patch=(16, 16, 16), spacing_mm=SPACING)
    models = [trained(Function(function), plan, fold) for fold in range(folds)]
    return Predictor(models, SETTINGS.model_copy(update=settings), 1, extents)


def heads(x):
    return x.repeat(1, 3, 1, 1, 1)


@pytest.mark.parametrize("memory_gb", [4.0, 1e-6])
@pytest.mark.parametrize("mirror", [False, True])
def test_every_pass_through_a_network_is_foretold(memory_gb, mirror):
    seen = []
    predictor = a_predictor(
        lambda x: seen.append(x) or heads(x), folds=2, memory_gb=memory_gb, mirror=mirror, mirror_axes=["x"]
    )
    tiling = predictor.foretell(EXTENT, 1).tiling
    assert (tiling.block < SHAPE[tiling.across]) == (memory_gb < 1)  # else nothing is computed twice
    data = np.random.default_rng(0).normal(size=(1, *SHAPE)).astype(np.float32)
    predictor.predict(data, Target(SHAPE, SPACING, (0, 0, 0), SHAPE), predictor.models)
    assert len(seen) == count_windows(Planned(EXTENT, 2), predictor, tiling)


def test_a_window_takes_what_its_network_takes():
    axes = ["x", "y", "z"]
    predictor = a_predictor(lambda x: time.sleep(0.5) or heads(x), mirror=True, mirror_axes=axes)
    spent = measure(predictor, SPACING)
    assert 0.5 <= spent.window_s < 8 * 0.5  # one pass, whatever is mirrored
    assert 0 <= spent.voxel_s < 7 * 0.5 / 16**3
    assert spent.process_bytes > 50e6


def test_a_far_finer_image_does_not_make_the_trial_large():
    seen = []
    predictor = a_predictor(lambda x: seen.append(x.shape) or heads(x), windows=3)
    measure(predictor, (0.001, 1.0, 50.0))
    assert seen == [(3, 1, 16, 16, 16)] * 3  # a hundred million native voxels would not end in time


def test_seconds_add_up_over_cases_models_and_voxels():
    predictor = a_predictor(heads, folds=3)
    cases = {"one": Planned(EXTENT, 1), "three": Planned(EXTENT, 3)}
    told = format_estimate(cases, Calibration(1.0, 10 / EXTENT.voxels, 1e9), predictor).splitlines()
    windows = count_windows(cases["one"], predictor, predictor.foretell(EXTENT, 1).tiling)
    seconds = [int(line.split()[-1]) for line in told[1:3]]
    assert seconds == [windows + 10, 3 * windows + 10]
    assert f"about {sum(seconds)} s" in told[3]
