"""A folder of pictures per class, optionally below train/, val/ and test/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from segmake.dataset.layouts.found import DICOM, PICTURES, Dataset, ending, make_case, stem
from segmake.dataset.sheet import Case
from segmake.errors import InputError

KNOWN = (*PICTURES, *DICOM)
SPLITS = {"train": "train", "training": "train", "val": "train", "valid": "train", "validation": "train"}
SPLITS |= {"test": "test", "testing": "test"}


def index_imagefolder(root: Path) -> Dataset:
    """Index <class>/<picture>, or <split>/<class>/<picture>.

    A case is a picture, named by its place, such as train_nodule_image_7; it is a group of its own, so
    where a patient has several pictures, write the patients into the sheet's column `group`. Pictures of
    val/ are training cases: segmake's folds make their own split of them, val/ is not a fold.

    Raises:
        InputError: pictures stand beside the class folders, or there are fewer than two classes.
    """
    below = [
        (folder, SPLITS[folder.name.lower()]) for folder in _folders(root) if folder.name.lower() in SPLITS
    ]
    cases = [case for folder, split in below or [(root, "train")] for case in _cases(folder, root, split)]
    classes = sorted({case.class_ for case in cases})
    if len(classes) < 2:
        raise InputError(
            f"{root} must hold two or more folders, each with the pictures of a class ({', '.join(KNOWN)}), "
            f"got {', '.join(classes) or 'none'}; put them there"
        )
    return Dataset(cases, {"image": "other"})


def _folders(folder: Path) -> list[Path]:
    return sorted(item for item in folder.iterdir() if item.is_dir() and not item.name.startswith("."))


def _cases(top: Path, root: Path, split: str) -> Iterator[Case]:
    """Pictures below each class folder, at any depth."""
    for folder in _folders(top):
        for path in sorted(folder.rglob("*")):
            if ending(path, KNOWN) and path.is_file():
                name = "_".join([*path.relative_to(root).parts[:-1], stem(path, KNOWN)])
                yield replace(make_case(name, {"image": path}, None, split), class_=folder.name)
