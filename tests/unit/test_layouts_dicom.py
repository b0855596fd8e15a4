import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset as Attributes
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

import segmake.volume.dicom
from segmake.dataset.layouts import index_layout
from segmake.dataset.layouts.found import Dataset
from segmake.dataset.sheet import read_sheet, write_sheet
from segmake.errors import InputError
from segmake.volume.dicom import Series

PATIENT = "HOSPITAL-4711"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def series(uid: str, **changed: object) -> Series:
    plain = Series(
        folder=Path("/tree/a"),
        uid=uid,
        study_uid="1.2.study",
        patient=PATIENT,
        modality="CT",
        description="Thorax",
        kind="image",
        slices=40,
        files=(),
        problem="",
        alone=True,
    )
    return replace(plain, **changed)


def index(monkeypatch: pytest.MonkeyPatch, root: Path, *found: Series) -> Dataset:
    monkeypatch.setattr(segmake.volume.dicom, "find_series", lambda _: list(found))
    return index_layout("dicom", root)


def reference(path: Path, *uids: str, structures: bool = False) -> Path:
    """A label object that refers to series."""
    items = [Attributes() for _ in uids]
    for item, uid in zip(items, uids, strict=True):
        item.SeriesInstanceUID = uid
    content = Attributes()
    if structures:
        study, frame = Attributes(), Attributes()
        study.RTReferencedSeriesSequence = Sequence(items)
        frame.RTReferencedStudySequence = Sequence([study])
        content.ReferencedFrameOfReferenceSequence = Sequence([frame])
    else:
        content.ReferencedSeriesSequence = Sequence(items)
    content.file_meta = FileMetaDataset()
    content.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    content.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    content.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content.save_as(path, enforce_file_format=True)
    return path


def test_no_patient_stands_in_a_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = series("1.2.9", patient="4712", study_uid="1.2.other", folder=Path("/tree/b"))
    found = index(monkeypatch, tmp_path, series("1.2.1"), series("1.2.2", alone=False), other)
    names = {
        f"p{digest(patient)[:8]}_s{digest(study)[:6]}_{digest(uid)[:8]}": digest(patient)[:16]
        for patient, study, uid in (
            (PATIENT, "1.2.study", "1.2.1"),
            (PATIENT, "1.2.study", "1.2.2"),
            ("4712", "1.2.other", "1.2.9"),
        )
    }
    assert {case.name: case.group for case in found.cases} == names
    assert {str(case.channels["image"]) for case in found.cases} == {"/tree/a", "/tree/a#1.2.2", "/tree/b"}
    sheet = write_sheet(found.cases)
    assert PATIENT not in sheet
    assert "4712" not in sheet
    assert found.channels == {"image": "ct"}


def test_extra_columns_pass_through_the_sheet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = index(monkeypatch, tmp_path, series("1.2.1", description="T1\tpost\n KM\x00"))
    assert dict(found.cases[0].extra) == {"modality": "CT", "description": "T1 post KM ", "slices": "40"}
    (tmp_path / "cases.tsv").write_text(write_sheet(found.cases))
    assert read_sheet(tmp_path / "cases.tsv", [])[0].extra["description"] == "T1 post KM"


def test_names_stay_when_patients_are_added(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = index(monkeypatch, tmp_path, series("1.2.5"))
    after = index(monkeypatch, tmp_path, series("1.1.1", patient="0001"), series("1.2.5"))
    assert before.cases[0] in after.cases


def test_a_series_without_a_patient_is_grouped_by_study(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (case,) = index(monkeypatch, tmp_path, series("1.2.1", patient="")).cases
    assert case.group == digest("1.2.study")[:16]


def test_what_is_no_scan_is_a_problem_or_counted(monkeypatch, tmp_path: Path, caplog) -> None:
    with caplog.at_level(logging.WARNING, "segmake"):
        found = index(
            monkeypatch,
            tmp_path,
            series("1.2.1"),
            series("1.2.2", alone=False, problem="a: 12.5 mm are missing between slices 4 and 5"),
            *(series(f"1.3.{number}", kind="other", problem="a localiser") for number in range(3)),
        )
    assert sorted(case.problem for case in found.cases) == [
        "",
        "a: 12.5 mm are missing between slices 4 and 5",
    ]
    assert "3 series are no images and are left out: 3 x a localiser" in caplog.messages
    assert "12.5 mm are missing" in caplog.text


def test_label_objects_find_their_series(monkeypatch, tmp_path: Path, caplog) -> None:
    seg = reference(tmp_path / "a.dcm", "1.2.1")
    again = reference(tmp_path / "b.dcm", "1.2.1")
    rt = reference(tmp_path / "c.dcm", "1.2.2", structures=True)
    lost = reference(tmp_path / "d.dcm", "9.9")
    with caplog.at_level(logging.WARNING, "segmake"):
        found = index(
            monkeypatch,
            tmp_path,
            *(series(f"1.2.{n}", folder=Path(f"/tree/{n}")) for n in (1, 2, 3)),
            series("1.5", kind="segmentation", files=(again, seg, lost)),
            series("1.6", kind="structures", files=(rt,)),
        )
    assert {case.channels["image"].name: case.label for case in found.cases} == {"1": seg, "2": rt, "3": None}
    assert f"label {again} is left out: {seg} is the label of its series" in caplog.messages
    assert f"label {lost} refers to no series that is here; it is left out" in caplog.messages


def test_modalities_are_told_apart(monkeypatch, tmp_path: Path, caplog) -> None:
    for name, kind in (("MR", "mr"), ("PT", "pet"), ("MG", "xray"), ("US", "other")):
        assert index(monkeypatch, tmp_path, series("1", modality=name)).channels == {"image": kind}
    with caplog.at_level(logging.WARNING, "segmake"):
        found = index(monkeypatch, tmp_path, series("1"), series("2", modality="MR"))
    assert found.channels == {"image": "other"}
    assert "modalities are mixed (1 ct, 1 mr): keep the rows of one in the sheet" in caplog.messages


def test_a_series_in_two_folders_is_two_cases(monkeypatch, tmp_path: Path, caplog) -> None:
    with caplog.at_level(logging.WARNING, "segmake"):
        found = index(monkeypatch, tmp_path, series("1"), series("1", folder=Path("/tree/copy")))
    first, second = (case.name for case in found.cases)
    assert second == f"{first}_2"
    assert "/tree/copy: its series lies in another folder, too" in caplog.messages


def test_an_empty_tree_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no case in dicom layout"):
        index_layout("dicom", tmp_path)


@pytest.mark.data
def test_real_trees(shared_data: Path, caplog: pytest.LogCaptureFixture) -> None:
    (chest,) = index_layout("dicom", shared_data / "chest_ct_dicom").cases
    assert chest.extra["slices"] == "99"
    assert chest.channels["image"].name == "2-LUNG 3.0  B70f-04083"
    assert (chest.problem, chest.label) == ("", None)
    hard = index_layout("dicom", shared_data / "dicom_hard" / "failing").cases
    assert sum(bool(case.problem) for case in hard) >= 3
    found = index_layout("dicom", shared_data / "dicom_seg")
    root = shared_data / "dicom_seg"
    assert {
        str(case.channels["image"].relative_to(root)): str(case.label.relative_to(root))
        for case in found.cases
        if case.label
    } == {
        "23x38x3/image": "23x38x3/seg/label.seg",
        "24x38x3/image": "24x38x3/seg/label.seg",
        "ct-3slice": "liver.dcm",
    }
    assert sum(case.split == "new" for case in found.cases) == 2
