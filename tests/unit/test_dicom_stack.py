from pathlib import Path

import numpy as np
import pytest
from dicom_cases import a_series, a_volume, edit, header, move, set_all
from pydicom.dataset import Dataset

from segmake.errors import InputError
from segmake.volume.dicom.frames import Frame, frames_of
from segmake.volume.dicom.stack import Stack, stack_frames


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return a_series(tmp_path / "a")


def frames(folder: Path) -> list[Frame]:
    return [frame for path in sorted(folder.iterdir()) for frame in frames_of(header(path))]


def stack(folder: Path) -> Stack:
    return stack_frames(frames(folder), "here")


def test_frames_are_ordered_along_their_normal(series: Path) -> None:
    shuffled = [frames(series)[number] for number in (3, 0, 6, 2, 5, 1, 4)]
    found = stack_frames(shuffled, "here")
    assert [frame.name for frame in found.frames] == [f"000{number}.dcm" for number in range(7)]
    assert np.allclose(found.affine, a_volume().affine, rtol=0, atol=1e-9)
    assert found.notes == ()


def test_the_step_is_what_the_positions_say(series: Path) -> None:
    set_all(series, SliceThickness="1", SpacingBetweenSlices="9")
    assert np.linalg.norm(stack(series).affine[:3, 2]) == pytest.approx(3)


def test_a_sheared_stack_keeps_its_real_step(series: Path) -> None:
    edit(series, lambda number, data: move(number, (0, 0.8 * number, 0))(number, data))
    assert stack(series).affine[:3, 2] == pytest.approx([0, -0.8, 3])


@pytest.mark.parametrize(
    ("gone", "rule"),
    [
        (
            (3,),
            r"here: a slice is missing between 0002\.dcm and 0004\.dcm: they are 6 mm apart, the others 3 mm",
        ),
        ((2, 3), r"here: 2 slices are missing between 0001\.dcm and 0004\.dcm: they are 9 mm apart"),
        ((1, 4), r"a slice is missing between 0000\.dcm and 0002\.dcm: .* \(and 1 more such places\)"),
        ((1, 4, 5, 6), r"a slice is missing between 0000\.dcm and 0002\.dcm"),
    ],
)
def test_missing_slices_are_named(series: Path, gone: tuple[int, ...], rule: str) -> None:
    for number in gone:
        (series / f"000{number}.dcm").unlink()
    with pytest.raises(InputError, match=rule):
        stack(series)


def test_a_slice_missing_from_a_tilted_stack_is_named(series: Path) -> None:
    edit(series, lambda number, data: move(number, (0, 0.8 * number, 0))(number, data))
    (series / "0003.dcm").unlink()
    with pytest.raises(
        InputError, match=r"a slice is missing between 0002\.dcm and 0004\.dcm: they are 6 mm"
    ):
        stack(series)


def test_uneven_spacing_is_refused(series: Path) -> None:
    edit(series, move(3, (0, 0, 0.5)))
    rule = r"here: slices are unevenly spaced, 2\.5 to 3\.5 mm apart: .* \(and 1 more such places\)"
    with pytest.raises(InputError, match=rule):
        stack(series)


def test_a_growing_distance_is_refused(series: Path) -> None:
    edit(series, lambda number, data: move(number, (0, 0, 0.15 * number * number))(number, data))
    with pytest.raises(InputError, match="here: slices are unevenly spaced"):
        stack(series)


def test_slow_drift_is_refused(series: Path) -> None:
    edit(series, lambda number, data: move(number, (0, 0, 0.02 * number * number))(number, data))
    with pytest.raises(
        InputError, match=r"000\d\.dcm lies 0\.18 mm off the even line of slices 3\.12 mm apart"
    ):
        stack(series)


def test_a_slice_moved_sideways_is_named(series: Path) -> None:
    edit(series, move(3, (0, 1, 0)))
    with pytest.raises(InputError, match=r"here: 0003\.dcm lies 1 mm off the even line of slices 3 mm apart"):
        stack(series)


def test_positions_rounded_to_a_micrometre_are_nothing(series: Path) -> None:
    edit(series, move(3, (0, 0, 0.0009)))
    assert stack(series).notes == ()


def test_positions_rounded_to_a_decimal_are_evened_and_told(series: Path) -> None:
    edit(series, move(3, (0, 0, 0.05)))
    found = stack(series)
    assert [(note.kind, note.text) for note in found.notes] == [
        ("repair", "slice positions evened to 3 mm steps, by up to 0.05 mm (0003.dcm)")
    ]
    assert np.allclose(found.affine, a_volume().affine, rtol=0, atol=1e-9)


def test_one_position_is_no_volume(series: Path) -> None:
    set_all(series, ImagePositionPatient=[0, 0, 0], AcquisitionNumber=None)
    rule = r"all 7 slices lie at one position \(0000\.dcm to 0006\.dcm\); they are no volume: leave them out$"
    with pytest.raises(InputError, match=rule):
        stack(series)


def test_what_tells_repeats_apart_is_named(series: Path) -> None:
    def repeat(number: int, data: Dataset) -> None:
        data.DiffusionBValue = float(1000 * (number % 2))
        data.ImagePositionPatient = [0, 0, 3 * (number // 2)]

    edit(series, repeat)
    rule = r"7 slices at 4 positions\), told apart by DiffusionBValue \(0\.0, 1000\.0\); give each"
    with pytest.raises(InputError, match=rule):
        stack(series)


def test_times_of_day_are_not_told(series: Path) -> None:
    def repeat(number: int, data: Dataset) -> None:
        data.AcquisitionTime = f"12000{number}"
        data.ImagePositionPatient = [0, 0, 3 * (number // 2)]

    edit(series, repeat)
    with pytest.raises(InputError, match=r"told apart by AcquisitionTime; give each") as raised:
        stack(series)
    assert "1200" not in str(raised.value)


def test_two_sizes_are_refused(series: Path) -> None:
    edit(series, lambda number, data: setattr(data, "Rows", 3 if number == 2 else 4))
    rule = r"slices differ in size: 0000\.dcm has 5x4 pixels, 0002\.dcm 5x3; keep one size"
    with pytest.raises(InputError, match=rule):
        stack(series)


def test_two_orientations_are_refused(series: Path) -> None:
    def turn(number: int, data: Dataset) -> None:
        if number > 4:
            data.ImageOrientationPatient = [-1, 0, 0, 0, -0.8, 0.6]

    edit(series, turn)
    rule = r"lie in two orientations: 0005\.dcm is turned against 0000\.dcm by 36\.9 degrees"
    with pytest.raises(InputError, match=rule):
        stack(series)


def test_two_pixel_spacings_are_refused(series: Path) -> None:
    edit(series, lambda number, data: setattr(data, "PixelSpacing", [1.25, 0.75 + (number == 6)]))
    with pytest.raises(InputError, match=r"0000\.dcm has 1\.25x0\.75 mm, 0006\.dcm 1\.25x1\.75 mm; keep one"):
        stack(series)


@pytest.mark.parametrize(
    ("said", "depth", "text"),
    [
        ({"SpacingBetweenSlices": "-2.5"}, 2.5, "2.5 mm is SpacingBetweenSlices"),
        ({"SpacingBetweenSlices": "0", "SliceThickness": "4"}, 4, "4 mm is SliceThickness"),
        ({}, 1, "1 mm is a guess, for its header does not say any"),
    ],
)
def test_a_single_slice_has_the_depth_it_says(
    series: Path, said: dict[str, object], depth: float, text: str
) -> None:
    set_all(series, **({"SpacingBetweenSlices": None, "SliceThickness": None} | said))
    found = stack_frames(frames(series)[:1], "here")
    assert np.linalg.norm(found.affine[:3, 2]) == pytest.approx(depth)
    assert [(note.kind, note.text) for note in found.notes] == [
        ("warning", f"0000.dcm is a single slice; its depth of {text}")
    ]


@pytest.mark.parametrize(("count", "spacing"), [(2, 3.0), (7, 3.0)])
def test_two_slices_are_a_stack(series: Path, count: int, spacing: float) -> None:
    found = stack_frames(frames(series)[:count], "here")
    assert len(found.frames) == count
    assert np.linalg.norm(found.affine[:3, 2]) == pytest.approx(spacing)
