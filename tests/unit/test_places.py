"""Places in scans: the user's table, a phantom's truth, and what lies within a place."""

import math
from pathlib import Path

import pytest

from segmake.dataset.places import Place, nearest_place, read_places, truth_places
from segmake.errors import InputError


def table(folder: Path, text: str, name: str = "places.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_table_of_luna16_is_read_in_ras(tmp_path: Path) -> None:
    path = table(
        tmp_path, "seriesuid,coordX,coordY,coordZ,class\n1.2,-10,20.5,30,1\n1.2,0,0,0,0\n3,1,2,3,1\n"
    )
    assert read_places(path) == {
        "1.2": [Place((10, -20.5, 30), None, "1"), Place((0, 0, 0), None, "0")],
        "3": [Place((-1, -2, 3), None, "1")],
    }


def test_columns_of_our_own_and_diameters(tmp_path: Path) -> None:
    text = "case\tcoordX\tcoordY\tcoordZ\tdiameter_mm\tclass\na\t1\t2\t3\t8.5\tbenign\na\t1\t2\t3\t-1\tcyst\n"
    assert read_places(table(tmp_path, text, "places.tsv"))["a"] == [
        Place((-1, -2, 3), 8.5, "benign"),
        Place((-1, -2, 3), None, "cyst"),  # -1: nobody measured it
    ]


def test_scores_of_radiologists_stand_for_a_class(tmp_path: Path) -> None:
    head = "seriesuid,coordX,coordY,coordZ,diameter_mm,mal_details\n"
    rows = [
        'a,0,0,0,5,"[4, 2, 4, 2]"',
        'a,0,0,0,5,"[3, 2, 3]"',
        'a,0,0,0,5,"[5]"',
        'a,0,0,0,5,"[3, 3]"',
        "a,0,0,0,5,",
    ]
    found = read_places(table(tmp_path, head + "\n".join(rows) + "\n"))["a"]
    assert [place.class_ for place in found] == ["", "benign", "malignant", "", ""]


def test_the_nearest_place_within_its_radius_counts() -> None:
    small, large = Place((0, 0, 0), 4, "small"), Place((6, 0, 0), 14, "large")
    assert nearest_place((1.9, 0, 0), [small, large]) == small
    assert nearest_place((2.1, 0, 0), [small, large]) == large
    assert nearest_place((3.5, 0, 0), [small, large]) == large
    assert nearest_place((-3, 0, 0), [small, large]) is None
    assert nearest_place((5, 0, 0), [Place((0, 0, 0))]) is not None  # 10 mm where nobody measured
    assert nearest_place((0, 5.1, 0), [Place((0, 0, 0))]) is None


def test_a_phantom_knows_its_lesions() -> None:
    volume_ml = 4 / 3 * math.pi * 5**3 / 1000
    (place,) = truth_places([{"centre_mm": [1, 2, 3], "volume_ml": volume_ml, "class": "malignant"}])
    assert (place.centre_mm, place.class_) == ((1, 2, 3), "malignant")
    assert place.diameter_mm == pytest.approx(10)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,coordX,coordY,coordZ\na,1,2,3\n", "needs a column 'case'"),
        ("case,coordX,coordY\na,1,2\n", "needs a column 'coordZ'"),
        ("case,coordX,coordY,coordZ\n", "has no rows"),
        ("case,coordX,coordY,coordZ\n,1,2,3\n", "row 2, column case: a scan is missing"),
        (
            "case,coordX,coordY,coordZ\na,1,two,3\n",
            "row 2, column coordY: must be a finite number, got 'two'",
        ),
        ("case,coordX,coordY,coordZ\na,1,inf,3\n", "must be a finite number, got 'inf'"),
        ("case,coordX,coordY,coordZ,mal_details\na,1,1,3,[9]\n", "scores from 1 to 5"),
    ],
)
def test_wrong_tables_name_row_and_column(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence.replace("[", r"\[")):
        read_places(table(tmp_path, text))


@pytest.mark.data
def test_real_tables(shared_data: Path) -> None:
    found = read_places(shared_data / "luna16_annotations" / "annotations_with_malignancy.csv")
    classes = [place.class_ for places in found.values() for place in places]
    assert {"benign", "malignant"} <= set(classes)
    plain = read_places(shared_data / "luna16_annotations" / "annotations.csv")
    assert sum(map(len, plain.values())) == 1186
