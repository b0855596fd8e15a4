"""NumPy archives of images and labels, as MedMNIST has them: train_images, train_labels, val_images ..."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from segmake.dataset.layouts.found import Dataset, case_name, make_case
from segmake.dataset.sheet import Case
from segmake.errors import InputError
from segmake.source import shown

IMAGES, LABELS = "_images", "_labels"
PARTS = ("train", "val", "test")
JOINT = "|"


def index_npz(root: Path) -> Dataset:
    """Index every archive of a folder (not below it).

    A case is an image, such as train_00017; with several archives the archive's name stands before it. Its
    class is its number among the labels; of a row of zeros and ones the numbers of the ones, joined by |.
    Nobody knows its patient, so it is a group of its own. The last part of train, val and test that there is
    is held out (`test`); the others are cross-validated.

    Raises:
        InputError: there is no archive, or it has not the arrays that belong together.
    """
    files = sorted(path for path in root.glob("*.npz") if path.is_file() and path.name[0] != ".")
    if not files:
        raise InputError(f"{root} holds no .npz file; give the folder that it is in")
    cases = [case for file in files for case in _cases(file, f"{file.stem}_" if len(files) > 1 else "")]
    return Dataset(cases, {"image": "other"})


def _cases(file: Path, head: str) -> Iterator[Case]:
    from segmake.volume.npz import npz_array, npz_count, npz_names, place_in  # NumPy costs start-up time

    names = npz_names(file)
    parts = [part for part in PARTS if part + IMAGES in names]
    if not parts:
        raise InputError(
            f"{shown(file)} needs arrays train_images and train_labels, has {', '.join(names)}; rename them"
        )
    for part in parts:
        if part + LABELS not in names:
            raise InputError(f"{shown(file)} has {part}{IMAGES} but no {part}{LABELS}; add the labels")
        labels = npz_array(file, part + LABELS)
        count = npz_count(file, part + IMAGES)
        if len(labels) != count or labels.ndim not in (1, 2) or labels.dtype.kind not in "iub":
            raise InputError(
                f"{shown(file)}: {part}{LABELS} must be a row of whole numbers for each of the {count} "
                f"images, got {labels.dtype} of shape {labels.shape}; correct it"
            )
        split = "test" if part == parts[-1] and len(parts) > 1 else "train"
        digits = max(5, len(str(count - 1)))
        for index, label in enumerate(labels.reshape(count, -1).tolist()):
            name = case_name(f"{head}{part}_{index:0{digits}d}")
            place = place_in(file, part + IMAGES, index)
            yield replace(make_case(name, {"image": place}, None, split), class_=_class(label))


def _class(label: list[int]) -> str:
    if len(label) == 1:
        return str(label[0])
    return JOINT.join(str(number) for number, there in enumerate(label) if there)
