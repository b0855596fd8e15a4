"""Known folder layouts -> cases. Names only: no image is opened."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from segmake.dataset.sheet import Case
from segmake.errors import InputError
from segmake.settings import Modality

log = logging.getLogger("segmake")

SUFFIXES = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd")
BRATS_LABELS = {"necrosis": 1, "edema": 2, "enhancing": 4}  # since 2023 enhancing is 3
# In order of trial: t1ce before t1. Names of the challenges from 2012 to 2024 and of common derivatives.
BRATS_CHANNELS = {
    "flair": re.compile(r"(^|[_.\-])(flair|t2f)([_.\-]|$)"),
    "t1ce": re.compile(r"(^|[_.\-])(t1ce|t1c|t1gd|t1_gd)([_.\-]|$)"),
    "t1": re.compile(r"(^|[_.\-])(t1|t1n)([_.\-]|$)"),
    "t2": re.compile(r"(^|[_.\-])(t2|t2w)([_.\-]|$)"),
    "label": re.compile(r"(^|[_.\-])(segm?|ot|otmulticlass)([_.\-]|$)"),
}
# A patient's visits: brats_tcia_pat105_0001 (2015) and BraTS-GLI-00005-001 (2023) end with their number.
BRATS_VISIT = re.compile(r"(.*(?:pat\d+|-\d{5}))[_-]\d+")


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
    try:
        found = LAYOUTS[layout](root)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__} {error}"
        raise InputError(
            f"dataset.json in {root} is not as {layout} defines it ({reason}); repair it"
        ) from error
    if not found.cases:
        raise InputError(f"{root} holds no case in {layout} layout; check data.root and data.layout")
    names = [case.name for case in found.cases]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"{root}: case '{min(twice)}' stands twice; give each case folder its own name")
    return found


def _msd(root: Path) -> Dataset:
    """Medical Segmentation Decathlon: dataset.json lists pairs; one 4-D file holds all channels."""
    content = _dataset_json(root)
    channels = _channels(content.get("modality", {}))
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
    named = content.get("channel_names", content.get("modality", {}))
    channels = _channels(named)
    ending = content.get("file_ending", ".nii.gz")
    labels, regions = _nnunet_labels(content.get("labels", {}))
    cases = []
    for folder, split in (("imagesTr", "train"), ("imagesTs", "test")):
        for first in sorted((root / folder).glob(f"[!.]*_0000{ending}")):
            name = first.name.removesuffix(f"_0000{ending}")
            files = [root / folder / f"{name}_{int(number):04d}{ending}" for number, _ in _by_number(named)]
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
    labels, is part of the training cases (cross-validation makes its own split). Visits share a group.
    """
    folders = _brats_folders(root)
    count = Counter(folder.name for folder in folders)
    cases = []
    for folder, found in folders.items():
        label = found.pop("label", None)
        parts = folder.relative_to(root).parts
        held_out = {part.lower() for part in parts[:-1]} & {"test", "testing"}
        name = folder.name if count[folder.name] == 1 else "_".join(parts)  # HGG and LGG of 2015 share names
        case = _case(name, found, label, "test" if held_out else "train" if label else "new")
        visit = BRATS_VISIT.fullmatch(case.name)
        cases.append(replace(case, group=visit[1] if visit else case.name))
    return _common_channels(sorted(cases, key=lambda case: case.name))


def _brats_folders(root: Path) -> dict[Path, dict[str, Path]]:
    """Case folder -> its image files by channel, and its label; folders without an image are left out."""
    folders: dict[Path, dict[str, Path]] = {}
    for path in sorted(root.rglob("*")):
        stem = _stem(path)
        hit = next((name for name, pattern in BRATS_CHANNELS.items() if pattern.search(stem.lower())), None)
        if hit and path.name.endswith(SUFFIXES) and not path.name.startswith(".") and path.is_file():
            # The challenge of 2015 gives each file a folder of its own.
            own = path.parent.name == stem and path.parent != root
            folders.setdefault(path.parent.parent if own else path.parent, {}).setdefault(hit, path)
    return {folder: found for folder, found in sorted(folders.items()) if found.keys() - {"label"}}


def _common_channels(cases: list[Case]) -> Dataset:
    """The BraTS cases with the channels that all of them have."""
    kept = []
    for name in ("t1", "t1ce", "t2", "flair"):
        lacking = [case.name for case in cases if name not in case.channels]
        if not lacking:
            kept.append(name)
        elif len(lacking) < len(cases):
            log.warning(
                "channel %s is left out: %d cases lack it, such as %s", name, len(lacking), lacking[0]
            )
    alike = [replace(case, channels={name: case.channels[name] for name in kept}) for case in cases]
    renumbered = {"enhancing": 3} if all(case.name.startswith("BraTS-") for case in cases) else {}
    return Dataset(alike if kept else [], dict.fromkeys(kept, "mr"), BRATS_LABELS | renumbered)


def _case(name: str, channels: dict[str, Path], label: Path | None, split: str = "train") -> Case:
    name = re.sub(r"[^A-Za-z0-9._+-]+", "_", name).lstrip("._+-")
    return Case(name=name, channels=channels, label=label, group=name, split=split)


def _dataset_json(root: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((root / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{root} needs a readable dataset.json in this layout: {error}") from error
    return content


def _channels(entries: dict[str, str]) -> dict[str, Modality]:
    """Channel name -> modality; a name that stands twice gets its number."""
    found: dict[str, Modality] = {}
    for number, name in _by_number(entries):
        word = _word(name)
        found[f"{word}_{number}" if word in found else word] = _modality(name)
    return found


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
