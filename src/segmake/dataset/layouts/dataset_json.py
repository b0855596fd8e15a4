"""dataset.json, as the Medical Segmentation Decathlon defined it and nnU-Net carried it on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from segmake.dataset.layouts.found import modality, word
from segmake.errors import InputError
from segmake.settings import Modality
from segmake.source import why_unreadable


class Image(BaseModel):
    """An entry of `test`."""

    image: str


class Pair(Image):
    """An entry of `training`."""

    label: str


class Listed(BaseModel):
    """An entry of nnU-Net's explicit list: a file per channel."""

    images: list[str]
    label: str


class Description(BaseModel):
    """What is read of dataset.json; the decathlon's keys, then nnU-Net's."""

    modality: dict[int, str] = {}
    labels: dict[str, int | list[int] | str] = {}
    training: list[Pair] = []
    test: list[Image | str] = []
    channel_names: dict[int, str] = {}
    file_ending: str = ".nii.gz"
    dataset: dict[str, Listed] = {}


def read_description(root: Path) -> Description:
    """Content of dataset.json.

    Raises:
        InputError: there is none, or it is not as it is defined.
    """
    path = root / "dataset.json"
    try:
        return Description.model_validate_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"this layout has a dataset.json, but {why_unreadable(path, error)}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text (byte {error.start}); save it as text in UTF-8") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "[key]")
        said = first["msg"].partition(", unable")[0]
        reason = said.replace("Input", where or "it").replace("Field required", f"{where} is missing")
        raise InputError(f"{path} is not as this layout defines it: {reason}; repair it") from error


def channels_of(entries: Mapping[int, str]) -> dict[str, Modality]:
    """Channel name -> modality, in the order of their numbers; a name that stands twice gets its number."""
    found: dict[str, Modality] = {}
    for number, name in sorted(entries.items()):
        spelled = word(name)
        found[f"{spelled}_{number}" if spelled in found else spelled] = modality(name)
    return found


def labels_of(path: Path, description: Description) -> tuple[dict[str, int], dict[str, list[int]]]:
    """Labels without the background, and regions.

    The decathlon (and nnU-Net's first version) writes {"1": "liver"}; nnU-Net writes {"liver": 1} for a label
    and {"whole": [1, 2]} for a region. Values that only regions name get labels of their own.

    Raises:
        InputError: a value is no whole number; `path` names the file.
    """
    entries = description.labels
    if entries and all(name.isdigit() for name in entries):
        plain = {
            word(str(name)): int(value) for value, name in sorted(entries.items(), key=lambda e: int(e[0]))
        }
        return {name: value for name, value in plain.items() if value}, {}
    labels: dict[str, int] = {}
    regions: dict[str, list[int]] = {}
    for name, value in entries.items():
        if isinstance(value, list):
            regions[word(name)] = value
        elif isinstance(value, str) and not value.isdigit():
            raise InputError(
                f"{path}: labels.{name} is '{value}', and a label's value is a number; repair it"
            )
        elif int(value):
            labels[word(name)] = int(value)
    for value in sorted({value for values in regions.values() for value in values} - set(labels.values())):
        labels[f"label_{value}"] = value
    return labels, regions
