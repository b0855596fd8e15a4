"""Label maps as DICOM objects, read back by readers that know nothing of how they were written."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_cases import STRAIGHT, TURN, a_series, edit, set_all, to_enhanced
from pydicom.dataset import Dataset

from segmake.errors import GeometryError, InputError
from segmake.volume.dicom.codes import Segment, code_of
from segmake.volume.dicom.headers import quiet
from segmake.volume.dicom.source import read_source
from segmake.volume.dicom.write_segmentation import Algorithm, segmentation, write_dicom
from segmake.volume.dicom.write_structures import structures
from segmake.volume.labels import read_label
from segmake.volume.read import read_volume
from segmake.volume.volume import Array, Volume

SAGITTAL = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0.0]])
OBLIQUE = TURN @ SAGITTAL
TURNS = {"axial": STRAIGHT, "turned": TURN, "sagittal": SAGITTAL, "oblique": OBLIQUE}
LABELS = {"liver": 2, "liver tumour": 5}
SEGMENTS = [
    Segment(value, name, *code_of(name), color)
    for (name, value), color in zip(LABELS.items(), ("#FF0000", None), strict=True)
]
MADE_BY = Algorithm("segmake", "1.0", "0123456789abcdef")


def labels_of(image: Volume) -> Volume:
    values = np.random.default_rng(1).integers(0, 3, image.shape)
    values[..., 3] = 0  # a slice without a voxel has no frame
    return Volume(np.array([0, 2, 5], np.uint8)[values][np.newaxis], image.affine)


def make(series: Path, kind: str, labels: Volume | None = None) -> Dataset:
    source = read_source(series)
    drawn = labels or labels_of(read_volume(series))
    if kind == "rtstruct":
        return structures(drawn, source, SEGMENTS, MADE_BY)
    return segmentation(drawn, source, SEGMENTS, MADE_BY, kind)


def save(folder: Path, kind: str, series: Path) -> Path:
    path = folder / f"{kind}.dcm"
    write_dicom(path, make(series, kind))
    return path


@pytest.mark.parametrize("kind", ["binary", "labelmap", "rtstruct"])
@pytest.mark.parametrize("turn", TURNS)
def test_our_reader_finds_every_voxel(tmp_path: Path, turn: str, kind: str) -> None:
    series = a_series(tmp_path / "series", TURNS[turn])
    image = read_volume(series)
    back = read_label(save(tmp_path, kind, series), LABELS, image)
    assert np.array_equal(back.volume.data, labels_of(image).data)
    assert [note.text for note in back.notes if note.kind == "repair"] == []


@pytest.mark.parametrize("kind", ["binary", "labelmap"])
@pytest.mark.parametrize("turn", TURNS)
def test_highdicom_finds_every_voxel_by_the_slices_it_refers_to(tmp_path: Path, turn: str, kind: str) -> None:
    series = a_series(tmp_path / "series", TURNS[turn])
    path = save(tmp_path, kind, series)
    files = sorted(series.iterdir())
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    seg = highdicom.seg.segread(path)
    found = seg.get_pixels_by_source_instance(
        [header.SOPInstanceUID for header in headers],
        combine_segments=True,
        assert_missing_frames_are_empty=True,
    )
    image = read_volume(series)
    expected = labels_of(image).data[0]
    # world positions tell which slice of the volume a file is
    inverse = np.linalg.inv(image.affine)
    for plane, header in zip(found, headers, strict=True):
        position = np.array([*map(float, header.ImagePositionPatient), 1]) * [-1, -1, 1, 1]
        number = round(float((inverse @ position)[2]))
        assert np.array_equal(np.array([0, 2, 5])[plane], expected[..., number].T)
    about = seg.get_segment_description(2)
    assert (about.segment_label, about.segmented_property_type.meaning) == ("liver tumour", "Neoplasm")
    assert about.segmented_property_category.meaning == "Morphologically Abnormal Structure"
    assert about.algorithm_type.value == "AUTOMATIC"
    assert seg.segmented_property_types[0].meaning == "Liver"


@pytest.mark.parametrize("turn", TURNS)
def test_frames_as_pydicom_and_simpleitk_unpack_them_lie_on_their_voxels(tmp_path: Path, turn: str) -> None:
    series = a_series(tmp_path / "series", TURNS[turn])
    path = save(tmp_path, "binary", series)
    image = read_volume(series)
    expected = labels_of(image).data[0]
    data = pydicom.dcmread(path)
    frames = pydicom.pixels.pixel_array(data)
    # GDCM gives single bits as 0 and 255
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))) > 0, frames > 0)
    drawn = np.zeros(image.shape, int)
    for frame, groups in zip(frames, data.PerFrameFunctionalGroupsSequence, strict=True):
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        corner = groups.PlanePositionSequence[0].ImagePositionPatient
        drawn[voxels_of(frame, corner, data, image)] = SEGMENTS[number - 1].value
    assert np.array_equal(drawn, expected)


def voxels_of(frame: Array, corner: list[float], data: Dataset, image: Volume) -> tuple[Array, ...]:
    """Indices in the volume of a frame's pixels, by PS3.3 C.7.6.2.1.1."""
    shared = data.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    between_rows, between_columns = shared.PixelMeasuresSequence[0].PixelSpacing
    rows, columns = np.nonzero(frame)
    lps = np.array(corner, float) + np.outer(columns * between_columns, cosines[:3])
    lps += np.outer(rows * between_rows, cosines[3:])
    ras = np.c_[lps * [-1, -1, 1], np.ones(len(lps))]
    return tuple(np.rint(np.linalg.inv(image.affine) @ ras.T)[:3].astype(int))


@pytest.mark.parametrize("kind", ["binary", "labelmap", "rtstruct"])
def test_a_multi_frame_source_in_any_order(tmp_path: Path, kind: str) -> None:
    source = to_enhanced(a_series(tmp_path / "series", TURN), tmp_path / "enhanced.dcm")
    with quiet():
        image = read_volume(source)
        back = read_label(save(tmp_path, kind, source), LABELS, image)
    assert np.array_equal(back.volume.data, labels_of(image).data)


@pytest.mark.parametrize("kind", ["binary", "labelmap", "rtstruct"])
def test_the_same_input_gives_the_same_bytes_and_another_one_other_uids(tmp_path: Path, kind: str) -> None:
    series = a_series(tmp_path / "series")
    first, second = make(series, kind), make(series, kind)
    for number, data in enumerate((first, second)):
        write_dicom(tmp_path / f"{number}.dcm", data)
    assert (tmp_path / "0.dcm").read_bytes() == (tmp_path / "1.dcm").read_bytes()
    labels = labels_of(read_volume(series))
    labels.data[0, 0, 0, 0] = 2 if labels.data[0, 0, 0, 0] != 2 else 5
    other = make(series, kind, labels)
    assert other.SOPInstanceUID != first.SOPInstanceUID
    assert other.SOPInstanceUID.startswith("2.25.")


@pytest.mark.parametrize("kind", ["binary", "rtstruct"])
def test_patient_study_and_time_are_the_source_s(tmp_path: Path, kind: str) -> None:
    series = a_series(tmp_path / "series")
    set_all(series, PatientName="Doe^Jane", StudyDate="20240229", StudyTime="101112.5", PatientSex="F")
    slices = [pydicom.dcmread(path) for path in sorted(series.iterdir())]
    made = make(series, kind)
    for keyword in ("PatientName", "PatientID", "PatientSex", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert made[keyword].value == slices[0][keyword].value
    date, time = (
        ("StructureSetDate", "StructureSetTime") if kind == "rtstruct" else ("ContentDate", "ContentTime")
    )
    assert (str(made[date].value), str(made[time].value)) == ("20240229", "101112")
    assert made.SeriesInstanceUID != slices[0].SeriesInstanceUID
    if kind == "rtstruct":
        study = made.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
        referred = study.RTReferencedSeriesSequence[0].ContourImageSequence
    else:
        referred = made.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    uids = {item.ReferencedSOPInstanceUID for item in referred}
    assert uids == {data.SOPInstanceUID for data in slices}


def test_a_source_without_names_and_dates_will_do(tmp_path: Path) -> None:
    series = a_series(tmp_path / "series")
    set_all(series, PatientName=None, PatientSex=None, StudyDate=None, StudyTime=None, AccessionNumber=None)
    set_all(series, SeriesDate=None, AcquisitionDate=None, ContentDate=None, StudyID=None)
    made = make(series, "binary")
    assert str(made.ContentDate) == "19000101"
    assert str(made.PatientName) == ""


def test_nothing_found_is_an_object_too(tmp_path: Path) -> None:
    series = a_series(tmp_path / "series")
    image = read_volume(series)
    for kind in ("binary", "labelmap", "rtstruct"):
        nothing = Volume(np.zeros((1, *image.shape), np.uint8), image.affine)
        write_dicom(tmp_path / f"{kind}.dcm", make(series, kind, nothing))
        assert not read_label(tmp_path / f"{kind}.dcm", LABELS, image).volume.data.any()


def test_colours_and_roi_codes(tmp_path: Path) -> None:
    series = a_series(tmp_path / "series")
    roi, other = make(series, "rtstruct").ROIContourSequence
    assert [int(value) for value in roi.ROIDisplayColor] == [255, 0, 0]
    assert "ROIDisplayColor" not in other
    first = make(series, "binary").SegmentSequence[0]
    lab = highdicom.color.CIELabColor.from_dicom_value(first.RecommendedDisplayCIELabValue)
    assert lab.to_rgb() == (255, 0, 0)


def test_a_tilted_gantry_is_refused(tmp_path: Path) -> None:
    series = a_series(tmp_path / "series")

    def lean(number: int, data: Dataset) -> None:
        x, y, z = map(float, data.ImagePositionPatient)
        data.ImagePositionPatient = [x, y + 0.8 * number, z]

    edit(series, lean)
    with pytest.raises(InputError, match=r"gantry was tilted by 14\.9 degrees.*write it as NIfTI"):
        read_source(series)


def test_another_grid_is_refused(tmp_path: Path) -> None:
    series = a_series(tmp_path / "series")
    image = read_volume(series)
    moved = image.affine.copy()
    moved[0, 3] += 0.01
    with pytest.raises(GeometryError, match="does not lie on the slices"):
        read_source(series).slices(Volume(image.data, moved))
    with pytest.raises(GeometryError, match="does not lie on the slices"):
        read_source(series).slices(Volume(image.data[..., :-1], image.affine))


def test_a_slice_without_a_frame_of_reference_is_refused(tmp_path: Path) -> None:
    series = a_series(tmp_path / "series")
    set_all(series, FrameOfReferenceUID=None)
    with pytest.raises(InputError, match="a slice has no FrameOfReferenceUID"):
        read_source(series)


@pytest.mark.data
@pytest.mark.parametrize("kind", ["binary", "rtstruct"])
def test_the_chest_ct(shared_data: Path, tmp_path: Path, kind: str) -> None:
    series = next(path.parent for path in sorted((shared_data / "chest_ct_dicom").rglob("*.dcm")))
    image = read_volume(series)
    x, y, z = np.indices(image.shape, sparse=True)
    values = np.zeros(image.shape, np.uint8)
    values[(x - 200) ** 2 + (y - 250) ** 2 + 20 * (z - 50) ** 2 < 60**2] = 2
    values[(x - 210) ** 2 + (y - 250) ** 2 + 20 * (z - 45) ** 2 < 20**2] = 5
    made = make(series, kind, Volume(values[np.newaxis], image.affine))
    write_dicom(tmp_path / "made.dcm", made)
    back = read_label(tmp_path / "made.dcm", LABELS, image).volume
    assert np.array_equal(back.data[0], values)
