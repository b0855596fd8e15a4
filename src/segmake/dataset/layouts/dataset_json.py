"""dataset.json, as the Medical Segmentation Decathlon defined it and nnU-Net carried it on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segmake.dataset.layouts.found import modality, word
from segmake.errors import InputError
from segmake.settings import Modality


@contextmanager
def as_defined(root: Path, layout: str) -> Iterator[None]:
    """Explain what breaks while the content is taken apart."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__} {error}"
        raise InputError(
            f"dataset.json in {root} is not as {layout} defines it ({reason}); repair it"
        ) from error


def read_description(root: Path) -> dict[str, Any]:
    """Content of dataset.json.

    Raises:
        InputError: there is none, or it is no JSON.
    """
    try:
        content: dict[str, Any] = json.loads((root / "dataset.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"{root} needs a readable dataset.json in this layout: {error}") from error
    return content


def channels_of(entries: dict[str, str]) -> dict[str, Modality]:
    """Channel name -> modality, in the order of their numbers; a name that stands twice gets its number."""
    found: dict[str, Modality] = {}
    for number, name in by_number(entries):
        spelled = word(name)
        found[f"{spelled}_{number}" if spelled in found else spelled] = modality(name)
    return found


def by_number(entries: dict[str, str]) -> list[tuple[str, str]]:
    """Entries in the order of the numbers that are their keys."""
    return sorted(entries.items(), key=lambda entry: int(entry[0]))


def labels_by_number(entries: dict[str, str]) -> dict[str, int]:
    """Labels as the decathlon writes them ({"1": "liver"}), without the background."""
    return {word(name): int(value) for value, name in by_number(entries) if int(value)}


def labels_by_name(entries: dict[str, Any]) -> tuple[dict[str, int], dict[str, list[int]]]:
    """Labels and regions as nnU-Net writes them: {"liver": 1} is a label, {"whole": [1, 2]} a region."""
    plain = {word(name): int(value) for name, value in entries.items() if not isinstance(value, list)}
    labels = {name: value for name, value in plain.items() if value}
    lists = {word(name): value for name, value in entries.items() if isinstance(value, list)}
    regions = {name: [int(number) for number in value] for name, value in lists.items()}
    for value in sorted({value for values in regions.values() for value in values} - set(labels.values())):
        labels[f"label_{value}"] = value
    return labels, regions
