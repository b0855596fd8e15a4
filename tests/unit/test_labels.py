from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from label_cases import save, segmentation, structures, world
from scan_cases import grid, write

from segmake.dataset.phantom.write import write_dicom_series
from segmake.errors import InputError
from segmake.volume.geometry import to_canonical
from segmake.volume.labels import as_labels, find_label, read_label
from segmake.volume.read import read_volume
from segmake.volume.volume import Volume

SHAPE = (9, 8, 5)
MASK = np.zeros(SHAPE, np.int16)
MASK[2:6, 3:7, 1:4] = 1
GRID = Volume(MASK[None], grid("RAS", (1, 1, 2)))
LABELS = {"liver": 1}


def label(values: list[float], kind: type = np.float32) -> Volume:
    return Volume(np.array(values, dtype=kind).reshape(1, -1, 1, 1), np.eye(4))


def seg(path: Path) -> Path:
    return save(segmentation(GRID, {("Liver", 1): MASK.astype(bool)}), path)


def rtstruct(path: Path) -> Path:
    square = np.array([[1.5, 2.5], [5.5, 2.5], [5.5, 6.5], [1.5, 6.5]])
    loops = [world(GRID, np.column_stack([square, np.full(4, number)])) for number in (1, 2, 3)]
    return save(structures([("LIVER", 4, loops)]), path)


def source(folder: Path, kind: str) -> Path:
    """One label in each form that it may have."""
    if kind == "masks":
        return write(folder / "masks" / "case_liver.nii.gz", MASK, GRID.affine).parent
    if kind == "nrrd":
        image = sitk.GetImageFromArray(MASK.T)
        image.SetSpacing((1.0, 1.0, 2.0))
        image.SetDirection((-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0))
        image.SetOrigin((GRID.affine[:3, 3] * [-1, -1, 1]).tolist())
        sitk.WriteImage(image, str(folder / "a.nrrd"))
        return folder / "a.nrrd"
    if kind == "series":
        write_dicom_series(folder / "series", "case", GRID, seed=0)
        return folder / "series"
    if "series" in kind:  # segmentation or structures beside the series they were drawn on
        write_dicom_series(folder / "series", "case", GRID, seed=0)
        (seg if "seg" in kind.split() else rtstruct)(folder / "series" / "0.dcm")
        return folder / "series"
    makers = {"nifti": lambda: write(folder / "a.nii.gz", MASK, GRID.affine)}
    makers |= {"seg": lambda: seg(folder / "a.dcm"), "bare seg": lambda: seg(folder / "label.seg")}
    makers |= {"rtstruct": lambda: rtstruct(folder / "rt")}
    return makers[kind]()


KINDS = {
    "nifti": "image",
    "nrrd": "image",
    "series": "image",
    "masks": "masks",
    "seg": "segmentation",
    "bare seg": "segmentation",
    "seg in series": "segmentation",
    "rtstruct": "structures",
    "rtstruct in series": "structures",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_gives_the_same_label_map(tmp_path: Path, kind: str) -> None:
    path = source(tmp_path, kind)
    assert find_label(path)[0] == KINDS[kind]
    scan = read_label(path, LABELS, GRID)
    assert scan.volume.data.dtype == np.int16
    found = to_canonical(scan.volume)
    assert np.array_equal(found.data, GRID.data)
    assert np.allclose(found.affine, GRID.affine, atol=1e-4)
    assert [note for note in scan.notes if note.kind == "warning"] == []


def test_one_of_several_segmentations_is_chosen_by_its_series(tmp_path: Path) -> None:
    first, second = MASK.astype(bool), MASK.astype(bool)
    second[0] = True
    for number, mask in enumerate((first, second)):
        data = segmentation(GRID, {("Liver", 1): mask})
        data.SeriesInstanceUID = f"1.2.3.{number}"
        save(data, tmp_path / f"{number}.dcm")
    chosen = read_label(Path(f"{tmp_path}#1.2.3.1"), LABELS, GRID)
    assert np.array_equal(chosen.volume.data[0], second)
    with pytest.raises(InputError, match=r"holds 2 DICOM-SEG or RTSTRUCT \(0\.dcm, 1\.dcm\); name one file"):
        read_label(tmp_path, LABELS, GRID)


def test_a_float_label_map_is_cast_and_the_rounding_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii.gz", MASK.astype(np.float32) * np.float32(0.9995), GRID.affine)
    scan = read_label(path, LABELS, GRID)
    assert np.array_equal(scan.volume.data[0], MASK)
    told = [(note.kind, note.text) for note in scan.notes]
    assert ("repair", "a.nii.gz: float32 labels cast to int16, rounded by at most 0.0005") in told


def test_axes_of_one_voxel_are_dropped(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(MASK[..., None, None], GRID.affine), tmp_path / "a.nii")
    assert np.array_equal(read_label(tmp_path / "a.nii", LABELS, GRID).volume.data[0], MASK)


def test_a_label_map_stays_on_its_own_grid(tmp_path: Path) -> None:
    affine = grid("LPS", (2, 1, 1))
    scan = read_label(write(tmp_path / "a.nii", MASK[1:], affine), LABELS, GRID)
    assert scan.volume.shape == (8, 8, 5)
    assert np.allclose(scan.volume.affine, affine)


def test_masks_beside_a_segmentation_are_refused(tmp_path: Path) -> None:
    seg(write(tmp_path / "liver.nii", MASK, GRID.affine).with_name("a.dcm"))
    with pytest.raises(
        InputError, match=r"1 DICOM-SEG or RTSTRUCT \(a\.dcm\) and 1 mask files; name one file"
    ):
        read_label(tmp_path, LABELS, GRID)


@pytest.mark.parametrize("name", ["gone.nii.gz", "gone.dcm", "gone", "gone#1.2.3"])
def test_a_missing_label_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name} does not exist; correct the path"):
        read_label(tmp_path / name, LABELS, GRID)


@pytest.mark.parametrize("name", ["label.txt", "label.dcm", "label.nii.gz", "label.png"])
def test_what_is_no_label_map_at_all_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("liver: 1")
    with pytest.raises(InputError, match=name):
        read_label(tmp_path / name, LABELS, GRID)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=tmp_path.name):
        read_label(tmp_path, LABELS, GRID)


def test_masks_that_are_nearly_whole_are_rounded() -> None:
    found = as_labels(label([0, 0.99999997, 1.0000001, 3.9999995]), "mask")
    assert found.data.dtype == np.int16
    assert found.data.ravel().tolist() == [0, 1, 1, 4]


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.uint16])
def test_whole_numbers_keep_their_value(kind: type) -> None:
    source = label([0, 2, 200], kind)
    assert as_labels(source, "mask").data.ravel().tolist() == [0, 2, 200]
    assert source.data.dtype == kind


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, 0.5], "a label map holds whole numbers, but .*mask.nii has others"),
        ([0, np.nan], "a label map holds whole numbers"),
        ([0, np.inf], "a label map holds whole numbers"),
        ([-1, 1], r"label values lie in 0 to 32767, but .* holds -1 to 1; give"),
        ([0, 40000], "holds 0 to 40000; give the label map"),
    ],
)
def test_what_is_no_label_map_is_refused(values: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_labels(label(values), "mask.nii")


def test_large_integers_do_not_wrap_round() -> None:
    with pytest.raises(InputError, match="holds 0 to 65536; give the label map"):
        as_labels(label([0, 65536], np.int64), "mask")


def test_a_label_map_has_one_channel() -> None:
    with pytest.raises(InputError, match=r"a label map has one channel, but mask has 2"):
        as_labels(Volume(np.zeros((2, 3, 3, 3)), np.eye(4)), "mask")


@pytest.mark.data
def test_a_real_mask_of_nearly_ones_is_not_empty(shared_data: Path) -> None:
    path = shared_data / "brats2015/test/brats_2013_pat0001_1/brainmask.nii.gz"
    assert np.asanyarray(nib.load(path).dataobj).astype(int).max() == 0
    assert np.count_nonzero(as_labels(read_volume(path), "mask").data == 1) == 1_487_565
