import numpy as np
import pytest
from registration_cases import displacement, head
from scan_cases import grid

from segmake.errors import GeometryError
from segmake.settings import ConvertSettings
from segmake.volume.alignment import align_channel, align_label, differ
from segmake.volume.scan import Note
from segmake.volume.volume import Volume

SHAPE = (10, 12, 8)


def volume(affine: np.ndarray, shape: tuple[int, int, int] = SHAPE, value: float | None = None) -> Volume:
    data = np.random.default_rng(0).integers(0, 100, shape) if value is None else np.full(shape, value)
    return Volume(data.astype(np.int16)[None], affine)


def moved(millimetres: float) -> np.ndarray:
    affine = grid("RAS", (1, 1, 2), 10)
    affine[0, 3] += millimetres
    return affine


FIRST = volume(moved(0))


@pytest.mark.parametrize(
    ("away_mm", "notes"),
    [
        (1e-8, ()),
        (0.9e-4, ()),
        (0.01, (Note("repair", "grid snapped to the first channel's, 0.01 mm away"),)),
    ],
)
@pytest.mark.parametrize("align", [align_channel, align_label])
def test_small_distances_are_snapped(away_mm, notes, align) -> None:
    near = volume(moved(away_mm))
    for regrid in ("different", "always", "never"):
        made, said = align(near, FIRST, ConvertSettings(regrid=regrid), "t2.nii")
        assert said == notes
        assert made.data is near.data
        assert np.array_equal(made.affine, FIRST.affine)


def test_the_same_grid_elsewhere_stops() -> None:
    rule = (
        r"one grid within 0\.05 mm, but t2\.nii has the first channel's shape and spacing and lies elsewhere "
        r"\(5 mm apart\); its header is probably wrong: .*convert\.regrid: always .*convert\.register: rigid"
    )
    with pytest.raises(GeometryError, match=rule):
        align_channel(volume(moved(5)), FIRST, ConvertSettings(), "t2.nii")
    made, notes = align_channel(volume(moved(0.5)), FIRST, ConvertSettings(regrid="always"), "t2.nii")
    assert made.shape == SHAPE
    assert notes[0].text == "resampled onto the first channel's grid (linear, 0.5 mm apart)"


def test_another_shape_or_spacing_is_resampled_unless_never() -> None:
    thick = volume(FIRST.affine @ np.diag([1, 1, 2, 1]), (10, 12, 4), value=33)
    made, notes = align_channel(thick, FIRST, ConvertSettings(), "t2.nii")
    assert made.data.shape == (1, *SHAPE)
    assert np.array_equal(made.data, np.full((1, *SHAPE), 33))
    text = "resampled onto the first channel's grid (linear, (10, 12, 4) against (10, 12, 8))"
    assert notes == (Note("repair", text),)
    with pytest.raises(GeometryError, match=r"t2\.nii does not \(\(10, 12, 4\) against .*regrid: different"):
        align_channel(thick, FIRST, ConvertSettings(regrid="never"), "t2.nii")
    wide = volume(FIRST.affine @ np.diag([1, 1, 1.5, 1]))
    assert differ(wide, FIRST) == "1x1x3 against 1x1x2 mm"


def test_what_lies_outside_is_warned_about() -> None:
    short = volume(FIRST.affine, (10, 12, 4))
    made, notes = align_channel(short, FIRST, ConvertSettings(), "t2.nii")
    assert np.array_equal(made.data[..., :4], short.data)
    assert (made.data[..., 4:] == short.data.min()).all()
    assert notes[1] == Note("warning", "50% of the grid is outside of its field of view")


def test_registration_replaces_the_header() -> None:
    first, other = head("t1"), head("t2")
    astray = Volume(other.data, displacement((5, -3, 2), 4) @ other.affine)
    made, notes = align_channel(astray, first, ConvertSettings(register="rigid"), "t2.nii")
    inside = first.data[0] > 50
    assert np.corrcoef(made.data[0][inside], other.data[0][inside])[0, 1] > 0.95
    assert made.shape == first.shape
    assert notes[0].kind == "repair"
    assert "moved by 6." in notes[0].text
    assert notes[0].text.endswith("degrees by rigid registration)")


def test_a_far_movement_is_warned_about() -> None:
    first, other = head("t1"), head("t2")
    astray = Volume(other.data, displacement((200, 0, 0), 0) @ other.affine)
    _, notes = align_channel(astray, first, ConvertSettings(register="rigid"), "t2.nii")
    assert [note.kind for note in notes] == ["repair", "warning"]
    assert notes[1].text == "registration moved it far (200 mm, 0 degrees)"


def test_a_registration_that_fails_names_the_file() -> None:
    blank = volume(FIRST.affine, value=0)
    with pytest.raises(GeometryError, match=r"t2\.nii cannot be registered"):
        align_channel(blank, blank, ConvertSettings(register="rigid"), "t2.nii")


@pytest.mark.parametrize("other", [volume(moved(5)), volume(FIRST.affine, (10, 12, 7))])
@pytest.mark.parametrize("regrid", ["different", "never"])
def test_a_label_on_another_grid_stops(other, regrid) -> None:
    with pytest.raises(GeometryError, match=r"seg\.nii does not \(.*\); give .*set convert\.regrid: always"):
        align_label(other, FIRST, ConvertSettings(regrid=regrid), "seg.nii")


def test_a_label_is_voted_onto_the_image_when_asked_for() -> None:
    data = np.zeros((1, 10, 12, 16), np.int16)
    data[0, 2:6, 3:9, 4:12] = 7
    fine = FIRST.affine @ np.diag([1, 1, 0.5, 1])
    fine[:3, 3] -= FIRST.affine[:3, 2] * 0.25
    made, notes = align_label(Volume(data, fine), FIRST, ConvertSettings(regrid="always"), "seg.nii")
    wanted = np.zeros((1, *SHAPE), np.int16)
    wanted[0, 2:6, 3:9, 2:6] = 7
    assert np.array_equal(made.data, wanted)
    assert notes == (
        Note(
            "repair",
            "resampled onto the image's grid (by vote, (10, 12, 16) against (10, 12, 8)), "
            "0.192 ml of labels became 0.192 ml",
        ),
    )
