"""Images of NumPy archives: the reader, and the layout of MedMNIST."""

from pathlib import Path

import numpy as np
import pytest

from segmake.dataset.layouts import index_layout
from segmake.dataset.sheet import read_sheet, write_sheet
from segmake.errors import InputError
from segmake.volume.npz import npz_count, npz_names, npz_picture, place_in
from segmake.volume.read import read_scan

GREY = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
RGB = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)


def archive(folder: Path, name: str = "set.npz", **arrays: object) -> Path:
    np.savez_compressed(folder / name, **arrays)  # type: ignore[arg-type]
    return folder / name


def test_an_image_comes_as_a_volume_of_one_slice(tmp_path: Path) -> None:
    file = archive(tmp_path, grey=GREY, rgb=RGB)
    volume = read_scan(place_in(file, "grey", 2)).volume
    assert volume.data.shape == (1, 5, 4, 1)
    assert np.array_equal(volume.data[0, :, :, 0].T, GREY[2])  # x runs along columns, y down rows
    colours = read_scan(tmp_path / "set.npz#rgb[1]").volume.data
    assert np.array_equal(colours[2, :, :, 0].T, RGB[1, :, :, 2])
    assert (npz_count(file, "rgb"), sorted(npz_names(file))) == (2, ["grey", "rgb"])


def test_a_changed_archive_is_read_again(tmp_path: Path) -> None:
    file = archive(tmp_path, grey=GREY)
    assert npz_picture(place_in(file, "grey", 0))[0, 1] == 1
    archive(tmp_path, grey=GREY + 7)
    assert npz_picture(place_in(file, "grey", 0))[0, 1] == 8


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("set.npz#grey[3]", "has 3 images, so there is no 3"),
        ("set.npz#gray[0]", "has no array gray, but grey"),
        ("other.npz#grey[0]", "does not exist"),
        ("set.npz#grey", "write FILE.npz"),
        ("set.npz#flat[0]", "an image is"),
    ],
)
def test_what_is_not_there_is_said(tmp_path: Path, place: str, sentence: str) -> None:
    archive(tmp_path, grey=GREY, flat=np.zeros((2, 4)))
    with pytest.raises(InputError, match=sentence):
        read_scan(tmp_path / place)


def test_damaged_archives_are_explained(tmp_path: Path) -> None:
    whole = archive(tmp_path, grey=GREY).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "set.npz").write_bytes(b"no archive")
    for place in ("cut.npz#grey[0]", "set.npz#grey[0]"):
        with pytest.raises(InputError, match="no NumPy archive"):
            read_scan(tmp_path / place)
    np.savez(tmp_path / "objects.npz", grey=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        read_scan(tmp_path / "objects.npz#grey[0]")


def test_medmnist_is_indexed_with_its_splits(tmp_path: Path) -> None:
    parts = {"train_images": GREY, "train_labels": np.array([[0], [1], [1]], np.uint8)}
    parts |= {"val_images": GREY[:2], "val_labels": np.array([[1], [0]], np.uint8)}
    archive(tmp_path, **parts)
    found = index_layout("npz", tmp_path)
    assert [(case.name, case.split, case.class_, case.group) for case in found.cases] == [
        ("train_00000", "train", "0", "train_00000"),
        ("train_00001", "train", "1", "train_00001"),
        ("train_00002", "train", "1", "train_00002"),
        ("val_00000", "test", "1", "val_00000"),
        ("val_00001", "test", "0", "val_00001"),
    ]
    assert found.channels == {"image": "other"}
    archive(tmp_path, **parts, test_images=GREY[:1], test_labels=np.array([[1]], np.uint8))
    splits = {case.name: case.split for case in index_layout("npz", tmp_path).cases}
    assert (splits["val_00000"], splits["test_00000"]) == ("train", "test")


def test_several_labels_become_several_classes_and_pass_through_the_sheet(tmp_path: Path) -> None:
    archive(
        tmp_path, "chest.npz", train_images=GREY, train_labels=np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    )
    archive(tmp_path, "derma.npz", train_images=RGB, train_labels=np.array([3, 4]))
    found = index_layout("npz", tmp_path).cases
    assert [(case.name, case.class_) for case in found] == [
        ("chest_train_00000", "0|2"),
        ("chest_train_00001", ""),
        ("chest_train_00002", "1"),
        ("derma_train_00000", "3"),
        ("derma_train_00001", "4"),
    ]
    (tmp_path / "cases.tsv").write_text(write_sheet(found))
    again = read_sheet(tmp_path / "cases.tsv", ["image"])
    assert again[4].channels["image"] == tmp_path / "derma.npz#train_images[1]"
    assert again[4].sources() == [tmp_path / "derma.npz"]


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"images": GREY}, "needs arrays train_images"),
        ({"train_images": GREY}, "no train_labels"),
        ({"train_images": GREY, "train_labels": np.array([0, 1])}, "for each of the 3 images"),
        ({"train_images": GREY, "train_labels": np.array([0.5, 1, 2])}, "whole numbers"),
    ],
)
def test_what_is_no_medmnist_is_explained(tmp_path: Path, arrays: dict[str, object], sentence: str) -> None:
    archive(tmp_path, **arrays)
    with pytest.raises(InputError, match=sentence):
        index_layout("npz", tmp_path)


def test_a_folder_without_archives_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no \.npz file"):
        index_layout("npz", tmp_path)


@pytest.mark.data
def test_pneumonia(shared_data: Path) -> None:
    cases = index_layout("npz", shared_data / "pneumonia_xray").cases
    assert len(cases) == 4708 + 524
    assert sum(case.split == "test" for case in cases) == 524
    assert sum(case.class_ == "1" for case in cases) == 3494 + 389
