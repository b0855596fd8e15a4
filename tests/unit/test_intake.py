from pathlib import Path

import numpy as np
import pytest
from scan_cases import grid, write

from segmake.errors import GeometryError, InputError
from segmake.prepare.intake import Intake, take_in
from segmake.settings import ConvertSettings, DataSettings

SHAPE = (9, 11, 7)
RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(-1000, 2000, SHAPE).astype(np.int16)
LABEL = RANDOM.choice(np.array([0, 1, 2, 4], np.uint8), SHAPE)
DATA = DataSettings(channels={"ct": "ct"}, labels={"core": 1, "rim": 2, "spot": 4})


def taken(
    folder: Path,
    image: np.ndarray = IMAGE,
    label: np.ndarray | None = None,
    data: DataSettings = DATA,
    **settings,
) -> Intake:
    """A case of one channel on an LPS grid, with this image and label."""
    path = write(folder / "ct.nii.gz", image, grid("LPS", (1, 2, 3)))
    seg = None if label is None else write(folder / "seg.nii.gz", label, grid("LPS", (1, 2, 3)))
    return take_in({"ct": path}, seg, data, ConvertSettings(**settings))


def test_a_good_case_says_nothing(tmp_path: Path) -> None:
    found = taken(tmp_path, label=LABEL)
    assert found.notes == ()
    assert np.array_equal(found.image.data[0], IMAGE[::-1, ::-1])
    assert np.array_equal(found.label.data[0], LABEL[::-1, ::-1])
    assert (found.image.data.dtype, found.label.data.dtype) == (np.int16, np.int16)
    assert np.array_equal(found.image.affine, found.label.affine)
    assert found.shape == SHAPE
    assert np.allclose(found.affine, grid("LPS", (1, 2, 3)), atol=1e-5)
    assert found.passport["labels"]["2"]["voxels"] == np.count_nonzero(LABEL == 2)
    assert taken(tmp_path).label is None


def test_every_repair_is_told_in_one_cell(tmp_path: Path) -> None:
    image = IMAGE.astype(np.float32)
    image[1, 2, 3] = np.nan
    near = grid("LPS", (1, 2, 3))
    near[0, 3] += 0.01
    seg = write(tmp_path / "s.nii.gz", LABEL.astype(np.float64), near)
    path = write(tmp_path / "ct.nii.gz", image, grid("LPS", (1, 2, 3)))
    data = DataSettings(channels={"ct": "ct"}, labels={"a": 1, "b": 2, "c": 3}, label_map={4: 3})
    found = take_in({"ct": path}, seg, data, ConvertSettings())
    repairs = found.told("repair").split("; ")
    assert repairs[0] == "1 voxels that were NaN or infinite filled with the least finite value"
    assert repairs[1].startswith("label: s.nii.gz: float")
    assert repairs[2] == "label: grid snapped to the first channel's, 0.01 mm away"
    count = np.count_nonzero(LABEL == 4)
    assert repairs[3:] == [f"label: label values by data.label_map: 4 became 3 ({count} voxels)"]
    assert found.told("warning") == ""
    assert set(np.unique(found.label.data)) == {0, 1, 2, 3}


def test_an_empty_label_map_is_a_warning(tmp_path: Path) -> None:
    found = taken(tmp_path, label=LABEL * 0)
    assert found.told("warning") == "label map is empty"
    assert found.passport["labels"] == {}


def test_unknown_values_are_named_with_their_voxels(tmp_path: Path) -> None:
    twos, fours = (np.count_nonzero(np.isin(LABEL, value)) for value in (2, 4))
    rule = (
        rf"seg\.nii\.gz holds label values 2 \({twos} voxels\), 4 \({fours} voxels\) that data\.labels "
        r"{'core': 1} does not list; add them there or map them with data\.label_map"
    )
    with pytest.raises(InputError, match=rule):
        taken(tmp_path, label=LABEL, data=DataSettings(labels={"core": 1}))
    mapped = taken(tmp_path, label=LABEL, data=DataSettings(labels={"core": 1}, label_map={2: 1, 4: 0}))
    assert set(mapped.passport["labels"]) == {"1"}
    assert taken(tmp_path, label=LABEL, data=DataSettings()).notes == ()


def test_flat_and_blank_scans_stop(tmp_path: Path) -> None:
    with pytest.raises(
        GeometryError, match=r"three dimensions, but .*ct\.nii\.gz is flat \(\(9, 11, 1\) voxels\)"
    ):
        taken(tmp_path, IMAGE[..., :1])
    with pytest.raises(InputError, match=r"ct\.nii\.gz is blank: every voxel of channel ct is 7"):
        taken(tmp_path, np.full(SHAPE, 7, np.int16))
    nothing = np.full(SHAPE, np.nan, np.float32)
    with pytest.raises(InputError, match=r"ct\.nii\.gz holds 693 voxels of 693 that are NaN"):
        taken(tmp_path, nothing)


def test_a_label_of_another_shape_stops(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match=r"seg\.nii\.gz does not \(\(9, 11, 6\) against \(9, 11, 7\)\)"):
        taken(tmp_path, label=LABEL[..., 1:])
    voted = taken(tmp_path, label=LABEL[..., 1:], regrid="always")
    assert voted.told("repair").startswith("label: resampled onto the image's grid (by vote")


@pytest.mark.parametrize(("size", "verdict"), [(60.0, "warned"), (20_000.0, "stopped")])
def test_voxel_sizes_that_nothing_has(tmp_path: Path, size: float, verdict: str) -> None:
    path = write(tmp_path / "ct.nii.gz", IMAGE, np.diag([1, 1, size, 1]))
    if verdict == "warned":
        found = take_in({"ct": path}, None, DATA, ConvertSettings())
        assert found.told("warning") == "voxels of 1x1x60 mm are hardly what was scanned"
        return
    with pytest.raises(GeometryError, match=r"voxel.*mm"):
        take_in({"ct": path}, None, DATA, ConvertSettings())


def test_faces_and_doubtful_values_are_warned_about(tmp_path: Path) -> None:
    found = taken(tmp_path, IMAGE + np.int16(1024))
    assert "look as if 1024 had been added" in found.told("warning")
    from test_face import CT, SPACING, head

    path = write(tmp_path / "head.nii.gz", head(CT), np.diag([*SPACING, 1]))
    warned = take_in({"ct": path}, None, DATA, ConvertSettings())
    assert warned.told("warning") == "a head with its face, which tells who the patient is: deface it"


def test_channels_on_other_grids_and_their_label(tmp_path: Path) -> None:
    first = write(tmp_path / "t1.nii.gz", IMAGE, grid("RAS", (1, 1, 2)))
    thick = write(tmp_path / "t2.nii.gz", IMAGE[..., ::2], grid("RAS", (1, 1, 4)))
    seg = write(tmp_path / "seg.nii.gz", LABEL, grid("RAS", (1, 1, 2)))
    data = DataSettings(channels={"t1": "mr", "t2": "mr"}, labels=DATA.labels)
    found = take_in({"t1": first, "t2": thick}, seg, data, ConvertSettings())
    assert found.image.data.shape == (2, *SHAPE)
    assert np.array_equal(found.image.data[0], IMAGE)
    assert np.array_equal(found.image.data[1][..., ::2], IMAGE[..., ::2])
    assert found.told("repair") == (
        "t2: resampled onto the first channel's grid (linear, (9, 11, 4) against (9, 11, 7))"
    )
    with pytest.raises(GeometryError, match=r"seg\.nii\.gz does not \(\(9, 11, 7\) against \(9, 11, 4\)\)"):
        take_in({"t2": thick, "t1": first}, seg, data, ConvertSettings())


def test_a_label_map_is_for_values_of_the_source_alone(tmp_path: Path) -> None:
    image = write(tmp_path / "ct.nii.gz", IMAGE, grid())
    for value, name in enumerate(("core", "rim"), start=1):
        write(tmp_path / "masks" / f"{name}.nii.gz", np.isin(LABEL, value).astype(np.uint8), grid())
    data = DataSettings(channels={"ct": "ct"}, labels={"core": 1, "rim": 2}, label_map={1: 2, 2: 1})
    found = take_in({"ct": image}, tmp_path / "masks", data, ConvertSettings())
    assert np.array_equal(found.label.data[0], np.where(LABEL < 3, LABEL, 0))
    assert found.told("repair") == ""
