"""FROC against a plain reading of the challenge's page, threshold by threshold."""

from math import inf, isnan

import numpy as np
import pytest

from segmake.metrics import froc as module
from segmake.metrics.candidates import MISSED, Findings, Marks, Matches, match_marks
from segmake.metrics.froc import FP_PER_SCAN, Pool, score_detections


def rng(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def scan(nodules=(), false_positives=()):
    return Matches(np.array(nodules, float), np.array(false_positives, float))


def random_scans(seed, count=12, grid=None):
    """Marks, nodules and irrelevant findings in small boxes, so that they meet; scores on a grid tie."""
    random = np.random.default_rng(seed)

    def places(most):
        return random.random((random.integers(most + 1), 3)) * 30

    def score(n):
        found = random.random(n)
        return found if grid is None else np.round(found * grid) / grid

    scans = []
    for _ in range(count):
        found = [places(25), places(3), places(4)]
        sizes = [4 + 12 * random.random(len(each)) for each in found]
        scans.append(
            (
                Marks(found[0], score(len(found[0]))),
                Findings(found[1], sizes[1]),
                Findings(found[2], sizes[2]),
            )
        )
    return scans


def by_the_page(scans):
    """Points of the curve: for each threshold all marks at or above it are evaluated afresh."""
    thresholds = sorted({s for marks, _, _ in scans for s in marks.scores.tolist()}, reverse=True)
    points = [(0.0, 0.0)]
    nodules = sum(len(found.diameters_mm) for _, found, _ in scans)
    for threshold in thresholds:
        hit = false = 0
        for marks, relevant, irrelevant in scans:
            kept = [c for c, s in zip(marks.centres_mm, marks.scores, strict=True) if s >= threshold]
            for centre, size in zip(relevant.centres_mm, relevant.diameters_mm, strict=True):
                hit += any(np.linalg.norm(place - centre) < size / 2 for place in kept)
            for place in kept:
                on = [
                    np.linalg.norm(place - centre) < size / 2
                    for found in (relevant, irrelevant)
                    for centre, size in zip(found.centres_mm, found.diameters_mm, strict=True)
                ]
                false += not any(on)
        points.append((false / len(scans), hit / nodules))
    return points


def read_off(points, wanted):
    """Sensitivity by straight lines between points; the best one where several have these false positives."""
    before = [point for point in points if point[0] <= wanted]
    after = [point for point in points if point[0] > wanted]
    x0, y0 = before[-1]
    if not after:
        return y0
    x1, y1 = after[0]
    return y0 + (y1 - y0) * (wanted - x0) / (x1 - x0)


@pytest.mark.parametrize("grid", [None, 10])
@pytest.mark.parametrize("seed", range(5))
def test_random_tables_agree_with_the_page(seed, grid):
    scans = random_scans(seed, grid=grid)
    points = by_the_page(scans)
    found = score_detections([match_marks(*each) for each in scans], rng(), 20)
    for at, sensitivity in zip(FP_PER_SCAN, found.sensitivities, strict=True):
        assert sensitivity == pytest.approx(read_off(points, at), abs=1e-12)
    assert found.cpm == pytest.approx(np.mean([read_off(points, at) for at in FP_PER_SCAN]))
    on_curve = set(zip(found.curve.fp_per_scan.round(9), found.curve.sensitivity.round(9), strict=True))
    assert on_curve <= {(round(x, 9), round(y, 9)) for x, y in points}


def test_a_curve_by_hand():
    """Two scans: found at .9 and .5, one missed; false positives at .8, .5 (a tie) and .1."""
    curve = score_detections([scan([0.9, MISSED], [0.8]), scan([0.5], [0.5, 0.1])], rng(), 10).curve
    assert curve.thresholds.tolist() == [inf, 0.9, 0.8, 0.5, 0.1]
    assert curve.fp_per_scan.tolist() == [0, 0, 0.5, 1, 1.5]
    np.testing.assert_allclose(curve.sensitivity, [0, 1 / 3, 1 / 3, 2 / 3, 2 / 3])
    # at 3/4 half way along the line of the tie, beyond the end as at the end
    np.testing.assert_allclose(curve.at([0.25, 0.75, 4]), [1 / 3, 1 / 2, 2 / 3])


def test_the_first_point_is_joined_to_the_origin():
    """The best score belongs to 4 false positives in one scan and to the nodule: a line through 1/8."""
    found = score_detections([scan([0.9], [0.9] * 4)], rng(), 10)
    np.testing.assert_allclose(found.sensitivities, [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 1])
    assert found.cpm == pytest.approx((1 / 32 + 1 / 16 + 1 / 8 + 1 / 4 + 1 / 2 + 2) / 7)


def test_scans_without_marks_or_nodules_count():
    alone = score_detections([scan([0.5], [0.9])], rng(), 10)
    beside = score_detections([scan([0.5], [0.9]), *[scan()] * 3, *[scan([MISSED])] * 4], rng(), 10)
    assert alone.curve.fp_per_scan.max() == 1
    assert beside.curve.fp_per_scan.max() == 1 / 8
    assert beside.curve.sensitivity.max() == 1 / 5


def test_no_false_positives_no_marks_and_no_nodules():
    assert score_detections([scan([0.5, 0.6])], rng(), 10).cpm == 1
    assert score_detections([scan([MISSED])], rng(), 10).cpm == 0
    nothing = score_detections([scan([], [0.5])], rng(), 10)
    assert isnan(nothing.cpm)
    assert isnan(nothing.cpm_interval[0])


def test_intervals_are_percentiles_of_whole_scans_drawn_again():
    scans = [match_marks(*each) for each in random_scans(8)]
    found = score_detections(scans, rng(3), 1000)
    random, drawn = rng(3), []
    for _ in range(1000):
        chosen = [scans[i] for i in random.integers(len(scans), size=len(scans))]
        drawn.append(score_detections(chosen, rng(), 1).sensitivities)
    ordered = np.sort(drawn, axis=0)
    np.testing.assert_allclose([low for low, _ in found.intervals], ordered[25], atol=1e-12)
    np.testing.assert_allclose([high for _, high in found.intervals], ordered[975], atol=1e-12)
    cpm = np.sort(np.mean(drawn, axis=1))
    assert found.cpm_interval == pytest.approx((cpm[25], cpm[975]))
    assert found.cpm_interval[0] < found.cpm < found.cpm_interval[1]


def test_what_is_far_below_the_last_point_changes_nothing(monkeypatch):
    random = np.random.default_rng(0)
    scans = [scan(random.random(2), random.random(60)) for _ in range(10)]
    fast = score_detections(scans, rng(), 200)
    monkeypatch.setattr(Pool, "down_to", lambda pool, _: pool)
    whole = score_detections(scans, rng(), 200)
    assert fast.intervals == whole.intervals
    assert fast.cpm_interval == whole.cpm_interval


def test_the_upper_part_ends_with_a_whole_threshold():
    pool = Pool.of([scan([0.3], [0.9, 0.8, 0.8, 0.8, 0.1])])
    assert pool.down_to(2).scores.tolist() == [0.9, 0.8, 0.8, 0.8]
    assert pool.down_to(9).scores.tolist() == pool.scores.tolist()
    assert Pool.of([scan([MISSED])]).down_to(2).scores.size == 0


def test_resamples_without_a_nodule_are_left_out():
    found = score_detections([scan([0.9], [0.1]), scan([], [0.5])], rng(), 100)
    assert not any(isnan(end) for interval in found.intervals for end in interval)


def test_order_of_scans_changes_no_point():
    scans = [match_marks(*each) for each in random_scans(4, grid=20)]
    np.testing.assert_array_equal(
        score_detections(scans, rng(), 5).sensitivities, score_detections(scans[::-1], rng(), 5).sensitivities
    )


def test_the_operating_points_are_those_of_the_challenge():
    assert module.FP_PER_SCAN == (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)
