import math

import pytest

from segmake.figures.outliers import Measure
from segmake.figures.passports import Passport, measures, read_passport

ROW = {
    "case": "a",
    "group": "p",
    "site": "Oslo",
    "split": "train",
    "shape": "10x20x30",
    "spacing_mm": "1x1x2.5",
    "orientation": "LPS",
    "ml_core": "1.5",
    "ml_edge": "",
    "repairs": "first; second",
    "warnings": "",
}
PERCENTILES = {"0": -3024, "0.5": -1000, "5": -900, "50": 30, "95": 200, "99.5": 900, "100": 3000}
DETAILS = {"passport": {"obliquity_deg": 3.5, "channels": {"ct": {"percentiles": PERCENTILES}}}}


def test_row_and_record_are_read_together():
    found = read_passport(ROW, DETAILS)
    assert (found.shape, found.spacing_mm, found.oblique_degrees) == ((10, 20, 30), (1.0, 1.0, 2.5), 3.5)
    assert found.intensities == {"ct": (-1000.0, 30.0, 900.0)}
    assert found.labels_ml["core"] == 1.5
    assert math.isnan(found.labels_ml["edge"])
    assert (found.repairs, found.warnings) == (("first", "second"), ())


def test_an_older_record_leaves_gaps():
    found = read_passport({"case": "a"}, {})
    assert found.shape == found.spacing_mm == found.repairs == ()
    assert math.isnan(found.oblique_degrees)
    assert measures([found]) == {"a": {}}


def test_what_is_compared_is_grid_field_of_view_intensities_and_volumes():
    (found,) = measures([read_passport(ROW, DETAILS)]).values()
    named = {str(measure.name): value for measure, value in found.items()}
    assert named["spacing along z"] == 2.5
    assert named["field of view along z"] == 75
    assert (named["dark end of ct"], named["median of ct"], named["bright end of ct"]) == (-1000, 30, 900)
    assert named["volume of core"] == 1.5


@pytest.mark.parametrize(("spans", "reference"), [((100, 200, 9000), 200), ((0, 0, 0), 1)])
def test_intensities_are_judged_against_the_usual_contrast(spans, reference):
    passports = [Passport(str(span), intensities={"t1": (0.0, 1.0, float(span))}) for span in spans]
    for found in measures(passports).values():
        assert Measure("median of t1", reference=reference) in found
