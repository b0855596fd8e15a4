"""Pairs of an image and its label map: in two folders, or side by side. The layout of those who have none."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from segmake.dataset.layouts.found import (
    DICOM,
    PICTURES,
    VOLUMES,
    Dataset,
    case_name,
    ending,
    make_case,
    stem,
)
from segmake.dataset.sheet import Case
from segmake.errors import InputError
from segmake.tables import hash_path

log = logging.getLogger("segmake")

KNOWN = (*VOLUMES, *PICTURES, *DICOM)
IMAGE_FOLDERS = ("imagestr", "images", "image", "imgs", "img")
LABEL_FOLDERS = ("labelstr", "labels", "label", "masks", "mask", "segmentations", "segs", "seg")
SPLITS = {"train": "train", "training": "train", "val": "train", "validation": "train"}
SPLITS |= {"test": "test", "testing": "test"}
IMAGE_END = re.compile(r"(?:(.*)[_\-.])?(?:image|img)", re.IGNORECASE)
LABEL_END = re.compile(r"(?:(.*)[_\-.])?(?:labels?|seg|segmentation|mask)", re.IGNORECASE)
CHANNEL_END = re.compile(r"(.+)_(\d{4})")


def index_pairs(root: Path) -> Dataset:
    """Index any folder whose images and labels share their names.

    Looked for in this order: two folders such as images/ and labels/ (also imagesTr/ and labelsTr/, image,
    mask, seg; imagesTs/ is the split `test`), the same below train/, val/ and test/ (`val` is part of the
    training cases), and files side by side at any depth: <case>_image and <case>_label, or <case> and
    <case>_seg; in a folder per case the files may be called image and label. An image may be a DICOM
    folder, a label a folder with a mask per label. Names ending in _0000, _0001 are channels.

    Raises:
        InputError: two files would be the same thing of a case.
    """
    cases = pair_folders(root)
    for folder in sorted(item for item in root.iterdir() if item.is_dir()):
        if split := SPLITS.get(folder.name.lower()):
            cases += pair_folders(folder, split)
    return Dataset(cases or _side_by_side(root))


def pair_folders(root: Path, split: str = "train") -> list[Case]:
    """Cases of an image folder and a label folder below `root`, paired by name; also imagesTs/labelsTs."""
    folders = {item.name.lower(): item for item in root.iterdir() if item.is_dir()}
    images = next((folders[name] for name in IMAGE_FOLDERS if name in folders), None)
    labels = next((folders[name] for name in LABEL_FOLDERS if name in folders), None)
    cases = []
    if images:
        cases += _pair(_entries(images), _entries(labels) if labels else [], split)
    if "imagests" in folders:
        truth = folders.get("labelsts")
        cases += _pair(_entries(folders["imagests"]), _entries(truth) if truth else [], "test")
    return cases


def orphans(folder: Path, cases: Sequence[Case]) -> list[Case]:
    """Cases with a problem for the label maps in a folder that no case uses."""
    taken = {case.label.name: case.label for case in cases if case.label}
    lonely = [path for path in _entries(folder) if path.name not in taken]
    return _lonely({stem(path, KNOWN): path for path in lonely}, list(taken.values()))


def _entries(folder: Path) -> list[Path]:
    """Images of a folder: files with a known ending, and folders (DICOM series, a mask per label)."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if ending(path, KNOWN) or (path.is_dir() and not path.name.startswith("."))
    )


def _pair(images: Iterable[Path], labels: Iterable[Path], split: str) -> list[Case]:
    """Pair images and labels by their names, with or without words such as _image and _seg at their end."""
    truth: dict[str, Path] = {}
    for path in labels:
        _put(truth, _bare(path, LABEL_END), path)
    found: dict[str, dict[str, Path]] = {}
    for path in images:
        name, channel = _image_of(path, truth)
        _put(found.setdefault(name, {}), channel, path)
    cases = [make_case(name, _channels(paths), truth.get(name), split) for name, paths in found.items()]
    lonely = {name: path for name, path in truth.items() if name not in found}
    return [*cases, *_lonely(lonely, [case.label for case in cases if case.label])]


def _image_of(path: Path, truth: Mapping[str, Path]) -> tuple[str, str]:
    """Case and channel of an image: what the file name tells that a label tells, too."""
    name = stem(path, KNOWN)
    bare = _bare(path, IMAGE_END)
    for known in (name, bare, _bare(path, LABEL_END)):
        if known in truth:
            return known, "image"
    if (numbered := CHANNEL_END.fullmatch(bare)) and numbered[1] in truth:
        return numbered[1], f"image_{int(numbered[2])}"
    return bare, "image"


def _channels(paths: Mapping[str, Path]) -> dict[str, Path]:
    """Numbered channels in order; the only one is called image."""
    names = sorted(paths) if len(paths) > 1 else ["image"]
    return dict(zip(names, (paths[name] for name in sorted(paths)), strict=True))


def _bare(path: Path, end: re.Pattern[str]) -> str:
    """File name without its ending and the word at its end; the folder's name where the word is all."""
    match = end.fullmatch(stem(path, KNOWN))
    return (match[1] or path.parent.name) if match else stem(path, KNOWN)


def _put(found: dict[str, Path], key: str, path: Path) -> None:
    if key in found:
        raise InputError(f"{found[key]} and {path.name} would be the same file of a case; rename one of them")
    found[key] = path


def _side_by_side(root: Path) -> list[Case]:
    """Pair the files of each folder by themselves; names that stand twice get their folder's before them."""
    found: list[tuple[Path, Case]] = []
    for folder in (root, *sorted(item for item in root.rglob("*") if item.is_dir())):
        files = [path for path in _entries(folder) if path.is_file()]
        labels = [path for path in files if LABEL_END.fullmatch(stem(path, KNOWN))]
        images = [path for path in files if path not in labels]
        if not labels:
            images = [path for path in images if IMAGE_END.fullmatch(stem(path, KNOWN))]
        found += [(folder, case) for case in _pair(images, labels, "train")]
    count = Counter(case.name for _, case in found)
    return [
        _placed(case, folder.relative_to(root)) if count[case.name] > 1 else case for folder, case in found
    ]


def _placed(case: Case, folder: Path) -> Case:
    name = case_name("_".join([*folder.parts, case.name]))
    return replace(case, name=name, group=name)


def _lonely(labels: Mapping[str, Path], others: Sequence[Path]) -> list[Case]:
    """Cases for labels without an image; each says when it is a byte copy of another case's label."""
    cases = []
    for name, path in labels.items():
        problem = f"label {path.name} has no image"
        if copied := [other.name for other in others if _same_bytes(path, other)]:
            problem += f", and it is a copy of another case's label, {copied[0]}, byte for byte"
        log.warning("%s; add the image or remove the label", problem)
        case = make_case(name, {}, path)
        cases.append(replace(case, problem=f"{problem}; add the image or remove the label"))
    return cases


def _same_bytes(one: Path, other: Path) -> bool:
    """Whether two files are equal; their sizes are compared first."""
    if not (one.is_file() and other.is_file()) or one.stat().st_size != other.stat().st_size:
        return False
    return one.stat().st_size > 0 and hash_path(one) == hash_path(other)
