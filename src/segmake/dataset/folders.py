"""Two folders of label maps whose files have the same names: which belongs to which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segmake.errors import InputError
from segmake.volume.read import ITK, NIFTI

ENDINGS = (*NIFTI, *ITK)


@dataclass(frozen=True)
class Pairing:
    """Files by name without ending, in order of name."""

    pairs: Mapping[str, tuple[Path, Path]]
    """(prediction, truth)"""
    no_prediction: tuple[str, ...]
    """Names that only the truth has."""
    no_truth: tuple[str, ...]
    """Names that only the predictions have."""


def pair_folders(prediction: Path, truth: Path) -> Pairing:
    """Pair the label maps of two folders; the format may differ, other files are ignored.

    Raises:
        InputError: a folder is missing, a name occurs in two formats, or no name occurs in both folders.
    """
    found, true = _images(prediction), _images(truth)
    both = sorted(found.keys() & true.keys())
    if not both:
        raise InputError(
            f"no label map of {prediction} ({_example(found)}) has the name of one of {truth} "
            f"({_example(true)}); a prediction and its truth need one name, up to {', '.join(ENDINGS)}"
        )
    return Pairing(
        {name: (found[name], true[name]) for name in both},
        tuple(sorted(true.keys() - found.keys())),
        tuple(sorted(found.keys() - true.keys())),
    )


def _images(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give a folder of label maps")
    images: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        ending = next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), "")
        name = path.name.removesuffix(path.name[-len(ending) :]) if ending else ""
        if not name or name.startswith("."):
            continue
        if name in images:
            raise InputError(
                f"{images[name]} and {path.name} are one case in two formats; remove one of them"
            )
        images[name] = path
    return images


def _example(images: Mapping[str, Path]) -> str:
    return f"such as {next(iter(images.values())).name}" if images else "which has none"
