import pytest

from segmake.reporting.words import count, duration, listed, percent, sentence, spread, times


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "no cases"), (1, "one case"), (12, "twelve cases"), (13, "13 cases"), (1200, "1,200 cases")],
)
def test_counts(number, text):
    assert count(number, "case") == text


def test_a_plural_of_its_own():
    assert count(2, "patch", "patches") == "two patches"


@pytest.mark.parametrize(
    ("words", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists(words, text):
    assert listed(words) == text


def test_sentences():
    assert [sentence("a b"), sentence("A."), sentence("")] == ["A b.", "A.", "."]


def test_sizes():
    assert times((1.0, 1.5, 3)) == "1 \N{MULTIPLICATION SIGN} 1.5 \N{MULTIPLICATION SIGN} 3"
    assert times((2, 2), "mm").endswith(" 2 mm")


def test_spreads():
    assert spread([1, 2, 4.0], "mm") == "2 mm (median; 1 to 4 mm)"
    assert spread([2.0, 2.0], "mm") == "2 mm"


@pytest.mark.parametrize(
    ("seconds", "text"), [(89, "89 seconds"), (120, "2 minutes"), (5399, "90 minutes"), (9000, "2.5 hours")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_percentages():
    assert [percent(0.95), percent(0.025)] == ["95%", "2.5%"]
