from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from label_cases import save, segmentation
from pydicom.dataset import Dataset
from scan_cases import grid

from segmake.errors import GeometryError, InputError, SegmakeError
from segmake.volume.dicom.segmentation import read_segmentation
from segmake.volume.geometry import to_canonical
from segmake.volume.read import read_volume
from segmake.volume.volume import Array, Volume

SHAPE = (23, 11, 5)  # rows of 23 pixels do not fill bytes
KIDNEY, LIVER = np.zeros((2, *SHAPE), bool)
LIVER[2:9, 3:8, 1:4] = True
KIDNEY[7:20, 1:5, 3] = True  # two voxels in x of it are liver, too
LABELS = {"liver": 1, "kidney": 2}
GRID = Volume(np.zeros((1, *SHAPE)), grid("RAS", (0.7, 1.1, 2.5), 10))


def write(path: Path, change: Callable[[Dataset], object] = len, kind: str = "BINARY") -> Path:
    data = segmentation(GRID, {("Liver", 1): LIVER, ("KIDNEY", 2): KIDNEY & ~LIVER}, kind)
    change(data)
    return save(data, path / "seg.dcm")


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("codes", ["RAS", "LPS", "LPI", "PIR", "SAL"])
def test_segments_lie_where_they_were_drawn(tmp_path: Path, kind: str, codes: str) -> None:
    native = Volume(np.zeros((1, *SHAPE)), grid(codes, (0.7, 1.1, 2.5), 10))
    factor = 255 if kind == "FRACTIONAL" else 1
    masks = {("Liver", 1): LIVER * factor, ("kidney ", 2): (KIDNEY & ~LIVER) * factor}
    path = save(segmentation(native, masks, kind), tmp_path / "seg.dcm")
    drawn = Volume((LIVER + 2 * (KIDNEY & ~LIVER)).astype(np.int16)[None], native.affine)
    for target in (native, to_canonical(native)):
        scan = read_segmentation(path, LABELS, target)
        assert scan.notes == ()
        assert scan.volume.data.dtype == np.int16
        assert np.array_equal(scan.volume.affine, target.affine)
        assert np.array_equal(to_canonical(scan.volume).data, to_canonical(drawn).data)


@pytest.mark.parametrize("labels", [{"liver": 1, "kidney": 2}, {"kidney": 2, "liver": 1}])
def test_where_segments_overlap_the_later_label_stays(tmp_path: Path, labels: dict[str, int]) -> None:
    path = save(segmentation(GRID, {("liver", 1): LIVER, ("kidney", 2): KIDNEY}), tmp_path / "seg.dcm")
    scan = read_segmentation(path, labels, GRID)
    both = LIVER & KIDNEY
    assert (scan.volume.data[0][both] == list(labels.values())[-1]).all()
    text = f"seg.dcm: {both.sum()} voxels belong to several labels; the last of them in data.labels stays"
    assert [note.text for note in scan.notes] == [text]


def test_a_fraction_counts_from_half_of_the_maximum(tmp_path: Path) -> None:
    shares = np.zeros(SHAPE, np.uint8)
    shares[3, 3, :] = [0, 127, 128, 200, 255]
    path = save(segmentation(GRID, {("liver", 1): shares}, "FRACTIONAL"), tmp_path / "seg.dcm")
    assert read_segmentation(path, {"liver": 4}, GRID).volume.data[0, 3, 3].tolist() == [0, 0, 4, 4, 4]


def test_numbers_serve_where_no_segment_has_the_name_of_a_label(tmp_path: Path) -> None:
    scan = read_segmentation(write(tmp_path), {"hepar": 1, "ren": 2}, GRID)
    assert np.unique(scan.volume.data).tolist() == [0, 1, 2]
    told = (
        "seg.dcm: no segment has the name of a label; taken by their numbers: Liver as hepar, KIDNEY as ren"
    )
    assert [note.text for note in scan.notes] == [told]


def test_without_labels_segment_numbers_are_the_values(tmp_path: Path) -> None:
    scan = read_segmentation(write(tmp_path), {}, GRID)
    assert np.array_equal(scan.volume.data[0] == 1, LIVER)
    assert [note.text for note in scan.notes] == [
        "seg.dcm: data.labels is empty, so label values are 1 Liver, 2 KIDNEY"
    ]


def test_segments_beyond_the_labels_are_left_out_and_named(tmp_path: Path) -> None:
    scan = read_segmentation(write(tmp_path), {"kidney": 1}, GRID)
    assert np.array_equal(scan.volume.data[0] == 1, KIDNEY & ~LIVER)
    assert [note.text for note in scan.notes] == [
        "seg.dcm: left out, as data.labels does not name them: Liver"
    ]


def test_a_segment_that_no_frame_shows_is_named(tmp_path: Path) -> None:
    path = save(segmentation(GRID, {("liver", 1): LIVER, ("kidney", 2): LIVER & False}), tmp_path / "seg.dcm")
    assert [note.text for note in read_segmentation(path, LABELS, GRID).notes] == [
        "seg.dcm: no frame shows kidney (2): empty"
    ]


def test_padding_of_a_label_map_is_no_segment(tmp_path: Path) -> None:
    data = segmentation(GRID, {("background", 5): ~LIVER, ("liver", 1): LIVER}, "LABELMAP")
    data.PixelPaddingValue = 5
    found = read_segmentation(save(data, tmp_path / "seg.dcm"), {"liver": 1}, GRID)
    assert np.array_equal(found.volume.data[0], LIVER)
    assert found.notes == ()


def orient(data: Dataset) -> Dataset:
    return data.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]


def move(data: Dataset, slices: float) -> None:
    for frame in data.PerFrameFunctionalGroupsSequence:
        plane = frame.PlanePositionSequence[0]
        step = GRID.affine[:3, 2] * [-1, -1, 1] * slices
        plane.ImagePositionPatient = [f"{x:.6f}" for x in np.array(plane.ImagePositionPatient, float) + step]


WRONG: dict[str, tuple[Callable[[Dataset], object], str, type[SegmakeError]]] = {
    "cut short": (lambda d: setattr(d, "PixelData", d.PixelData[:40]), "no complete DICOM-SEG", InputError),
    "no pixels": (lambda d: d.__delitem__("PixelData"), "no complete DICOM-SEG", InputError),
    "no segments": (lambda d: d.__delitem__("SegmentSequence"), "SegmentSequence", InputError),
    "no frames described": (
        lambda d: d.__delitem__("PerFrameFunctionalGroupsSequence"),
        "PerFrameFunctionalGroupsSequence",
        InputError,
    ),
    "frames miscounted": (
        lambda d: setattr(d, "NumberOfFrames", 7),
        "holds 7 frames and describes 4; export it again",
        InputError,
    ),
    "unknown type": (
        lambda d: setattr(d, "SegmentationType", "SURFACE"),
        "has the segmentation type 'SURFACE'; known are BINARY, FRACTIONAL, LABELMAP",
        InputError,
    ),
    "no position": (
        lambda d: d.PerFrameFunctionalGroupsSequence[1].__delitem__("PlanePositionSequence"),
        "seg.dcm, frame 2 has no PlanePositionSequence; export it again",
        InputError,
    ),
    "no orientation": (
        lambda d: setattr(orient(d), "ImageOrientationPatient", None),
        "frame 1 has no ImageOrientationPatient",
        InputError,
    ),
    "crooked orientation": (
        lambda d: setattr(orient(d), "ImageOrientationPatient", [1, 0, 0, 0, 1]),
        "frame 1: ImageOrientationPatient is .*, not 6 finite numbers",
        InputError,
    ),
    "half a slice off": (
        lambda d: move(d, 0.5),
        "frame 1 lies 0.5 slice distances from the nearest slice .* another series",
        GeometryError,
    ),
    "off by two hundredths": (lambda d: move(d, 0.02), "frame 1 lies 0.02 slice distances", GeometryError),
    "beyond the image": (
        lambda d: move(d, 3),
        r"frame 2 covers the voxels \[0, 0, 5\] to \[22, 10, 5\] of an image of \[23, 11, 5\]",
        GeometryError,
    ),
    "another spacing": (
        lambda d: setattr(
            d.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0], "PixelSpacing", [1.1, 0.8]
        ),
        r"and 3.14 pixels from its voxels",
        GeometryError,
    ),
    "tilted": (
        lambda d: setattr(orient(d), "ImageOrientationPatient", [-1, 0, 0, 0, -0.7071, 0.7071]),
        "slice distances from the nearest slice|not parallel",
        GeometryError,
    ),
    "other names": (
        lambda d: setattr(d.SegmentSequence[1], "SegmentLabel", "spleen"),
        "has segments spleen that data.labels does not name, and none for kidney",
        InputError,
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, case: str) -> None:
    change, message, error = WRONG[case]
    with pytest.raises(error, match=message) as caught:
        read_segmentation(write(tmp_path, change), LABELS, GRID)
    assert str(tmp_path) in str(caught.value)


def test_neither_names_nor_numbers_match(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has segments Liver, KIDNEY that data\.labels does not name"):
        read_segmentation(write(tmp_path), {"spleen": 7}, GRID)


def test_a_value_without_description_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, lambda data: data.SegmentSequence.__delitem__(1), "LABELMAP")
    with pytest.raises(InputError, match=r"shows segments 2 undescribed; export it again"):
        read_segmentation(path, {"liver": 1}, GRID)


@pytest.mark.data
@pytest.mark.parametrize("turn", [lambda volume: volume, to_canonical], ids=["native", "canonical"])
@pytest.mark.parametrize(
    ("name", "truth", "number"),
    [
        ("liver.dcm", "liver_seg.nrrd", 1),
        ("23x38x3/seg/label.seg", "23x38x3/nrrd/label.nrrd", 1),
        ("24x38x3/seg/label.seg", "24x38x3/nrrd/label.nrrd", 1),
        ("sparse-labelmap-noppv.dcm", "sparse_labelmap_noppv_seg.nrrd", 1),
        ("sparse-labelmap-ppv5.dcm", "sparse_labelmap_ppv5_seg.nrrd", 1),
        ("partial_overlaps.dcm", "partial_overlaps-1.nrrd", 1),
        ("partial_overlaps.dcm", "partial_overlaps-2.nrrd", 2),
        ("partial_overlaps.dcm", "partial_overlaps-3.nrrd", 3),
        ("partial_overlaps.dcm", "partial_overlaps-1.nrrd", 4),
        ("partial_overlaps.dcm", "partial_overlaps-1.nrrd", 5),
    ],
)
def test_real_segments_equal_the_masks_beside_them(
    shared_data: Path, name: str, truth: str, number: int, turn: Callable[[Volume], Volume]
) -> None:
    path = shared_data / "dicom_seg" / name
    segments = {int(item.SegmentNumber): item.SegmentLabel for item in pydicom.dcmread(path).SegmentSequence}
    expected = turn(read_volume(shared_data / "dicom_seg" / truth))
    scan = read_segmentation(path, {segments[number].lower(): 9}, expected)
    found: Array = scan.volume.data
    assert np.count_nonzero(found) > 0
    assert np.array_equal(found == 9, expected.data == number)


@pytest.mark.data
def test_a_real_segmentation_fits_the_series_it_was_made_on(shared_data: Path) -> None:
    folder = shared_data / "dicom_seg"
    scan = read_segmentation(folder / "liver.dcm", {"liver": 1}, read_volume(folder / "ct-3slice"))
    found, truth = to_canonical(scan.volume), to_canonical(read_volume(folder / "liver_seg.nrrd"))
    assert np.array_equal(found.data, truth.data)
    with pytest.raises(GeometryError, match="another series"):
        read_segmentation(folder / "liver.dcm", {"liver": 1}, read_volume(folder / "24x38x3/nrrd/label.nrrd"))
