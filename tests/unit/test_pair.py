"""The public functions of `segmake.metrics`."""

import subprocess
import sys

import numpy as np
import pytest

from segmake import metrics
from segmake.errors import GeometryError
from segmake.metrics.score import score_case

SPACING = (1.0, 2.0, 0.5)
OF_MASKS = ("dice", "iou", "precision", "recall", "relative_volume_error", "panoptic_quality")
OF_SURFACES = ("hd", "hd95", "assd", "nsd")


def value(metric, prediction, truth):
    given = (prediction, truth, SPACING) if metric in OF_SURFACES else (prediction, truth)
    return getattr(metrics, metric)(*given)


def masks():
    truth = np.zeros((12, 11, 10), dtype=bool)
    truth[3:8, 3:8, 3:8] = True
    return np.roll(truth, 1, 0), truth


def test_by_hand():
    prediction, truth = masks()
    assert metrics.dice(prediction, truth) == metrics.precision(prediction, truth) == 4 / 5
    assert metrics.iou(prediction, truth) == metrics.panoptic_quality(prediction, truth) == 4 / 6
    assert metrics.hd(prediction, truth, SPACING) == 1.0
    assert metrics.nsd(prediction, truth, SPACING, tolerance_mm=1.0) == 1.0
    assert metrics.relative_volume_error(prediction | truth, truth) == pytest.approx(0.2)
    assert metrics.lesion_wise(prediction, truth, SPACING).found == 1


@pytest.mark.parametrize("metric", [*OF_MASKS, *OF_SURFACES])
def test_each_is_what_a_case_is_scored_with_empty_masks_included(metric):
    prediction, truth = masks()
    nothing = np.zeros_like(truth)
    for pair in ((prediction, truth), (nothing, truth), (prediction, nothing), (nothing, nothing)):
        scores = score_case(
            *(mask.astype(np.uint8) for mask in pair), SPACING, {"it": [1]}, 1.0, metrics.LesionRule()
        )
        expected = next(score.value for score in scores if score.metric == metric)
        assert value(metric, *pair) == expected


@pytest.mark.parametrize("metric", [*OF_MASKS, *OF_SURFACES])
def test_masks_on_two_grids_are_refused(metric):
    prediction, truth = masks()
    with pytest.raises(GeometryError, match="one grid"):
        value(metric, prediction[1:], truth)


def test_every_public_name_is_there_and_no_other():
    for name in metrics.__all__:
        assert getattr(metrics, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'dise'"):
        _ = metrics.dise


def test_importing_the_package_imports_no_metric():
    code = "import sys, segmake.metrics; sys.exit('segmake.metrics.surface' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
