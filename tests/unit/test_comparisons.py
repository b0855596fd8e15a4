from segmake.figures.comparisons import comparison, subgroups
from segmake.figures.page import Note, Table
from segmake.figures.records import NOTHING

PAIR = {"split": "test", "label": "core", "metric": "dice", "unit": "ratio", "model": "x", "other": "y"}
PAIR |= {"cases": "12", "patients": "12", "unpaired": "1", "mean_model": "0.8", "mean_other": "0.7"}
PAIR |= {
    "difference": "0.1",
    "ci_low": "0.05",
    "ci_high": "0.15",
    "p_permutation": "0.01",
    "p_wilcoxon": "0.02",
}
PAIR |= {"p_holm": "0.00123", "cohen_dz": "1.234", "rank_biserial": "0.9", "seed_noise": ""}
PAIR |= {"seed_noise_patient": "", "verdict": "x is better"}
PLACE = {name: PAIR[name] for name in ("split", "label", "metric", "unit")}
RANK = PLACE | {
    "place": "1",
    "model": "x",
    "patients": "12",
    "mean": "0.8",
    "mean_rank": "1.25",
    "kept": "0.93",
}
LEVEL = PLACE | {"subgroup": "site", "level": "oslo", "cases": "3", "patients": "3", "mean": "0.5"}
LEVEL |= {"ci_low": "", "ci_high": "", "warning": "too few patients (3, at least 10)"}


def test_a_pair_stands_with_all_that_speaks_for_and_against():
    note, pairs, ranking = comparison([PAIR, PAIR | {"metric": "iou"}], [RANK])
    assert isinstance(note, Note)
    row = dict(zip(pairs.columns, pairs.rows[0], strict=True))
    assert len(pairs.rows) == 1
    assert row["Difference"] == ("0.100", "[0.050, 0.150]")
    assert (row["p"], row["p Wilcoxon"], row["d_z"]) == ("0.00123", "0.02", "1.23")
    assert (row["Seed noise"], row["Unpaired cases"], row["Verdict"]) == (NOTHING, "1", "x is better")
    assert ranking.rows[0][3:] == ["1", "x", "12", "0.800", "1.25", "93%"]


def test_numbers_are_told_from_words():
    _, pairs, ranking = comparison([PAIR], [RANK])
    assert pairs.numeric == {
        "Patients",
        "Unpaired cases",
        "Difference",
        "p",
        "p Wilcoxon",
        "d_z",
        "Seed noise",
    }
    assert ranking.numeric == {"Place", "Patients", "Mean", "Mean rank", "Place kept"}


def test_one_model_is_not_compared():
    assert comparison([], []) == []
    assert [type(block) for block in comparison([PAIR | {"metric": "iou"}], [])] == [Note, Table]


def test_subgroups_say_which_are_too_small():
    sure = LEVEL | {"level": "bonn", "ci_low": "0.4", "ci_high": "0.6", "warning": ""}
    note, table = subgroups({"x": [LEVEL, sure], "y": []})
    assert (note.kind, note.text.split(" rest ")[0]) == ("warning", "1 of 2 subgroup scores")
    assert table.rows[0] == [
        "core",
        "test",
        "Dice",
        "x",
        "site",
        "oslo",
        "3",
        ("0.500", NOTHING),
        "too few patients (3, at least 10)",
    ]
    assert table.rows[1][-2:] == [("0.500", "[0.400, 0.600]"), ""]
    assert [type(block) for block in subgroups({"x": [sure]})] == [Table]
    assert subgroups({"x": []}) == []


def test_the_mean_of_labels_is_called_so():
    (_, pairs) = comparison([PAIR | {"label": "mean"}], [])
    assert pairs.rows[0][0] == "mean of labels"
