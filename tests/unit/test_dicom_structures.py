from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from label_cases import save, structures, world
from matplotlib.path import Path as Outline
from pydicom.dataset import Dataset
from scan_cases import grid

from segmake.errors import GeometryError, InputError, SegmakeError
from segmake.volume.dicom.contours import fill
from segmake.volume.dicom.structures import read_structures
from segmake.volume.geometry import to_canonical
from segmake.volume.volume import Array, Volume

SHAPE = (30, 24, 6)
GRID = Volume(np.zeros((1, *SHAPE)), grid("LPS", (0.8, 1.2, 3), 12))


def box(low: tuple[float, float], high: tuple[float, float], slice_: float) -> Array:
    """Rectangle through voxel coordinates of a slice of the grid."""
    (a, b), (c, d) = low, high
    return np.array([[a, b, slice_], [c, b, slice_], [c, d, slice_], [a, d, slice_]])


def circle(centre: tuple[float, float], radius: float, slice_: float, count: int = 720) -> Array:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    x, y = centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)
    return np.stack([x, y, np.full(count, slice_)], axis=1)


def write(path: Path, *rois: tuple[str, list[Array]], change: Callable[[Dataset], object] = len) -> Path:
    """Structure set of contours in voxel coordinates of the grid."""
    parts = [(name, 10 + i, [world(GRID, loop) for loop in loops]) for i, (name, loops) in enumerate(rois)]
    data = structures(parts)
    change(data)
    return save(data, path / "rt.dcm")


def boxes(*slices: float) -> list[Array]:
    return [box((4.5, 2.5), (9.5, 6.5), number) for number in slices]


@pytest.mark.parametrize("codes", ["LPS", "RAS", "PIR", "SAL", "LPI"])
def test_a_box_is_exact_on_any_grid(tmp_path: Path, codes: str) -> None:
    native = Volume(np.zeros((1, *SHAPE)), grid(codes, (0.8, 1.2, 3), 12))
    loops = [world(native, loop) for loop in boxes(1, 2)]
    path = save(structures([("Tumour", 3, loops)]), tmp_path / "rt.dcm")
    expected = np.zeros(SHAPE, np.int16)
    expected[5:10, 3:7, 1:3] = 4
    for target in (native, to_canonical(native)):
        scan = read_structures(path, {"tumour": 4}, target)
        assert scan.notes == ()
        assert np.array_equal(scan.volume.affine, target.affine)
        drawn = to_canonical(Volume(expected[None], native.affine))
        assert np.array_equal(to_canonical(scan.volume).data, drawn.data)


def test_a_circle_has_its_area() -> None:
    found = fill([circle((50.3, 48.7), 40, 0)[:, :2]], (100, 100))
    assert found.sum() == pytest.approx(np.pi * 40**2, rel=0.01)
    assert np.argwhere(found).mean(axis=0) == pytest.approx([50.3, 48.7], abs=0.05)


def test_a_voxel_is_inside_when_its_centre_is() -> None:
    points = np.random.default_rng(0).uniform(-3, 23, (17, 2))  # crosses itself and the border
    star = points[np.argsort(np.arctan2(*(points - points.mean(axis=0)).T))]
    centres = np.indices((20, 18)).reshape(2, -1).T
    assert np.array_equal(fill([star], (20, 18)).ravel(), Outline(star).contains_points(centres))


def test_a_contour_through_centres_takes_the_lower_side() -> None:
    found = fill([box((2, 3), (5, 7), 0)[:, :2], box((5, 3), (8, 7), 0)[:, :2]], (12, 12))
    assert np.argwhere(found).min(axis=0).tolist() == [2, 3]
    assert np.argwhere(found).max(axis=0).tolist() == [7, 6]
    assert found.sum() == 6 * 4


def test_contours_in_contours_are_holes_and_islands(tmp_path: Path) -> None:
    rings = [
        box((1.5, 1.5), (20.5, 20.5), 2),
        box((4.5, 4.5), (15.5, 15.5), 2),
        box((7.5, 7.5), (9.5, 9.5), 2),
    ]
    expected = np.zeros(SHAPE[:2], bool)
    expected[2:21, 2:21] = True
    expected[5:16, 5:16] = False
    expected[8:10, 8:10] = True
    found = read_structures(write(tmp_path, ("ring", rings)), {"ring": 1}, GRID)
    assert np.array_equal(found.volume.data[0, ..., 2], expected)
    assert np.count_nonzero(found.volume.data) == expected.sum()


def test_a_keyhole_is_a_hole(tmp_path: Path) -> None:
    outer, inner = box((1.5, 1.5), (12.5, 12.5), 3), box((4.5, 4.5), (8.5, 8.5), 3)
    keyhole = np.concatenate([outer, outer[:1], inner, inner[:1]])
    data = read_structures(write(tmp_path, ("ring", [keyhole])), {"ring": 1}, GRID).volume.data
    assert data.sum() == 11 * 11 - 4 * 4
    assert data[0, 6, 6, 3] == 0


def test_rois_are_matched_by_name_and_others_named(tmp_path: Path) -> None:
    path = write(tmp_path, ("BODY", boxes(0, 1, 2)), ("gtv-1", boxes(1)), ("Couch", []))
    scan = read_structures(path, {"body 2": 3, "GTV_1": 1}, GRID)
    assert np.count_nonzero(scan.volume.data == 1) == 20
    assert [note.text for note in scan.notes] == [
        "rt.dcm: no ROI for body 2: empty",
        "rt.dcm: left out, as data.labels does not name them: BODY, Couch",
    ]


def test_where_rois_overlap_the_later_label_stays(tmp_path: Path) -> None:
    path = write(tmp_path, ("a", boxes(1)), ("b", [box((7.5, 2.5), (12.5, 6.5), 1)]))
    scan = read_structures(path, {"b": 1, "a": 2}, GRID)
    assert [np.count_nonzero(scan.volume.data == value) for value in (1, 2)] == [12, 20]
    assert "8 voxels belong to several labels" in scan.notes[0].text


def test_without_labels_roi_numbers_are_the_values(tmp_path: Path) -> None:
    scan = read_structures(write(tmp_path, ("a", boxes(1)), ("b", boxes(3))), {}, GRID)
    assert np.unique(scan.volume.data).tolist() == [0, 10, 11]
    assert [note.text for note in scan.notes] == [
        "rt.dcm: data.labels is empty, so label values are 10 a, 11 b"
    ]


@pytest.mark.parametrize(
    ("loops", "text"),
    [
        ([], "ROI 'a' has no closed contour: empty"),
        (boxes(0, 2, 4), "ROI 'a' leaves out slices: its contours are 2 or more slices apart"),
        (boxes(1.3, 2.3), "ROI 'a' lies up to 0.3 slice distances off the slices"),
        ([box((20.5, 2.5), (33.5, 6.5), 1)], "ROI 'a' reaches 4 voxels beyond the image and is cut there"),
    ],
)
def test_what_may_not_be_meant_is_told(tmp_path: Path, loops: list[Array], text: str) -> None:
    scan = read_structures(write(tmp_path, ("a", loops)), {"a": 1}, GRID)
    assert [(note.kind, note.text) for note in scan.notes] == [("warning", f"rt.dcm: {text}")]
    columns = [loop[:, :2].clip(None, [29.5, 23.5]) for loop in loops]
    assert scan.volume.data.sum() == sum(np.prod(np.ptp(loop, axis=0)) for loop in columns)


def test_points_and_open_lines_enclose_nothing(tmp_path: Path) -> None:
    data = structures([("a", 1, [world(GRID, boxes(1)[0])])], kind="OPEN_PLANAR")
    scan = read_structures(save(data, tmp_path / "rt.dcm"), {"a": 1}, GRID)
    assert not scan.volume.data.any()
    assert scan.notes[0].text == "rt.dcm: ROI 'a' has no closed contour: empty"


def first(data: Dataset) -> Dataset:
    contour: Dataset = data.ROIContourSequence[0].ContourSequence[0]
    return contour


FLAT = boxes(1)
TILTED = [*FLAT, FLAT[0] + [[0, 0, 0], [0, 0, 0.4], [0, 0, 0.4], [0, 0, 0]]]
WRONG: dict[str, tuple[list[Array], Callable[[Dataset], object], str, type[SegmakeError]]] = {
    "tilted": (TILTED, len, r"ROI 'a' of .* has a contour across 0\.4 slices of the image", GeometryError),
    "below": (boxes(0, -1), len, "contours on slices -1 to -1 of an image with 0 to 5", GeometryError),
    "above": (boxes(5.6, 7), len, "contours on slices 6 to 7 of an image with 0 to 5", GeometryError),
    "finer slices": (
        boxes(1, 1.4),
        len,
        r"0\.4 slice distances apart that fall on one slice, 1; give the series it was drawn on",
        GeometryError,
    ),
    "half a point": (
        FLAT,
        lambda data: setattr(first(data), "ContourData", [1, 2, 3, 4]),
        "no complete RTSTRUCT .*cannot reshape",
        InputError,
    ),
    "no number": (
        FLAT,
        lambda data: first(data).__delitem__("ContourData"),
        "no complete RTSTRUCT",
        InputError,
    ),
    "no contours at all": (
        FLAT,
        lambda data: data.__delitem__("ROIContourSequence"),
        "no complete RTSTRUCT .*ROIContourSequence",
        InputError,
    ),
    "no regions": (
        FLAT,
        lambda data: data.__delitem__("StructureSetROISequence"),
        "no complete RTSTRUCT .*StructureSetROISequence",
        InputError,
    ),
    "other names": (
        FLAT,
        lambda data: setattr(data.StructureSetROISequence[0], "ROIName", "PTV"),
        r"has ROIs PTV that data\.labels does not name, and none for a; give them the names",
        InputError,
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, case: str) -> None:
    loops, change, message, error = WRONG[case]
    with pytest.raises(error, match=message) as caught:
        read_structures(write(tmp_path, ("a", loops), change=change), {"a": 1}, GRID)
    assert str(tmp_path) in str(caught.value)


def test_a_file_cut_short_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, ("a", FLAT))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"rt\.dcm is no complete RTSTRUCT"):
        read_structures(path, {"a": 1}, GRID)
