"""BraTS: a folder per patient and visit with a file per modality, at any depth; names of 2012 to 2024."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from segmake.dataset.layouts.found import Dataset, ending, make_case, stem

CHANNELS = ("t1", "t1ce", "t2", "flair")
LABELS = {"necrosis": 1, "edema": 2, "enhancing": 4}  # since 2023 enhancing is 3
# In order of trial: t1ce before t1. Names of the challenges from 2012 to 2024 and of common derivatives.
NAMES = {
    "flair": re.compile(r"(^|[_.\-])(flair|t2f)([_.\-]|$)"),
    "t1ce": re.compile(r"(^|[_.\-])(t1ce|t1c|t1gd|t1_gd)([_.\-]|$)"),
    "t1": re.compile(r"(^|[_.\-])(t1|t1n)([_.\-]|$)"),
    "t2": re.compile(r"(^|[_.\-])(t2|t2w)([_.\-]|$)"),
    "label": re.compile(r"(^|[_.\-])(segm?|ot|otmulticlass)([_.\-]|$)"),
}
# A patient's visits: brats_tcia_pat105_0001 (2015) and BraTS-GLI-00005-001 (2023) end with their number.
VISIT = re.compile(r"(.*(?:pat\d+|-\d{5}))[_-]\d+")


def index_brats(root: Path) -> Dataset:
    """Index a folder of the challenge.

    Folders below one called test or testing are held out; the challenge's validation folder, where it has
    labels, is part of the training cases (cross-validation makes its own split). Visits share a group.
    Label 4 is the enhancing tumour up to 2021; where every case is named as since 2023, it is 3.
    """
    folders = _folders(root)
    count = Counter(folder.name for folder in folders)
    cases = []
    for folder, files in folders.items():
        parts = folder.relative_to(root).parts
        held_out = {part.lower() for part in parts[:-1]} & {"test", "testing"}
        name = folder.name if count[folder.name] == 1 else "_".join(parts)  # HGG and LGG of 2015 share names
        paths = {channel: files[channel] for channel in CHANNELS if channel in files}
        case = make_case(name, paths, files.get("label"), "test" if held_out else "train")
        visit = VISIT.fullmatch(case.name)
        cases.append(replace(case, group=visit[1] if visit else case.name))
    renumbered = {"enhancing": 3} if all(case.name.startswith("BraTS-") for case in cases) else {}
    present = {channel for case in cases for channel in case.channels}
    kept = [channel for channel in CHANNELS if channel in present]
    return Dataset(cases, dict.fromkeys(kept, "mr"), LABELS | renumbered)


def _folders(root: Path) -> dict[Path, dict[str, Path]]:
    """Case folder -> its image files by channel, and its label; folders without an image are left out."""
    folders: dict[Path, dict[str, Path]] = {}
    for path in sorted(root.rglob("*")):
        name = stem(path)
        hit = next((channel for channel, pattern in NAMES.items() if pattern.search(name.lower())), None)
        if hit and ending(path) and path.is_file():
            # The challenge of 2015 gives each file a folder of its own.
            own = path.parent.name == name and path.parent != root
            folders.setdefault(path.parent.parent if own else path.parent, {}).setdefault(hit, path)
    return {folder: found for folder, found in sorted(folders.items()) if found.keys() - {"label"}}
