from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scan_cases import grid, write

from segmake.errors import GeometryError, InputError, SegmakeError
from segmake.volume.masks import read_masks
from segmake.volume.volume import Array

SHAPE = (6, 5, 4)
AFFINE = grid("LPS", (1, 1, 2), 5)
LIVER, SPLEEN = np.zeros((2, *SHAPE), np.uint8)
LIVER[1:4, 1:3] = 1
SPLEEN[3:5, 2:4] = 1  # 4 voxels of it are liver, too
LABELS = {"liver": 2, "Left Spleen": 5}


def folder(path: Path, **masks: Array) -> Path:
    for name, mask in masks.items():
        write(path / f"{name}.nii.gz", mask, AFFINE)
    return path


@pytest.mark.parametrize(
    "stems",
    [
        ("liver", "left_spleen"),
        ("LIVER", "Left-Spleen"),
        ("case_01_liver", "case_01_left_spleen"),
        ("left_liver", "left_left_spleen"),
    ],
)
def test_files_are_found_by_their_name(tmp_path: Path, stems: tuple[str, str]) -> None:
    path = folder(tmp_path, **{stems[0]: LIVER, stems[1]: SPLEEN & ~LIVER})
    (tmp_path / ".liver.nii.gz").write_bytes(b"")
    (tmp_path / "statistics.json").write_text("{}")
    scan = read_masks(path, LABELS)
    assert scan.volume.data.dtype == np.int16
    assert np.array_equal(scan.volume.data[0], 2 * LIVER + 5 * (SPLEEN & ~LIVER))
    assert np.allclose(scan.volume.affine, AFFINE)
    assert scan.notes == ()


def test_the_prefix_of_a_single_file_is_dropped(tmp_path: Path) -> None:
    scan = read_masks(folder(tmp_path, a_b_liver=LIVER), {"liver": 1})
    assert np.array_equal(scan.volume.data[0], LIVER)
    assert scan.notes == ()


def test_every_format_is_a_mask(tmp_path: Path) -> None:
    for name, mask in (("liver.mhd", LIVER), ("spleen.nrrd", SPLEEN & ~LIVER)):
        sitk.WriteImage(sitk.GetImageFromArray(mask.T), str(tmp_path / name))
    scan = read_masks(tmp_path, {"liver": 1, "spleen": 2})
    assert np.array_equal(scan.volume.data[0], LIVER + 2 * (SPLEEN & ~LIVER))


@pytest.mark.parametrize("labels", [{"liver": 2, "spleen": 5}, {"spleen": 5, "liver": 2}])
def test_where_masks_overlap_the_later_label_stays(tmp_path: Path, labels: dict[str, int]) -> None:
    scan = read_masks(folder(tmp_path / "masks", liver=LIVER, spleen=SPLEEN), labels)
    both = (LIVER & SPLEEN).astype(bool)
    assert set(scan.volume.data[0][both].tolist()) == {list(labels.values())[-1]}
    text = "masks: 4 voxels belong to several labels; the last of them in data.labels stays"
    assert both.sum() == 4
    assert [(note.kind, note.text) for note in scan.notes] == [("warning", text)]


@pytest.mark.parametrize(
    "mask",
    [LIVER, LIVER * 255, LIVER.astype(np.int16), LIVER * np.float32(0.9999), LIVER * np.float64(255)],
    ids=["0/1", "0/255", "int16", "nearly 1", "float 255"],
)
def test_any_binary_mask_is_one(tmp_path: Path, mask: Array) -> None:
    assert np.array_equal(read_masks(folder(tmp_path, liver=mask), {"liver": 7}).volume.data[0], 7 * LIVER)


def test_an_empty_mask_is_an_empty_label(tmp_path: Path) -> None:
    scan = read_masks(folder(tmp_path, liver=LIVER, spleen=LIVER * 0), {"liver": 1, "spleen": 2})
    assert np.array_equal(scan.volume.data[0], LIVER)


def test_a_missing_file_is_an_empty_label_and_told(tmp_path: Path) -> None:
    scan = read_masks(folder(tmp_path / "m", liver=LIVER), {"liver": 1, "spleen": 2, "kidney": 3})
    assert np.array_equal(scan.volume.data[0], LIVER)
    assert [note.text for note in scan.notes] == ["m: no mask file for spleen, kidney: empty"]


def test_files_beyond_the_labels_are_left_out_and_told(tmp_path: Path) -> None:
    spare = {f"organ_{number:02}": SPLEEN for number in range(14)}
    scan = read_masks(folder(tmp_path / "m", liver=LIVER, **spare), {"liver": 1})
    assert np.array_equal(scan.volume.data[0], LIVER)
    (text,) = (note.text for note in scan.notes)
    assert text.startswith("m: left out, as data.labels does not name them: organ_00, organ_01, ")
    assert text.endswith("organ_11 and 2 more")


def test_two_files_of_one_name_are_joined_and_told(tmp_path: Path) -> None:
    scan = read_masks(folder(tmp_path / "m", liver=LIVER, LIVER=SPLEEN), {"liver": 1})
    assert np.array_equal(scan.volume.data[0], LIVER | SPLEEN)
    assert [note.text for note in scan.notes] == ["m: several mask files for liver, joined"]


def test_without_labels_files_are_numbered_by_the_alphabet(tmp_path: Path) -> None:
    scan = read_masks(folder(tmp_path / "m", liver=LIVER, aorta=SPLEEN & ~LIVER), {})
    assert np.array_equal(scan.volume.data[0], 2 * LIVER + (SPLEEN & ~LIVER))
    assert [note.text for note in scan.notes] == [
        "m: data.labels is empty, so label values are 1 aorta, 2 liver"
    ]


WRONG: dict[str, tuple[dict[str, Array], str, type[SegmakeError]]] = {
    "nothing": ({}, "holds no mask file; give a folder with one volume file per label", InputError),
    "a name misspelt": (
        {"lever": LIVER, "left_spleen": SPLEEN},
        r"has mask files lever that data\.labels does not name, and none for liver; give them the names",
        InputError,
    ),
    "other names": ({"kidney": LIVER}, "mask files kidney .* and none for liver, Left Spleen", InputError),
    "a label map": (
        {"liver": LIVER + SPLEEN * 2},
        r"liver\.nii\.gz holds values from 0 to 3 .* is binary",
        InputError,
    ),
    "probabilities": (
        {"liver": LIVER * 0.5 + SPLEEN * 0.5},
        r"from 0 to 1 that are not 0 and one",
        InputError,
    ),
    "low probabilities": ({"liver": LIVER * 0.25}, "holds values from 0 to 0.25", InputError),
    "negative values": ({"liver": LIVER.astype(np.int16) - 1}, "holds values from -1 to 0", InputError),
    "not a number": ({"liver": np.where(LIVER, np.nan, 0)}, "holds values from nan to nan", InputError),
    "infinite": ({"liver": np.where(LIVER, np.inf, 0)}, "holds values from 0 to inf", InputError),
    "channels": ({"liver": np.stack([LIVER, LIVER], axis=-1)}, "has 2 channels; a mask has one", InputError),
    "another shape": (
        {"liver": LIVER, "left_spleen": SPLEEN[:-1]},
        r"left_spleen\.nii\.gz and liver\.nii\.gz do not \(\(5, 5, 4\) against \(6, 5, 4\)\)",
        GeometryError,
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, case: str) -> None:
    masks, message, error = WRONG[case]
    with pytest.raises(error, match=message) as caught:
        read_masks(folder(tmp_path, **masks), LABELS)
    assert str(tmp_path) in str(caught.value)


def test_masks_on_two_grids_are_refused(tmp_path: Path) -> None:
    folder(tmp_path, liver=LIVER)
    moved = AFFINE.copy()
    moved[2, 3] += 0.01
    nib.save(nib.Nifti1Image(SPLEEN, moved), tmp_path / "left_spleen.nii.gz")
    with pytest.raises(GeometryError, match=r"must lie on one grid, .*\(0\.01 mm apart\); export them again"):
        read_masks(tmp_path, LABELS)


def test_a_label_value_has_to_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"label values lie in 1\.\.32767, got 40000; change data\.labels"):
        read_masks(folder(tmp_path, liver=LIVER), {"liver": 40000})


def test_a_damaged_mask_is_named(tmp_path: Path) -> None:
    path = folder(tmp_path, liver=LIVER) / "liver.nii.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"liver\.nii\.gz"):
        read_masks(tmp_path, {"liver": 1})
