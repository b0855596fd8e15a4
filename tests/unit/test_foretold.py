import pytest

from segmake.figures.foretold import foretold, read_foretold
from segmake.figures.records import NOTHING, Score, number


def scores(values, label="a", split="test", metric="dice"):
    return [Score("unet", split, "", f"c{n}", label, metric, v, "", "ok") for n, v in enumerate(values)]


def test_estimates_are_read_from_the_rows_of_predict():
    rows = [
        {"case": "c0", "predicted_dice_a": "0.5", "predicted_dice_b": "", "path": "x"},
        {"case": "c1", "predicted_dice_a": "0.25", "predicted_dice_b": "1"},
    ]
    assert read_foretold({"unet": rows}) == {
        ("unet", "c0", "a"): 0.5,
        ("unet", "c1", "a"): 0.25,
        ("unet", "c1", "b"): 1.0,
    }


def test_a_row_per_split_and_label_says_how_far_to_trust():
    expected = {("unet", f"c{n}", "a"): v for n, v in enumerate((0.9, 0.8, 0.6, 0.5))}
    given = scores((0.8, 0.7, 0.5, 0.4)) + scores((0.1,) * 4, metric="iou") + scores((0.3,), label="b")
    table, note = foretold(expected, given)
    assert [list(row) for row in table.rows] == [
        ["a", "unet", "test", "4", number(0.7), number(0.6), number(1.0), number(0.1)]
    ]
    assert "do not use it" in note.text


@pytest.mark.parametrize("values", [(0.5, 0.5, 0.5), (0.5, 0.9)])
def test_a_correlation_that_is_none_is_not_shown(values):
    expected = {("unet", f"c{n}", "a"): v for n, v in enumerate(values)}
    table, _ = foretold(expected, scores((0.4, 0.6, 0.7)[: len(values)]))
    assert table.rows[0][6] == NOTHING


def test_without_estimates_there_is_nothing():
    assert foretold({}, scores((0.5,))) == []
    assert foretold({("other", "c0", "a"): 0.5}, scores((0.5,))) == []
