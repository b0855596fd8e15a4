from pathlib import Path

import pytest
from dicom_cases import a_series, copy_of, set_all, to_enhanced

from segmake.errors import InputError
from segmake.volume.dicom import Series, find_series

STORAGE = "1.2.840.10008.5.1.4.1.1."


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two folders: a whole scan with a localiser and a report; two series of which one lacks a slice."""
    one = a_series(tmp_path / "tree/p1/s1")
    first = one / "0000.dcm"
    copy_of(first, "scout.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SeriesInstanceUID="1.2.1")
    copy_of(first, "dose.dcm", SOPClassUID=STORAGE + "88.67", SeriesInstanceUID="1.2.2", Modality="SR")
    copy_of(first, "seg.dcm", SOPClassUID=STORAGE + "66.4", SeriesInstanceUID="1.2.3", Modality="SEG")
    (one / "readme.txt").write_text("no scan")
    two = a_series(tmp_path / "tree/p2")
    set_all(two, SeriesInstanceUID="1.2.4", PatientID="P2", SeriesDescription="late")
    for path in sorted(two.iterdir()):
        if path.name != "0003.dcm":
            copy_of(path, f"b {path.name}", SeriesInstanceUID="1.2.5")
    return tmp_path / "tree"


def by_uid(tree: Path) -> dict[str, Series]:
    return {series.uid[-5:]: series for series in find_series(tree)}


def test_every_series_of_a_tree_is_found(tree: Path) -> None:
    found = find_series(tree)
    assert [series.folder for series in found] == [tree / "p1/s1"] * 4 + [tree / "p2"] * 2
    kinds = {"1.2.1": "other", "1.2.2": "other", "1.2.3": "segmentation", "1.2.4": "image", "1.2.5": "image"}
    assert {uid: by_uid(tree)[uid].kind for uid in kinds} == kinds
    whole = next(series for series in found if series.kind == "image")
    assert (whole.slices, whole.modality, whole.patient, whole.problem) == (7, "CT", "case", "")
    assert whole.description == "case synthetic chest CT"
    assert len(whole.files) == 7


def test_a_series_says_how_it_is_named(tree: Path) -> None:
    found = by_uid(tree)
    assert found["1.2.4"].path == f"{tree / 'p2'}#1.2.4"
    assert not found["1.2.4"].alone
    assert found["1.2.3"].path == str(tree / "p1/s1/seg.dcm")
    alone = next(series for series in find_series(tree / "p1") if series.kind == "image")
    assert alone.path == str(tree / "p1/s1")


def test_a_series_says_what_is_wrong_with_it(tree: Path) -> None:
    found = by_uid(tree)
    assert found["1.2.1"].problem == "a localiser"
    assert found["1.2.2"].problem == "a dose report"
    assert found["1.2.4"].problem == ""
    assert found["1.2.5"].problem.startswith("p2: a slice is missing between b 0002.dcm and b 0004.dcm")


def test_pictures_are_cases_of_their_own(tree: Path) -> None:
    set_all(tree / "p2", ImagePositionPatient=None)
    found = by_uid(tree)
    assert found["1.2.4"].problem == "7 images without a position; each is a case of its own"


def test_captures_beside_a_scan_are_no_images(tree: Path) -> None:
    copy_of(tree / "p1/s1/0000.dcm", "c.dcm", SOPClassUID=STORAGE + "7", SeriesInstanceUID="1.2.7")
    found = by_uid(tree)["1.2.7"]
    assert (found.kind, found.problem) == ("other", "a secondary capture")


def test_a_multi_frame_file_counts_its_frames(tmp_path: Path) -> None:
    (tmp_path / "enhanced").mkdir()
    source = a_series(tmp_path / "source")
    to_enhanced(source, tmp_path / "enhanced/IM1")
    (found,) = find_series(tmp_path / "enhanced")
    assert (found.slices, found.problem, found.path) == (7, "", str(tmp_path / "enhanced"))


def test_a_tree_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none is no folder"):
        find_series(tmp_path / "none")
    assert find_series(tmp_path) == []


@pytest.mark.data
def test_the_real_series_are_told_apart(shared_data: Path) -> None:
    found = {str(one.folder.relative_to(shared_data)): one for one in find_series(shared_data / "dicom_hard")}
    assert len(found) == 20
    bad = {name for name, series in found.items() if series.problem}
    failing = ("notavolume/001", "sliceincrement/001", "sliceincrement/002", "sliceorientation/001")
    assert bad == {f"dicom_hard/failing/{name}" for name in failing}
    assert all(series.alone and series.kind == "image" for series in found.values())
    kinds = [series.kind for series in find_series(shared_data / "dicom_seg")]
    assert (kinds.count("image"), kinds.count("segmentation")) == (5, 5)  # two of six share a series
