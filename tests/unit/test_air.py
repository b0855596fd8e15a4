import numpy as np
import pytest
import torch
from inference_cases import WHOLE, prepared_logits, trained
from plan_cases import small_plan

from segmake.inference.air import CERTAIN, air_levels, background_logits, is_air
from segmake.inference.ensemble import Ensemble
from segmake.inference.windows import Box
from segmake.plan import Normalisation
from segmake.settings import PredictSettings

CT = Normalisation(scheme="ct", lower=-900, upper=600, mean=100, std=50)


def test_levels_are_known_for_ct_and_masked_images_only():
    schemes = {"ct": CT, "body": Normalisation(scheme="zscore", masked=True)}
    plan = small_plan(channels={"ct": "ct", "body": "mr"}, normalisation=schemes)
    assert air_levels(plan) == [-20.0, 0.0]
    for scheme in ("zscore", "minmax", "none"):
        assert air_levels(small_plan(normalisation={"t1": Normalisation(scheme=scheme)})) is None


def test_air_is_at_its_level_in_every_voxel_of_every_channel():
    window = np.zeros((2, 9, 9, 9), np.float32)
    window[0] = -20
    assert is_air(window, [-20, 0])
    window[1] += 0.009
    assert is_air(window, [-20, 0])
    window[1, 3, 5, 7] = 0.02
    assert not is_air(window, [-20, 0])
    assert not is_air(np.zeros((1, 4, 4, 4), np.float32), [-20])  # zeros beyond the border of a CT are no air


def test_background_is_beyond_doubt():
    assert background_logits(small_plan()).tolist() == [CERTAIN, 0, 0]
    regions = small_plan(regions={"all": [1, 2], "core": [1]})
    assert background_logits(regions).tolist() == [-CERTAIN, -CERTAIN]


@pytest.fixture
def ensembles():
    plan = small_plan(normalisation={"t1": CT}, labels={"a": 1})
    torch.manual_seed(0)
    model = trained(torch.nn.Conv3d(1, 2, 3, padding=1), plan)
    kinds = (PredictSettings(precision="fp32", device="cpu", skip_empty=skip) for skip in (True, False))
    return [Ensemble([model], settings) for settings in kinds]


def test_logits_change_only_where_a_window_of_air_was(ensembles):
    data = np.full((1, 48, 24, 24), -20, np.float32)
    data[:, :10] = np.random.default_rng(0).normal(size=(1, 10, 24, 24))
    box = Box((0, 0, 0), (48, 24, 24))
    skipping, all_of_it = (ensemble.places(data, box, WHOLE.axis) for ensemble in ensembles)
    assert {x for x, _, _ in all_of_it} == {0, 8, 16, 24, 32}
    assert {x for x, _, _ in skipping} == {0, 8}
    one, other = (prepared_logits(ensemble, data) for ensemble in ensembles)
    assert np.array_equal(one[:, :16], other[:, :16])
    assert (one[0, 24:] == CERTAIN).all()
    assert (one[1, 24:] == 0).all()


def test_a_volume_of_air_is_background(ensembles):
    found = prepared_logits(ensembles[0], np.full((1, 20, 20, 20), -20, np.float32))
    assert (found.argmax(0) == 0).all()
