import numpy as np
import pytest

from segmake.errors import GeometryError
from segmake.metrics.candidates import MISSED, Findings, Marks, components_as_candidates, match_marks

NONE = Findings(np.empty((0, 3)), np.empty(0))


def marks(*rows):
    return Marks(
        np.array([row[:3] for row in rows], float).reshape(-1, 3), np.array([r[3] for r in rows], float)
    )


def findings(*rows):
    return Findings(
        np.array([row[:3] for row in rows], float).reshape(-1, 3), np.array([r[3] for r in rows], float)
    )


def test_a_mark_within_the_radius_hits_and_one_on_it_does_not():
    found = match_marks(marks((4.99, 0, 0, 0.7), (0, 5, 0, 0.9)), findings((0, 0, 0, 10)), NONE)
    assert found.nodules.tolist() == [0.7]
    assert found.false_positives.tolist() == [0.9]


def test_several_marks_on_a_nodule_count_once_with_the_best_score():
    found = match_marks(marks((1, 0, 0, 0.2), (0, 1, 0, 0.8), (0, 0, 1, 0.5)), findings((0, 0, 0, 10)), NONE)
    assert found.nodules.tolist() == [0.8]
    assert (len(found.false_positives), found.doubles) == (0, 2)


def test_a_mark_between_two_nodules_finds_both():
    found = match_marks(marks((3, 0, 0, 0.4)), findings((0, 0, 0, 8), (6, 0, 0, 8)), NONE)
    assert found.nodules.tolist() == [0.4, 0.4]
    assert (len(found.false_positives), found.doubles) == (0, 0)


def test_a_mark_on_an_irrelevant_finding_is_ignored():
    found = match_marks(marks((0, 0, 0, 0.9), (50, 0, 0, 0.3)), NONE, findings((1, 0, 0, 4)))
    assert (found.false_positives.tolist(), found.ignored) == ([0.3], 1)


def test_a_nodule_comes_before_an_irrelevant_finding_at_its_place():
    found = match_marks(marks((0, 0, 0, 0.9)), findings((0, 0, 0, 4)), findings((0, 0, 0, 20)))
    assert (found.nodules.tolist(), found.ignored) == ([0.9], 0)


def test_a_missed_nodule_is_below_every_threshold():
    found = match_marks(marks(), findings((0, 0, 0, 4), (9, 9, 9, 4)), NONE)
    assert found.nodules.tolist() == [MISSED, MISSED]
    assert match_marks(marks((0, 0, 0, 0.1)), NONE, NONE).false_positives.tolist() == [0.1]
    assert len(match_marks(marks(), NONE, NONE).nodules) == 0


def test_parts_become_marks_at_their_world_centroids():
    labels, scores = np.zeros((8, 9, 10), np.uint8), np.full((8, 9, 10), 0.99)
    labels[1:3, 1, 1], scores[1:3, 1, 1] = 1, [0.4, 0.6]
    labels[3, 2, 2], scores[3, 2, 2] = 2, 0.5  # touches at a corner: the same part
    labels[6, 7, 4:7], scores[6, 7, 4:7] = 1, 0.2
    affine = np.array([[0, -2, 0, 10], [1, 0, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1.0]])
    found = components_as_candidates(labels, scores, affine)
    order = np.argsort(found.scores)
    np.testing.assert_allclose(found.scores[order], [0.2, 0.6])
    centroids = np.array([[6, 7, 5], [2, 4 / 3, 4 / 3]])
    np.testing.assert_allclose(found.centres_mm[order], centroids @ affine[:3, :3].T + affine[:3, 3])


def test_an_empty_segmentation_has_no_marks():
    found = components_as_candidates(np.zeros((3, 3, 3), int), np.zeros((3, 3, 3)), np.eye(4))
    assert (found.centres_mm.shape, found.scores.shape) == ((0, 3), (0,))


def test_grids_must_agree():
    with pytest.raises(GeometryError, match=r"one grid, got \(3, 3, 3\) and \(3, 3, 2\)"):
        components_as_candidates(np.zeros((3, 3, 3), int), np.zeros((3, 3, 2)), np.eye(4))
