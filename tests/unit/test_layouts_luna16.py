import logging
from pathlib import Path

import pytest
from layout_cases import touch

from segmake.dataset.layouts import index_layout
from segmake.dataset.layouts.lidc import class_of
from segmake.dataset.sheet import read_sheet, write_sheet
from segmake.errors import InputError

UID = "1.3.6.1.4.1.14519.5.2.1.6279.6001.10"
HEAD = "seriesuid,coordX,coordY,coordZ,diameter_mm"


def scans(root: Path, **folders: str) -> Path:
    """Folders with scans, whose UIDs end in the given digits."""
    for folder, ends in folders.items():
        touch(root, *(f"{folder}/{UID}{end}{file}" for end in ends for file in (".mhd", ".raw")))
    return root


def table(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def test_a_case_is_a_scan_with_its_subset_and_nodules(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scans(tmp_path, subset0="12", subset9="3", **{"seg-lungs-LUNA16": "123"})
    table(
        tmp_path / "CSVFILES" / "annotations.csv",
        HEAD,
        f"{UID}1,0,0,0,5",
        f"{UID}1,9,0,0,4",
        f"{UID}3,0,0,0,7",
    )
    table(tmp_path / "CSVFILES" / "candidates_V2.csv", "")
    with caplog.at_level(logging.WARNING, "segmake"):
        found = index_layout("luna16", tmp_path)
    assert caplog.messages == []
    assert [(case.name, case.group, dict(case.extra)) for case in found.cases] == [
        (f"{UID}1", f"{UID}1", {"subset": "0", "nodules": "2"}),
        (f"{UID}2", f"{UID}2", {"subset": "0", "nodules": "0"}),
        (f"{UID}3", f"{UID}3", {"subset": "9", "nodules": "1"}),
    ]
    case = found.cases[0]
    assert (case.channels, case.label, case.site) == ({"ct": tmp_path / f"subset0/{UID}1.mhd"}, None, "")
    assert (case.split, case.class_) == ("train", "")
    assert found.channels == {"ct": "ct"}


def test_the_sheet_keeps_the_extra_columns(tmp_path: Path) -> None:
    table(scans(tmp_path, subset3="1") / "annotations.csv", HEAD, f"{UID}1,0,0,0,5")
    cases = index_layout("luna16", tmp_path).cases
    sheet = write_sheet(cases)
    assert sheet.splitlines()[0] == "case\tgroup\tsite\tsplit\tct\tlabel\tclass\tsubset\tnodules"
    (tmp_path / "cases.tsv").write_text(sheet)
    assert read_sheet(tmp_path / "cases.tsv", []) == cases


def test_what_is_missing_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scans(tmp_path, subset1="12")
    (tmp_path / f"subset1/{UID}2.raw").unlink()
    table(tmp_path / "annotations.csv", HEAD, f"{UID}1,0,0,0,5", "1.9,0,0,0,5", "1.9,0,0,0,6", "1.8,0,0,0,6")
    table(tmp_path / "annotations_excluded.csv", HEAD, "1.7,0,0,0,-1")
    with caplog.at_level(logging.WARNING, "segmake"):
        found = index_layout("luna16", tmp_path)
    text = caplog.text
    assert f"{tmp_path / 'annotations.csv'} names 2 scans that are not here: 1.8, 1.9" in text
    assert "annotations_excluded.csv names 1 scans that are not here: 1.7" in text
    assert "has no candidates_V2.csv or candidates.csv" in text
    assert [bool(case.problem) for case in found.cases] == [False, True]
    assert found.cases[1].problem == (f"{UID}2.mhd has no voxels: {UID}2.raw is not beside it; add the file")


@pytest.mark.parametrize(("target", "lost"), [("voxels.bin", False), ("LOCAL", False), ("gone.zraw", True)])
def test_a_header_says_where_its_voxels_are(tmp_path: Path, target: str, lost: bool) -> None:
    touch(
        tmp_path, "subset0/voxels.bin", f"subset0/{UID}1.mhd", f"subset0/{UID}2.mhd", f"subset0/{UID}2.zraw"
    )
    (tmp_path / f"subset0/{UID}1.mhd").write_text(f"ObjectType = Image\nElementDataFile = {target}\n")
    problem = index_layout("luna16", tmp_path).cases[0].problem
    assert ("gone.zraw is not beside it" in problem) == bool(problem) == lost


def test_one_subset_can_be_indexed_alone(tmp_path: Path) -> None:
    scans(tmp_path, subset4="1")
    (case,) = index_layout("luna16", tmp_path / "subset4").cases
    assert dict(case.extra) == {"subset": "4", "nodules": ""}


def test_a_scan_in_two_subsets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"case '.*101' stands twice.*subset0.*subset1"):
        index_layout("luna16", scans(tmp_path, subset0="1", subset1="1"))


def test_lidc_gives_scans_a_class(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scans(tmp_path, subset0="12345")
    rows = [
        f'{UID}1,0,0,0,5,"[4, 2, 4, 3]"',  # 3.25
        f'{UID}1,0,0,0,5,"[1, 1]"',
        f'{UID}2,0,0,0,5,"[2, 3]"',
        f'{UID}3,0,0,0,5,"[3, 3]"',
        f"{UID}5,0,0,0,5,[]",
        "1.9,0,0,0,5,[5]",
    ]
    table(tmp_path / "malignancy.csv", f"{HEAD},mal_details", *rows)
    table(tmp_path / "annotations.csv", HEAD, f"{UID}1,0,0,0,5")
    with caplog.at_level(logging.WARNING, "segmake"):
        found = index_layout("lidc", tmp_path)
    assert [(case.class_, case.extra["nodules"], case.extra["malignancy"]) for case in found.cases] == [
        ("malignant", "2", "3.25"),
        ("benign", "1", "2.5"),
        ("", "1", "3"),
        ("", "0", ""),
        ("", "1", ""),
    ]
    assert "malignancy.csv names 1 scans that are not here: 1.9" in caplog.text


def test_lidc_needs_one_table_with_scores(tmp_path: Path) -> None:
    scans(tmp_path, subset0="1")
    with pytest.raises(InputError, match=r"needs one CSV with malignancy scores .* has none; put it there"):
        index_layout("lidc", tmp_path)
    for name in ("a.csv", "b.csv"):
        table(tmp_path / name, f"{HEAD},mal_details", f"{UID}1,0,0,0,5,[1]")
    with pytest.raises(InputError, match=r"has a\.csv, b\.csv"):
        index_layout("lidc", tmp_path)


def test_the_middle_of_the_scale_is_no_class() -> None:
    assert [class_of(score) for score in (1.0, 2.99, 3.0, 3.01, None)] == [
        "benign",
        "benign",
        "",
        "malignant",
        "",
    ]
