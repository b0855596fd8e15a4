"""What a layout finds: cases, and what their channels and labels mean; words for what stands in folders."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from segmake.dataset.sheet import Case
from segmake.settings import Modality

VOLUMES = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".nhdr")
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
DICOM = (".dcm",)
KNOWN: dict[str, Modality] = {
    "ct": "ct",
    "pet": "pet",
    "pt": "pet",
    "xray": "xray",
    "cr": "xray",
    "dx": "xray",
}


@dataclass(frozen=True)
class Dataset:
    """Cases and, where the layout tells, what their channels and labels mean."""

    cases: list[Case]
    channels: dict[str, Modality] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    regions: dict[str, list[int]] = field(default_factory=dict)


def make_case(name: str, channels: dict[str, Path], label: Path | None, split: str = "train") -> Case:
    """A case of its own group; the name is made one that a sheet can hold."""
    name = case_name(name)
    return Case(name=name, channels=channels, label=label, group=name, split=split)


def case_name(text: str) -> str:
    """Put _ for every character that a case name cannot have."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text).lstrip("._+-")


def modality(name: str, other: Modality = "mr") -> Modality:
    """Modality of a channel from its name: CT, PET and X-rays by name, all else is `other`."""
    return KNOWN.get(name.strip().lower(), other)


def ending(path: Path, known: tuple[str, ...] = VOLUMES) -> str:
    """The known ending of a file name as it is written; empty for hidden files (macOS leaves ._copies)."""
    lower = path.name.lower()
    if lower.startswith("."):
        return ""
    return next((path.name[-len(end) :] for end in known if lower.endswith(end)), "")


def stem(path: Path, known: tuple[str, ...] = VOLUMES) -> str:
    """File name without its known ending."""
    return path.name.removesuffix(ending(path, known) or path.suffix)


def word(name: str) -> str:
    """A name as channels and labels have it, such as "non_enhancing_tumor"."""
    return re.sub(r"\W+", "_", name.strip().lower())


def some(names: list[str], limit: int = 3) -> str:
    """The first few names for a sentence, such as "a, b, c and 7 more"."""
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")
