from pathlib import Path

import pytest

from segmake.dataset.annotations import (
    Candidate,
    Detection,
    Nodule,
    read_annotations,
    read_candidates,
    read_detections,
    read_excluded,
    read_scans,
)
from segmake.errors import InputError

HEAD = "seriesuid,coordX,coordY,coordZ,diameter_mm"


def table(folder: Path, *lines: str) -> Path:
    path = folder / "table.csv"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_nodules_keep_their_order_and_world(tmp_path: Path) -> None:
    path = table(tmp_path, HEAD, "1.2.3,-128.5,-175.25,-298.4,5.65", "1.2.1,1e1,.5,-0,3")
    assert read_annotations(path) == [
        Nodule("1.2.3", (-128.5, -175.25, -298.4), 5.65, ()),
        Nodule("1.2.1", (10.0, 0.5, 0.0), 3.0, ()),
    ]


def test_scores_are_read_from_their_list(tmp_path: Path) -> None:
    path = table(
        tmp_path, f"{HEAD},mal_details", '1.2,0,0,0,5,"[4, 2, 4]"', "1.3,0,0,0,5,3", "1.4,0,0,0,5,[]"
    )
    assert [nodule.malignancy for nodule in read_annotations(path)] == [(4, 2, 4), (3,), ()]


def test_candidates_of_both_versions(tmp_path: Path) -> None:
    path = table(tmp_path, "seriesuid,coordX,coordY,coordZ,class", "1.2,1,2,3,0", "1.3,4,5,6,1")
    assert read_candidates(path) == [Candidate("1.2", (1, 2, 3), False), Candidate("1.3", (4, 5, 6), True)]


def test_detections_have_a_probability(tmp_path: Path) -> None:
    head = "seriesuid,coordX,coordY,coordZ,probability"
    path = table(tmp_path, head, "1.2,1,2,3,0.25", "1.3,4,5,6,-7e2")
    assert read_detections(path) == [Detection("1.2", (1, 2, 3), 0.25), Detection("1.3", (4, 5, 6), -700)]
    with pytest.raises(InputError, match=r"row 2, column probability: must be a finite number, got 'nan'"):
        read_detections(table(tmp_path, head, "1.2,1,2,3,nan"))


def test_scans_are_listed_with_and_without_a_header(tmp_path: Path) -> None:
    assert read_scans(table(tmp_path, "1.2", "", "1.3 ")) == ["1.2", "1.3"]
    assert read_scans(table(tmp_path, "seriesuid,subset", "1.2,0")) == ["1.2"]
    with pytest.raises(InputError, match=r"lists 1.2 twice"):
        read_scans(table(tmp_path, "1.2", "1.3", "1.2"))
    with pytest.raises(InputError, match="lists no scan"):
        read_scans(table(tmp_path, "seriesuid"))
    with pytest.raises(InputError, match="cannot be read"):
        read_scans(tmp_path / "missing.csv")


def test_excluded_findings_may_lack_a_diameter(tmp_path: Path) -> None:
    path = table(tmp_path, HEAD, "1.2,1,2,3,-1", "1.3,4,5,6,4.5", "1.4,0,0,0,0")
    assert [finding.diameter_mm for finding in read_excluded(path)] == [10.0, 4.5, 0.0]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEAD.replace("coordY", "y"), "1,1,1,1,1"], "needs a column 'coordY', has seriesuid, coordX, y"),
        ([HEAD], "has no rows; it needs the columns seriesuid, coordX"),
        ([], "has no rows"),
        (
            [HEAD, "1.2,1,2,3,5", "1.2,1,two,3,5"],
            "row 3, column coordY: must be a number, got 'two'; correct",
        ),
        ([HEAD, "", "1.2,1,,3,5"], "row 3, column coordY: must be a number, got ''"),
        ([HEAD, "1.2,1,nan,3,5"], "row 2, column coordY: must be a finite number, got 'nan'"),
        ([HEAD, "1.2,1,inf,3,5"], "row 2, column coordY: must be a finite number"),
        ([HEAD, '1.2,"1,5",2,3,5'], "row 2, column coordX: must be a number, got '1,5'"),
        ([HEAD, "1.2,1,2,3,-5"], "row 2, column diameter_mm: must be above 0 mm, got '-5'"),
        ([HEAD, "1.2,1,2,3,0"], "row 2, column diameter_mm: must be above 0 mm"),
        ([HEAD, "9.9,1,2,3,5"], "row 2, column seriesuid: must be a scan that is there, got '9.9'"),
        ([HEAD, ",1,2,3,5"], "row 2, column seriesuid: must be a scan that is there, got ''"),
        ([HEAD, "1.2,1,2,3,5,6"], "row 2: there are more cells than columns"),
        (
            [HEAD.replace(",", ";"), "1;1;1;1;1"],
            "row 1: commas set columns apart, this looks like semicolons",
        ),
        ([f"{HEAD},mal_details", "1.2,1,2,3,5,[4 7]"], "column mal_details: must list scores from 1 to 5"),
        ([f"{HEAD},mal_details", "1.2,1,2,3,5,high"], "column mal_details: must list scores from 1 to 5"),
        ([f"{HEAD},mal_details", "1.2,1,2,3,5,-3"], "column mal_details: must list scores from 1 to 5"),
    ],
)
def test_a_broken_rule_names_row_and_column(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(InputError, match=rf"table\.csv.*{message.replace('[', '.')}"):
        read_annotations(table(tmp_path, *lines), scans={"1.2"})


@pytest.mark.parametrize("value", ["2", "", "nodule", "1.0"])
def test_a_candidate_is_a_nodule_or_not(tmp_path: Path, value: str) -> None:
    path = table(tmp_path, "seriesuid,coordX,coordY,coordZ,class", f"1.2,1,2,3,{value}")
    with pytest.raises(InputError, match=rf"row 2, column class: must be 0 or 1, got '{value}'"):
        read_candidates(path)


def test_unknown_scans_of_the_other_tables(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 2, column seriesuid"):
        read_excluded(table(tmp_path, HEAD, "1.9,1,2,3,-1"), scans=["1.2"])
    with pytest.raises(InputError, match="row 2, column seriesuid"):
        read_candidates(table(tmp_path, HEAD.replace("diameter_mm", "class"), "1.9,1,2,3,1"), scans=["1.2"])


@pytest.mark.data
def test_the_real_tables(shared_data: Path) -> None:
    nodules = read_annotations(shared_data / "luna16_annotations" / "annotations.csv")
    assert (len(nodules), len({nodule.case for nodule in nodules})) == (1186, 601)
    assert nodules[0] == Nodule(
        "1.3.6.1.4.1.14519.5.2.1.6279.6001.100225287222365663678666836860",
        (-128.6994211, -175.3192718, -298.3875064),
        5.651470635,
    )
    graded = read_annotations(shared_data / "luna16_annotations" / "annotations_with_malignancy.csv")
    assert len(graded) == 1182
    assert graded[0].malignancy == (4, 2, 4, 2)
    assert {len(nodule.malignancy) for nodule in graded} == {3, 4, 5, 6, 7}
