"""The rule of the challenge, against its words written out in the plainest way, and by hand."""

import numpy as np
import pytest
from scipy import ndimage

from segmake.errors import GeometryError
from segmake.metrics.lesions import RULES, LesionRule, lesion_wise, with_penalty
from segmake.metrics.pair import dice, hd95

GLIOMA, METASTASES, MENINGIOMA = (RULES[f"brats2023{task}"] for task in ("", "-met", "-men"))
ONE_MM = (1, 1, 1)
ALL_26 = np.ones((3, 3, 3))
EDGES = ndimage.generate_binary_structure(3, 2)


def balls(*placed, shape=(48, 40, 40)):
    """A mask of balls, each (centre, radius)."""
    grid = np.indices(shape)
    mask = np.zeros(shape, dtype=bool)
    for centre, radius in placed:
        mask |= ((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(0) <= radius**2
    return mask


def grow(mask, steps):
    return ndimage.binary_dilation(mask, EDGES, iterations=steps) if steps else mask


def by_the_words(prediction, truth, spacing_mm, rule):
    """Lesion after lesion on the whole image, as the challenge describes it."""
    merged, count = ndimage.label(grow(truth, rule.dilation), ALL_26)
    parts, number = ndimage.label(prediction, ALL_26)
    touched, scores = set(), []
    for lesion in range(1, count + 1):
        drawn = truth & (merged == lesion)
        matches = set(np.unique(parts[grow(drawn, rule.dilation)])) - {0}
        touched |= matches
        if drawn.sum() * np.prod(spacing_mm) <= rule.ignored_mm3:
            continue
        found = np.isin(parts, list(matches))
        if matches:
            scores.append((dice(found, drawn), hd95(found, drawn, spacing_mm)))
        else:
            scores.append((0.0, rule.penalty_mm))
    false_alarms = number - len(touched)
    scores += [(0.0, rule.penalty_mm)] * false_alarms
    if not scores:
        return 1.0, 0.0, 0
    return *np.mean(scores, axis=0), false_alarms


def result(prediction, truth, rule, spacing_mm=ONE_MM):
    found = lesion_wise(prediction, truth, spacing_mm, rule)
    return found.lesion_wise_dice, found.lesion_wise_hd95_mm, found.false_alarms


@pytest.mark.parametrize("rule", [GLIOMA, METASTASES, MENINGIOMA])
@pytest.mark.parametrize("seed", range(4))
def test_random_lesions_score_as_the_words_say(rule, seed):
    rng = np.random.default_rng(seed)
    places = [(rng.uniform(4, 36, 3), rng.uniform(0.6, 4.5)) for _ in range(9)]
    truth = balls(*places[:7])
    prediction = balls(*((centre + rng.uniform(-2, 2, 3), radius) for centre, radius in places[3:]))
    for spacing_mm in (ONE_MM, (0.8, 1.2, 2.5)):
        expected = by_the_words(prediction, truth, spacing_mm, rule)
        assert result(prediction, truth, rule, spacing_mm) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_noise_scores_as_the_words_say(seed):
    """Many parts that touch borders, match several lesions and share them."""
    prediction, truth = np.random.default_rng(seed).random((2, 14, 13, 12)) < 0.02
    for rule in (LesionRule(0, 0.0, 374.0), LesionRule(1, 2.0, 374.0)):
        expected = by_the_words(prediction, truth, ONE_MM, rule)
        assert result(prediction, truth, rule) == pytest.approx(expected, rel=1e-6)


def test_the_parameters_of_each_challenge():
    assert LesionRule(dilation=3, ignored_mm3=50, penalty_mm=374) == GLIOMA
    assert LesionRule(dilation=1, ignored_mm3=50, penalty_mm=374) == MENINGIOMA
    assert LesionRule(dilation=1, ignored_mm3=2, penalty_mm=374) == METASTASES


@pytest.mark.parametrize(("gap", "lesions"), [(6, 1), (7, 2)])
def test_lesions_whose_dilations_join_are_one(gap, lesions):
    """Two faces grow by three voxels each: six empty voxels between them are closed, seven are not."""
    truth = np.zeros((40, 20, 20), dtype=bool)
    truth[4:10, 5:11, 5:11] = truth[10 + gap : 16 + gap, 5:11, 5:11] = True
    found = lesion_wise(np.zeros_like(truth), truth, ONE_MM, GLIOMA)
    assert found.counts.truth == found.missed == lesions
    assert result(np.zeros_like(truth), truth, GLIOMA) == (0.0, 374.0, 0)


def test_dilation_changes_no_voxel_of_the_truth():
    truth = balls(((20, 20, 20), 6))
    assert result(truth, truth, GLIOMA) == (1.0, 0.0, 0)


def test_a_part_beside_the_lesion_matches_by_its_dilation():
    truth, beside = balls(((20, 20, 20), 5)), balls(((29, 20, 20), 1))  # three voxels further
    whole = truth | beside
    assert result(beside, truth, GLIOMA)[2] == 0
    assert result(beside, truth, METASTASES)[2] == 1
    assert result(whole, truth, GLIOMA)[0] == pytest.approx(dice(whole, truth))
    assert result(whole, truth, METASTASES)[0] == pytest.approx(1 / 2)


@pytest.mark.parametrize(("voxels", "scored"), [(50, 0), (51, 1)])
def test_lesions_up_to_50_mm3_are_not_scored_and_their_match_is_no_false_alarm(voxels, scored):
    truth = np.zeros((30, 20, 20), dtype=bool)
    truth[2:12, 3, 3:8] = True  # 50
    truth[12, 3, 3] = voxels > 50
    found = lesion_wise(truth, truth, ONE_MM, GLIOMA)
    assert (found.counts.truth, found.false_alarms, found.lesion_wise_dice) == (scored, 0, 1.0)
    nothing = np.zeros_like(truth)
    assert result(nothing, truth, GLIOMA) == ((0.0, 374.0, 0) if scored else (1.0, 0.0, 0))


def test_the_threshold_is_a_volume():
    truth = np.zeros((30, 20, 20), dtype=bool)
    truth[2:12, 3, 3:8] = True
    assert lesion_wise(truth, truth, (1, 1, 1.02), GLIOMA).counts.truth == 1
    assert lesion_wise(truth, truth, (1, 1, 0.98), GLIOMA).counts.truth == 0


def test_every_false_alarm_counts_as_a_lesion_got_wrong():
    truth = balls(((12, 20, 20), 5))
    wrong = truth | balls(((30, 8, 8), 2), ((30, 30, 30), 2), ((42, 20, 20), 1))
    assert result(wrong, truth, GLIOMA) == pytest.approx((1 / 4, 3 * 374 / 4, 3))
    assert result(wrong & ~truth, np.zeros_like(truth), GLIOMA) == (0.0, 374.0, 3)


def test_one_part_may_match_two_lesions():
    truth = balls(((10, 20, 20), 4), ((30, 20, 20), 4))
    bridge = truth.copy()
    bridge[10:30, 20, 20] = True
    found = lesion_wise(bridge, truth, ONE_MM, GLIOMA)
    half = 2 * truth[:20].sum() / (bridge.sum() + truth[:20].sum())
    assert found.dice.tolist() == pytest.approx([half, half])
    assert (found.found, found.missed, found.false_alarms) == (2, 0, 0)


def test_nothing_against_nothing_is_right():
    nothing = np.zeros((5, 5, 5), dtype=bool)
    for rule in RULES.values():
        assert result(nothing, nothing, rule) == (1.0, 0.0, 0)


@pytest.mark.parametrize("rule", ["overlap", "brats2023", "brats2023-met"])
def test_every_missed_lesion_moves_the_number(rule):
    """Of 100 lesions 0, 10 or 50 are missed: Dice and distance per lesion fall by exactly that share."""
    truth = np.zeros((120, 120, 9), dtype=bool)
    corners = [(x, y) for x in range(2, 120, 12) for y in range(2, 120, 12)]
    for x, y in corners:
        truth[x : x + 4, y : y + 4, 2:7] = True
    for missed in (0, 10, 50):
        prediction = truth.copy()
        for x, y in corners[:missed]:
            prediction[x : x + 4, y : y + 4] = False
        found = lesion_wise(prediction, truth, ONE_MM, RULES[rule])
        assert found.lesion_wise_dice == pytest.approx(1 - missed / 100)
        assert found.lesion_wise_hd95_mm == pytest.approx(found.penalty_mm * missed / 100)
        assert (found.found, found.missed) == (100 - missed, missed)


def test_lesions_that_a_distance_of_masks_forgives_are_seen():
    """100 small lesions beside a large one are less than 5 % of the surface: HD95 of masks forgives all."""
    large = balls(((20, 40, 40), 18), shape=(80, 120, 80))
    places = [(x, y) for x in range(44, 80, 6) for y in range(2, 120, 6)][:100]
    masks, results = {}, {}
    for missed in (0, 10, 50):
        truth, prediction = large.copy(), np.roll(large, 1, 2)
        for number, (x, y) in enumerate(places):
            truth[x : x + 2, y, 3] = True
            prediction[x : x + 2, y, 3] = number >= missed
        masks[missed] = hd95(prediction, truth, ONE_MM), dice(prediction, truth)
        results[missed] = lesion_wise(prediction, truth, ONE_MM, LesionRule(dilation=1, penalty_mm=374.0))
    assert masks[0][0] == masks[10][0] == masks[50][0]
    assert masks[0][1] - masks[50][1] < 0.005
    assert [result.missed for result in results.values()] == [0, 10, 50]
    for missed in (10, 50):
        lost = results[0].lesion_wise_dice - results[missed].lesion_wise_dice
        further = results[missed].lesion_wise_hd95_mm - results[0].lesion_wise_hd95_mm
        assert (lost, further) == pytest.approx((missed / 101, 374 * missed / 101))


def test_without_a_penalty_of_its_own_a_miss_is_worth_the_diagonal():
    assert with_penalty(LesionRule(), (3, 4, 12), ONE_MM).penalty_mm == 13.0
    assert with_penalty(GLIOMA, (3, 4, 12), ONE_MM) is GLIOMA
    truth = np.zeros((3, 4, 12), dtype=bool)
    truth[1, 1, 1] = True
    assert lesion_wise(np.zeros_like(truth), truth, ONE_MM).lesion_wise_hd95_mm == 13.0


def test_masks_on_two_grids_are_refused():
    with pytest.raises(GeometryError, match="one grid"):
        lesion_wise(np.ones((2, 2, 2), dtype=bool), np.ones((2, 2, 3), dtype=bool), ONE_MM)
