import numpy as np
import pytest

from segmake.errors import ConfigError, GeometryError
from segmake.metrics.lesions import RULES, lesion_wise
from segmake.metrics.pair import panoptic_quality
from segmake.metrics.policy import Status
from segmake.metrics.score import LESION_METRICS, METRICS, label_values, score_case
from segmake.metrics.surface import hd_mm, nsd, surface_distances

SPACING = (1.0, 2.0, 0.5)
TARGETS = {"core": [1], "edema": [2], "whole": [1, 2], "rare": [7]}


@pytest.fixture
def truth():
    labels = np.zeros((20, 18, 16), dtype=np.int16)
    labels[4:12, 4:12, 4:12] = 2
    labels[6:10, 6:10, 6:10] = 1
    return labels


def scores_of(prediction, truth, targets=TARGETS):
    found = score_case(prediction, truth, SPACING, targets, 1.0)
    return {(score.label, score.metric): score for score in found}


def test_every_target_has_every_metric_in_order(truth):
    found = score_case(truth, truth, SPACING, TARGETS, 1.0)
    assert [(s.label, s.metric) for s in found] == [
        (label, metric) for label in TARGETS for metric in METRICS
    ]


def test_the_truth_itself_is_perfect(truth):
    found = scores_of(truth, truth)
    for label in ("core", "edema", "whole"):
        values = [found[label, metric].value for metric in ("dice", "iou", "nsd", "hd95", "volume_error_ml")]
        assert values == [1.0, 1.0, 1.0, 0.0, 0.0]
        assert found[label, "dice"].status is Status.OK


def test_volumes_by_hand(truth):
    found = scores_of(np.where(truth == 1, 0, truth), truth)
    assert found["core", "truth_ml"].value == 0.064  # 4 x 4 x 4 voxels of 1 mm3
    assert found["whole", "truth_ml"].value == 0.512
    assert found["whole", "prediction_ml"].value == 0.448
    assert found["whole", "volume_error_ml"].value == pytest.approx(-0.064)
    assert found["whole", "relative_volume_error"].value == -0.125
    assert found["whole", "truth_ml"].unit == "ml"


def test_a_moved_prediction_by_hand(truth):
    found = scores_of(np.roll(truth, 2, 0), truth)
    assert found["whole", "dice"].value == 6 / 8
    assert found["whole", "iou"].value == 6 / 10
    assert found["core", "dice"].value == 2 / 4


def test_a_region_is_the_union_of_its_labels(truth):
    swapped = np.array([0, 2, 1])[truth]
    found = scores_of(swapped, truth)
    assert found["whole", "dice"].value == 1.0
    assert found["core", "dice"].value == 0.0


def test_surface_metrics_are_those_of_the_masks(truth):
    prediction = np.roll(truth, 1, 1)
    found = scores_of(prediction, truth)
    distances = surface_distances(prediction == 1, truth == 1, SPACING)
    assert found["core", "hd95"].value == hd_mm(distances, 95.0)
    assert found["core", "nsd"].value == nsd(distances, 1.0)
    assert found["core", "hd95"].unit == "mm"


DIAGONAL_MM = np.sqrt(20**2 + 36**2 + 8**2)


@pytest.mark.parametrize(
    ("case", "status", "dice", "hd95", "relative"),
    [
        ("missed", "missed", 0.0, DIAGONAL_MM, -1.0),
        ("false alarm", "false_alarm", 0.0, DIAGONAL_MM, 1.0),
        ("both empty", "both_empty", 1.0, 0.0, 0.0),
    ],
)
def test_empty_masks_follow_the_policy(truth, case, status, dice, hd95, relative):
    some, none = np.where(truth == 1, 7, 0), np.zeros_like(truth)
    pairs = {"missed": (none, some), "false alarm": (some, none), "both empty": (none, none)}
    found = scores_of(*pairs[case])
    assert {found["rare", metric].status for metric in METRICS} == {status}
    assert found["rare", "dice"].value == found["rare", "iou"].value == found["rare", "nsd"].value == dice
    assert found["rare", "hd95"].value == pytest.approx(hd95)
    assert found["rare", "relative_volume_error"].value == relative


def test_no_value_is_ever_undefined():
    rng = np.random.default_rng(0)
    for levels in (1, 2, 3):
        prediction, truth = rng.integers(0, levels, (2, 6, 6, 6))
        values = [score.value for score in score_case(prediction, truth, SPACING, TARGETS, 1.0)]
        assert np.isfinite(values).all()


def test_no_two_surfaces_are_further_apart_than_the_declared_worst():
    truth, prediction = np.zeros((2, 9, 9, 9), dtype=np.int16)
    truth[0, 0, 0] = prediction[-1, -1, -1] = 1
    found = scores_of(prediction, truth)
    worst = scores_of(np.zeros_like(truth), truth)
    assert found["core", "hd95"].value <= worst["core", "hd95"].value + 1e-9


def test_missing_more_of_many_lesions_makes_every_score_worse():
    """The case that fools voxel-wise HD95: it must not look better the more is missed."""
    truth = np.zeros((40, 40, 8), dtype=np.int16)
    for x in range(2, 38, 6):
        for y in range(2, 38, 6):
            truth[x : x + 3, y : y + 3, 2:5] = 1
    found = []
    for kept in (40, 20, 8):
        prediction = truth.copy()
        prediction[kept:] = 0
        found.append(scores_of(prediction, truth))
    for metric, sign in (("dice", 1), ("nsd", 1), ("hd95", -1)):
        values = [sign * scores["core", metric].value for scores in found]
        assert values[0] > values[1] > values[2]


def test_cropping_changes_nothing(truth):
    prediction = np.roll(truth, (1, 1, 0), (0, 1, 2))
    margin = ((9, 4), (0, 7), (5, 5))
    small, large = scores_of(prediction, truth), scores_of(np.pad(prediction, margin), np.pad(truth, margin))
    assert all(small[key].value == large[key].value for key in small if small[key].status is Status.OK)


def test_each_label_and_region_has_its_own_tolerance(truth):
    tolerances = {"core": 0.4, "edema": 1.0, "whole": 2.0, "rare": 3.0}
    prediction = np.roll(truth, 1, 0)
    found = {
        s.label: s.value
        for s in score_case(prediction, truth, SPACING, TARGETS, tolerances)
        if s.metric == "nsd"
    }
    for label, tolerance_mm in tolerances.items():
        alone = score_case(prediction, truth, SPACING, {label: TARGETS[label]}, tolerance_mm)
        assert found[label] == next(score.value for score in alone if score.metric == "nsd")
    assert found["core"] < found["whole"] == 1.0
    with pytest.raises(ConfigError, match="has a value for core and none for 'edema'"):
        score_case(truth, truth, SPACING, TARGETS, {"core": 1.0})


def test_lesions_are_scored_by_a_rule_alone(truth):
    prediction = np.roll(truth, 1, 0)
    prediction[0, 0, 0] = prediction[0, 0, 5] = 1
    found = score_case(prediction, truth, SPACING, {"core": [1]}, 1.0, RULES["brats2023"])
    assert [score.metric for score in found] == [*METRICS, *LESION_METRICS]
    values = {score.metric: (score.value, score.unit) for score in found}
    masks = prediction == 1, truth == 1
    expected = lesion_wise(*masks, SPACING, RULES["brats2023"])
    assert values["lesion_wise_dice"] == (pytest.approx(expected.lesion_wise_dice), "ratio")
    assert values["lesion_wise_hd95"] == (pytest.approx(expected.lesion_wise_hd95_mm), "mm")
    assert values["lesion_false_positives"] == (2.0, "count")
    assert values["scored_lesions"] == (1.0, "count")
    assert values["lesion_f1"] == (2 / 4, "ratio")
    assert values["lesion_sensitivity"] == (1.0, "ratio")
    assert values["panoptic_quality"] == (pytest.approx(panoptic_quality(*masks)), "ratio")


def test_a_missed_lesion_that_is_too_small_to_score_is_right_by_lesion_and_wrong_by_voxel(truth):
    small = np.zeros_like(truth)
    small[2:4, 2:4, 2:4] = 1
    found = {
        score.metric: score
        for score in score_case(np.zeros_like(truth), small, SPACING, {"core": [1]}, 1.0, RULES["brats2023"])
    }
    assert (found["dice"].value, found["dice"].status) == (0.0, "missed")
    assert (found["lesion_wise_dice"].value, found["lesion_wise_dice"].status) == (1.0, "both_empty")
    assert (found["panoptic_quality"].value, found["panoptic_quality"].status) == (0.0, "missed")


def test_a_map_stored_x_fastest_scores_the_same(truth):
    prediction = np.roll(truth, (1, 1), (0, 2))
    found, same = (
        [
            s.value
            for s in score_case(order(prediction), order(truth), SPACING, TARGETS, 1.0, RULES["overlap"])
        ]
        for order in (np.ascontiguousarray, np.asfortranarray)
    )
    assert same == pytest.approx(found, rel=1e-9)


def test_values_above_255_and_absent_ones(truth):
    labels = np.where(truth == 1, 300, 0)
    found = scores_of(labels, labels, {"far": [300], "small": [44], "both": [300, 44]})
    assert [found[name, "dice"].status for name in ("far", "small", "both")] == ["ok", "both_empty", "ok"]
    found = scores_of(truth, truth, {"far": [300]})
    assert found["far", "dice"].status == "both_empty"


def test_the_values_of_label_maps(truth):
    assert label_values(truth, np.full_like(truth, 300), np.zeros_like(truth)) == [1, 2, 300]
    assert label_values(np.zeros_like(truth)) == []


def test_label_maps_on_two_grids_are_refused(truth):
    with pytest.raises(GeometryError, match="one grid"):
        score_case(truth[1:], truth, SPACING, TARGETS, 1.0)
