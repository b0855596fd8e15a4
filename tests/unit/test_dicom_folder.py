from pathlib import Path

import pytest
from dicom_cases import a_series, copy_of, damage, set_all

from segmake.errors import InputError
from segmake.volume.dicom.folder import choose, count_frames, sort_out
from segmake.volume.scan import Note

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return a_series(tmp_path / "a")


def names(folder: Path, uid: str = "") -> list[str]:
    return [header.name for header in choose(folder, uid)[0]]


def test_files_are_sorted_by_series(series: Path) -> None:
    copy_of(series / "0000.dcm", "b.dcm", SeriesInstanceUID="1.2.3")
    contents = sort_out(sorted(series.iterdir()))
    assert sorted(map(len, contents.images.values())) == [1, 7]
    assert count_frames(contents.headers) == 8


def test_several_series_are_listed(series: Path) -> None:
    uid = "1.2.3.77"
    copy_of(series / "0000.dcm", "b.dcm", SeriesInstanceUID=uid, SeriesDescription="late phase")
    rule = (
        r"a holds 2 DICOM series: \d+ \(case synthetic chest CT, 7 slices\), 77 \(late phase, 1 slices\); "
        r"name one as FOLDER#UID, or let `segmake index dicom` list them"
    )
    with pytest.raises(InputError, match=rule):
        choose(series, "")
    assert names(series, uid) == names(series, "77") == ["b.dcm"]
    with pytest.raises(InputError, match=r"holds not one DICOM series that ends in 7, but"):
        choose(series, "7")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"SOPClassUID": CAPTURE}, "a secondary capture"),
        ({"ImagePositionPatient": None}, "an image without a position"),
        ({"ImageOrientationPatient": None}, "an image without a position"),
        ({"ImageType": ["DERIVED", "PRIMARY", "LOCALIZER"]}, "a localiser"),
    ],
)
@pytest.mark.parametrize("uid", [{}, {"SeriesInstanceUID": "1.2.3"}])
def test_lesser_images_give_way_to_the_scan(
    series: Path, values: dict[str, object], reason: str, uid: dict[str, object]
) -> None:
    copy_of(series / "0000.dcm", "b.dcm", **values, **uid)
    headers, notes = choose(series, "")
    assert len(headers) == 7
    assert notes == (Note("warning", f"left out b.dcm: {reason}"),)


@pytest.mark.parametrize("values", [{"SOPClassUID": CAPTURE}, {"ImagePositionPatient": None}])
def test_where_there_is_nothing_else_they_are_the_scan(series: Path, values: dict[str, object]) -> None:
    set_all(series, **values)
    assert len(names(series)) == 7


def test_many_files_left_out_are_counted(series: Path) -> None:
    for number in range(5):
        (series / f"note {number}.txt").write_text("no scan")
    assert choose(series, "")[1] == (
        Note("warning", "left out note 0.txt, note 1.txt, note 2.txt and 2 more: no DICOM file"),
    )


def test_a_damaged_file_may_be_a_slice(series: Path) -> None:
    damage(series / "0006.dcm").rename(series / "0006")
    with pytest.raises(InputError, match=r"a: 0006 is damaged DICOM \(.*\), and may be a slice of the scan"):
        choose(series, "")


def test_an_empty_file_may_be_a_slice(series: Path) -> None:
    (series / "0006.dcm").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"0006\.dcm is empty, and may be a slice of the scan; copy it again"
    ):
        choose(series, "")


def test_a_slice_cut_within_its_header_stops(series: Path) -> None:
    content = (series / "0006.dcm").read_bytes()
    (series / "0006.dcm").write_bytes(content[:600])
    with pytest.raises(
        InputError, match=r"0006\.dcm is (cut short|damaged DICOM).*may be a slice of the scan"
    ):
        choose(series, "")


def test_an_empty_file_of_another_kind_is_passed_over(series: Path) -> None:
    (series / "done").write_bytes(b"")
    assert choose(series, "")[1] == (Note("warning", "left out done: empty"),)


def test_folders_without_slices_say_what_they_hold(series: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no DICOM slices; give one of its folders \(a\)"):
        choose(tmp_path, "")
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match=r"b holds no DICOM slices; give a folder with a scan"):
        choose(tmp_path / "b", "")
    (tmp_path / "b/readme.txt").write_text("no scan")
    with pytest.raises(InputError, match=r"no DICOM slices \(readme\.txt: no DICOM file\)"):
        choose(tmp_path / "b", "")
