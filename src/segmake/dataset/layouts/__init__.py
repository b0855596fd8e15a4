"""Known folder layouts -> cases. Names only: no image is opened (but DICOM headers, which are the names).

A module per layout, each with one door that takes the root folder. What holds for all of them is here:
which channels count, and which cases cannot take part.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from segmake.dataset.layouts.bids import index_bids
from segmake.dataset.layouts.brats import index_brats
from segmake.dataset.layouts.dicom import index_dicom
from segmake.dataset.layouts.found import Dataset, some
from segmake.dataset.layouts.imagefolder import index_imagefolder
from segmake.dataset.layouts.inbreast import index_inbreast
from segmake.dataset.layouts.lidc import index_lidc
from segmake.dataset.layouts.listed import index_listed
from segmake.dataset.layouts.luna16 import index_luna16
from segmake.dataset.layouts.msd import index_msd
from segmake.dataset.layouts.nnunet import index_nnunet
from segmake.dataset.layouts.npz import index_npz
from segmake.dataset.layouts.pairs import index_pairs
from segmake.dataset.sheet import Case, check_channels, unfit, wrong_name
from segmake.errors import InputError

log = logging.getLogger("segmake")

LAYOUTS: dict[str, Callable[[Path], Dataset]] = {
    "msd": index_msd,
    "nnunet": index_nnunet,
    "brats": index_brats,
    "pairs": index_pairs,
    "luna16": index_luna16,
    "lidc": index_lidc,
    "bids": index_bids,
    "dicom": index_dicom,
    "imagefolder": index_imagefolder,
    "inbreast": index_inbreast,
    "listed": index_listed,
    "npz": index_npz,
}
SEGMENTATION = ("msd", "nnunet", "brats", "pairs", "bids", "dicom")
"""Layouts whose cases have label maps: a case without one is there to be predicted."""
COMMON = 0.9
"""A channel that this part of the cases has is one of the data set's: a case without it is the odd one."""

__all__ = ["LAYOUTS", "Dataset", "index_layout"]


def index_layout(layout: str, root: Path, channels: Collection[str] = ()) -> Dataset:
    """Index a folder.

    Args:
        layout: One of `LAYOUTS`.
        root: The folder.
        channels: The channels that are wanted, where the settings name them; cases may lack others.

    Raises:
        InputError: the folder does not hold this layout.
    """
    if not root.is_dir():
        raise InputError(f"data.root must be a folder in {layout} layout, got {root}; correct the path")
    found = LAYOUTS[layout](root)
    if not any(case.channels for case in found.cases):
        raise InputError(f"{root} holds no case in {layout} layout; check data.root and data.layout")
    _check_names(found.cases, root)
    found = _agree(found, channels)
    check_channels(found.channels or {name for case in found.cases for name in case.channels}, str(root))
    cases = [_fit(case) for case in found.cases]
    if layout in SEGMENTATION:
        cases = _without_label(cases)
    return replace(found, cases=sorted(cases, key=lambda case: case.name))


def _check_names(cases: list[Case], root: Path) -> None:
    """Two folders or files may not become one case, on no file system."""
    for case in cases:
        if wrong := wrong_name(case.name):
            raise InputError(
                f"{root}: {wrong} (of {some([str(path) for path in case.paths()], 1)}); rename it"
            )
    count = Counter(case.name.lower() for case in cases)
    twice = [case for case in cases if count[case.name.lower()] > 1]
    if twice:
        first = min(case.name for case in twice)
        paths = sorted(
            {str(next(iter(case.paths()))) for case in twice if case.name.lower() == first.lower()}
        )
        raise InputError(
            f"{root}: case '{first}' stands twice (letter case does not tell names apart): "
            f"{some(paths)}; give each a name of its own"
        )


def _agree(found: Dataset, wanted: Collection[str]) -> Dataset:
    """Settle on the channels of the data set; a case that lacks one has a problem, unless many do."""
    whole = [case for case in found.cases if not case.problem]
    names = list(found.channels) or list(dict.fromkeys(name for case in whole for name in case.channels))
    if wanted and set(wanted) <= set(names):
        return replace(found, cases=[_with_channels(case, names, wanted) for case in found.cases])
    kept = []
    for name in names:
        lacking = [case.name for case in whole if name not in case.channels]
        if len(lacking) <= (1 - COMMON) * len(whole):
            kept.append(name)
        elif len(lacking) < len(whole):
            log.warning(
                "channel %s is left out: %d cases lack it, such as %s", name, len(lacking), lacking[0]
            )
    if names and not kept:
        raise InputError(
            f"no channel of {', '.join(names)} is in most of the {len(whole)} cases; write a sheet by hand"
        )
    return replace(
        found,
        cases=[_with_channels(case, kept, kept) for case in found.cases],
        channels={name: kind for name, kind in found.channels.items() if name in kept},
    )


def _with_channels(case: Case, kept: Collection[str], needed: Collection[str]) -> Case:
    channels = {name: case.channels[name] for name in kept if name in case.channels}
    lacking = [name for name in needed if name not in channels]
    if not lacking or case.problem:
        return replace(case, channels=channels)
    problem = f"{case.name} has no {' and no '.join(lacking)}, which other cases have; add the file"
    log.warning("case %s", problem)
    return replace(case, channels=channels, problem=problem)


def _fit(case: Case) -> Case:
    """A file whose name no sheet can carry is left out, and with it the case."""
    wrong = [sentence for path in case.paths() if (sentence := unfit(str(path)))]
    if not wrong:
        return case
    log.warning("case %s: %s", case.name, wrong[0])
    return replace(case, channels={}, label=None, problem=wrong[0])


def _without_label(cases: list[Case]) -> list[Case]:
    """Cases of the split `train` without a label map are new cases: nothing can be learnt from them."""
    lacking = [case.name for case in cases if not (case.label or case.problem) and case.split == "train"]
    if lacking:
        log.warning(
            "%d cases have no label and are taken as new, to be predicted: %s", len(lacking), some(lacking)
        )
    remark = {"remark": "it has no label map, so it is predicted and not learnt from"}
    if not any(case.label for case in cases):
        remark = {}  # a folder of scans to predict: nothing to wonder about
    taken = set(lacking)
    return [
        replace(case, split="new", extra={**case.extra, **remark}) if case.name in taken else case
        for case in cases
    ]
