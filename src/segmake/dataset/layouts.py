"""Known folder layouts -> cases. Names only: no image is opened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmake.dataset.sheet import Case
from segmake.errors import InputError
from segmake.settings import Modality

SUFFIXES = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd")
BRATS_LABELS = {"necrosis": 1, "edema": 2, "enhancing": 4}
# In order of trial: t1ce before t1. Names of the challenges from 2012 to 2024 and of common derivatives.
BRATS_CHANNELS = {
    "flair": re.compile(r"(^|[_.\-])(flair|t2f)([_.\-]|$)"),
    "t1ce": re.compile(r"(^|[_.\-])(t1ce|t1c|t1gd|t1_gd)([_.\-]|$)"),
    "t1": re.compile(r"(^|[_.\-])(t1|t1n)([_.\-]|$)"),
    "t2": re.compile(r"(^|[_.\-])(t2|t2w)([_.\-]|$)"),
    "label": re.compile(r"(^|[_.\-])(seg|ot|otmulticlass)([_.\-]|$)"),
}


@dataclass(frozen=True)
class Dataset:
    """Cases and, where the layout tells, what their channels and labels mean."""

    cases: list[Case]
    channels: dict[str, Modality] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    regions: dict[str, list[int]] = field(default_factory=dict)


def index_layout(layout: str, root: Path) -> Dataset:
    """Index a folder.

    Raises:
        InputError: the folder does not hold this layout.
    """
    if not root.is_dir():
        raise InputError(f"data.root must be a folder in {layout} layout, got {root}; correct the path")
    found = LAYOUTS[layout](root)
    if not found.cases:
        raise InputError(f"{root} holds no case in {layout} layout; check data.root and data.layout")
    names = [case.name for case in found.cases]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"{root}: case '{min(twice)}' stands twice; give each case folder its own name")
    return found


def _msd(root: Path) -> Dataset:
    """Medical Segmentation Decathlon: dataset.json lists pairs; one 4-D file holds all channels."""
    content = _dataset_json(root)
    channels = {_word(name): _modality(name) for _, name in _by_number(content.get("modality", {}))}
    labels = {_word(name): int(value) for value, name in _by_number(content.get("labels", {})) if int(value)}
    cases = []
    for entry in content.get("training", []):
        image = root / entry["image"]
        cases.append(_case(_stem(image), dict.fromkeys(channels, image), root / entry["label"]))
    for entry in content.get("test", []):
        image = root / (entry["image"] if isinstance(entry, dict) else entry)
        if image.exists():  # the decathlon's own lists name files that many copies leave out
            cases.append(_case(_stem(image), dict.fromkeys(channels, image), None, "test"))
    return Dataset(sorted(cases, key=lambda case: case.name), channels, labels)


def _nnunet(root: Path) -> Dataset:
    """nnU-Net raw folder: imagesTr/<case>_0000<ending>, labelsTr/<case><ending>, dataset.json."""
    content = _dataset_json(root)
    named = _by_number(content.get("channel_names", content.get("modality", {})))
    channels = {_word(name): _modality(name) for _, name in named}
    ending = content.get("file_ending", ".nii.gz")
    labels, regions = _nnunet_labels(content.get("labels", {}))
    cases = []
    for folder, split in (("imagesTr", "train"), ("imagesTs", "test")):
        for first in sorted((root / folder).glob(f"*_0000{ending}")):
            name = first.name.removesuffix(f"_0000{ending}")
            files = [root / folder / f"{name}_{int(number):04d}{ending}" for number, _ in named]
            label = root / folder.replace("images", "labels") / f"{name}{ending}"
            paths = dict(zip(channels, files, strict=True))
            cases.append(_case(name, paths, label if label.exists() else None, split))
    return Dataset(sorted(cases, key=lambda case: case.name), channels, labels, regions)


def _nnunet_labels(entries: dict[str, Any]) -> tuple[dict[str, int], dict[str, list[int]]]:
    """nnU-Net writes a label as a number and a region as a list of numbers."""
    plain = {_word(name): int(value) for name, value in entries.items() if not isinstance(value, list)}
    labels = {name: value for name, value in plain.items() if value}
    lists = {_word(name): value for name, value in entries.items() if isinstance(value, list)}
    regions = {name: [int(number) for number in value] for name, value in lists.items()}
    for value in sorted({value for values in regions.values() for value in values} - set(labels.values())):
        labels[f"label_{value}"] = value
    return labels, regions


def _brats(root: Path) -> Dataset:
    """BraTS: a folder per patient and visit with a file per modality, at any depth.

    Folders below one called test or testing are held out; the challenge's validation folder, where it has
    labels, is part of the training cases (cross-validation makes its own split).
    """
    cases = []
    for folder in sorted({path.parent for path in root.rglob("*") if path.name.endswith(SUFFIXES)}):
        found = _brats_files(folder)
        label = found.pop("label", None)
        if found:
            parts = {part.lower() for part in folder.relative_to(root).parts[:-1]}
            split = "test" if parts & {"test", "testing"} else "train" if label else "new"
            cases.append(_case(folder.name, found, label, split))
    everywhere = set.intersection(*(set(case.channels) for case in cases)) if cases else set()
    common = [name for name in ("t1", "t1ce", "t2", "flair") if name in everywhere]
    kept = [_case(c.name, {name: c.channels[name] for name in common}, c.label, c.split) for c in cases]
    return Dataset(kept if common else [], dict.fromkeys(common, "mr"), dict(BRATS_LABELS))


def _brats_files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith(SUFFIXES):
            stem = _stem(path).lower()
            hit = next((name for name, pattern in BRATS_CHANNELS.items() if pattern.search(stem)), None)
            if hit and hit not in found:
                found[hit] = path
    return found


def _case(name: str, channels: dict[str, Path], label: Path | None, split: str = "train") -> Case:
    return Case(name=name, channels=channels, label=label, group=name, split=split)


def _dataset_json(root: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((root / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{root} needs a readable dataset.json in this layout: {error}") from error
    return content


def _by_number(entries: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(entries.items(), key=lambda entry: int(entry[0]))


def _modality(name: str) -> Modality:
    """Modality of a channel from its name: CT and PET by name, all else counts as MR."""
    known: dict[str, Modality] = {"ct": "ct", "pet": "pet", "pt": "pet", "xray": "xray"}
    return known.get(name.strip().lower(), "mr")


def _stem(path: Path) -> str:
    return next((path.name.removesuffix(end) for end in SUFFIXES if path.name.endswith(end)), path.stem)


def _word(name: str) -> str:
    return re.sub(r"\W+", "_", name.strip().lower())


LAYOUTS: dict[str, Callable[[Path], Dataset]] = {"msd": _msd, "nnunet": _nnunet, "brats": _brats}
