"""What must hold whatever the masks are."""

from __future__ import annotations

import numpy as np
import pytest

from segmake import metrics
from segmake.metrics.policy import POLICY
from segmake.metrics.score import score_case

hypothesis = pytest.importorskip("hypothesis", reason="pip install hypothesis")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as arrays  # noqa: E402

RULE = metrics.LesionRule(dilation=1, ignored_mm3=2.0)
TARGETS = {"one": [1], "two": [2], "both": [1, 2]}
EXCHANGED = {"precision": "recall", "recall": "precision", "truth_ml": "prediction_ml"}
EXCHANGED["prediction_ml"] = "truth_ml"
DIRECTED = {"volume_error_ml", "relative_volume_error"}
LENGTHS = {"mm": 1, "ml": 3}
"""Unit -> the power of a length it is."""

shapes = st.tuples(*[st.integers(1, 7)] * 3)
label_maps = shapes.flatmap(
    lambda shape: st.tuples(*[arrays.arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2]))] * 2)
)
spacings = st.tuples(*[st.sampled_from([0.5, 0.8, 1.0, 1.7, 5.0])] * 3)
quickly = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def scores(pair, spacing_mm, targets=TARGETS, rule=None, tolerance_mm=1.0):
    found = score_case(*pair, spacing_mm, targets, tolerance_mm, rule)
    return {(score.label, score.metric): score for score in found}


def values(found):
    return {key: score.value for key, score in found.items()}


@quickly
@given(label_maps, spacings)
def test_values_are_finite_and_ratios_lie_between_0_and_1(pair, spacing_mm):
    for score in scores(pair, spacing_mm, rule=RULE).values():
        assert np.isfinite(score.value)
        if score.unit == "ratio" and score.metric != "relative_volume_error":
            assert 0 <= score.value <= 1
        assert score.unit == POLICY[score.metric].unit


@quickly
@given(label_maps, spacings)
def test_a_map_against_itself_is_perfect(pair, spacing_mm):
    truth = pair[0]
    for score in scores((truth, truth), spacing_mm, rule=RULE).values():
        perfect = {"ratio": 1.0, "mm": 0.0, "ml": 0.0, "count": 0.0}[score.unit]
        if score.metric == "relative_volume_error":
            perfect = 0.0
        if score.metric not in ("truth_ml", "prediction_ml", "scored_lesions"):
            assert score.value == perfect, score


@quickly
@given(label_maps, spacings)
def test_exchanging_the_maps_exchanges_the_errors(pair, spacing_mm):
    forth, back = values(scores(pair, spacing_mm)), values(scores(pair[::-1], spacing_mm))
    for (label, metric), value in forth.items():
        if metric == "volume_error_ml":
            assert back[label, metric] == pytest.approx(-value)
        elif metric not in DIRECTED:
            assert back[label, EXCHANGED.get(metric, metric)] == pytest.approx(value, rel=1e-12)
    masks = pair[0] > 0, pair[1] > 0
    assert metrics.panoptic_quality(*masks) == pytest.approx(metrics.panoptic_quality(*masks[::-1]))


@quickly
@given(label_maps, spacings, st.tuples(*[st.integers(0, 5)] * 6))
def test_where_the_labels_lie_in_the_image_changes_nothing(pair, spacing_mm, margins):
    """A margin moves both maps by whole voxels; only the worst value, the diagonal, grows with the image."""
    rule = metrics.LesionRule(dilation=1, ignored_mm3=2.0, penalty_mm=374.0)
    margin = list(zip(margins[::2], margins[1::2], strict=True))
    here = scores(pair, spacing_mm, rule=rule)
    there = scores([np.pad(labels, margin) for labels in pair], spacing_mm, rule=rule)
    for key, score in here.items():
        if score.status in ("ok", "both_empty") or score.unit != "mm" or key[1].startswith("lesion"):
            assert there[key].value == pytest.approx(score.value, rel=1e-6)


@quickly
@given(label_maps.map(lambda pair: pair[0] > 0), spacings, st.integers(0, 2), st.integers(1, 9))
def test_moved_by_n_voxels_it_is_at_most_n_spacings_away(mask, spacing_mm, axis, voxels):
    margin = [(voxels, voxels) if axis == other else (0, 0) for other in range(3)]
    truth = np.pad(mask, margin)
    moved = np.roll(truth, voxels, axis)
    away_mm = voxels * spacing_mm[axis]
    assert metrics.hd(moved, truth, spacing_mm) <= away_mm * (1 + 1e-6)
    assert metrics.nsd(moved, truth, spacing_mm, away_mm) == pytest.approx(1.0, rel=1e-12)
    assert metrics.relative_volume_error(moved, truth) == 0.0


@quickly
@given(label_maps, spacings, st.sampled_from([0.25, 2.0, 8.0]))
def test_a_larger_spacing_makes_lengths_and_volumes_larger_and_no_ratio(pair, spacing_mm, factor):
    small = scores(pair, spacing_mm)
    large = scores(pair, [factor * mm for mm in spacing_mm], tolerance_mm=factor)
    for key, score in small.items():
        scale = factor ** LENGTHS.get(score.unit, 0)
        assert large[key].value == pytest.approx(scale * score.value, rel=1e-6)


@quickly
@given(label_maps, spacings, st.permutations(range(3)), st.integers(3, 200))
def test_turning_the_axes_and_renumbering_the_labels_changes_nothing(pair, spacing_mm, axes, other):
    turned = [np.transpose(labels, axes)[::-1, :, ::-1] for labels in pair]
    swap = np.array([0, other, 1], dtype=np.int16)
    targets = {"one": [other], "two": [1], "both": [other, 1]}
    there = scores([swap[labels] for labels in turned], [spacing_mm[a] for a in axes], targets, RULE)
    assert values(there) == pytest.approx(values(scores(pair, spacing_mm, rule=RULE)), rel=1e-6)


@quickly
@given(label_maps, spacings, st.permutations(list(TARGETS)))
def test_the_order_of_labels_changes_nothing(pair, spacing_mm, order):
    shuffled = {name: TARGETS[name][::-1] for name in order}
    assert values(scores(pair, spacing_mm, shuffled)) == values(scores(pair, spacing_mm))
