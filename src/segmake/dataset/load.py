"""The configured data -> cases, channels and labels, from whichever source the settings name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from segmake.dataset import phantom
from segmake.dataset.layouts import Dataset, index_layout
from segmake.dataset.privacy import pseudonymise
from segmake.dataset.sheet import Case, cases_from_rows, read_sheet
from segmake.dataset.veil import held_back
from segmake.errors import ConfigError, InputError
from segmake.settings import DataSettings, PhantomSettings

log = logging.getLogger("segmake")

PHANTOM_FOLDER = Path("phantom")
ENDINGS = ("_label", "_foreground", "_thumbnail", "_dicom")


def load_dataset(
    data: DataSettings, phantoms: PhantomSettings, key_file: Path | None = None, told: bool = True
) -> Dataset:
    """Cases with their channels, labels and regions; what the settings say wins over the layout.

    With a key file (`convert.pseudonymise`) cases and groups are known by their pseudonyms from here on.
    told: whether to warn of what the source lacks; one of many jobs on it is enough.

    Raises:
        ConfigError: the settings name no source of cases, or do not say enough about it.
        InputError: the source breaks a rule.
    """
    with nullcontext() if told else held_back(log):
        found = _hidden(data, phantoms, key_file) if key_file else _source(data, phantoms)
    _check_names({case.name for case in found.cases})
    channels = data.channels or found.channels
    labels = {name: value for name, value in (data.labels or found.labels).items() if value != data.ignore}
    if not channels:
        raise ConfigError("data.channels is empty; name each channel and its modality, such as {t1: mr}")
    if not labels and any(case.label for case in found.cases):
        raise ConfigError("data.labels is empty; name each label and its value, such as {tumour: 1}")
    regions = data.regions or found.regions
    unknown = {value for values in regions.values() for value in values} - set(labels.values())
    if labels and unknown:
        raise ConfigError(
            f"data.regions list {sorted(unknown)}, which data.labels {dict(labels)} do not; add them"
        )
    _check_meaning(channels, labels, regions)
    _check_map(data, labels)
    named = bool(found.channels)
    cases = [_with_channels(case, list(channels), named) for case in found.cases]
    return Dataset(cases, dict(channels), dict(labels), dict(regions))


def _source(data: DataSettings, phantoms: PhantomSettings) -> Dataset:
    if data.cases is not None:
        return Dataset(read_sheet(data.cases, data.channels))
    if data.layout == "phantom":
        rows = phantom.sheet_rows(phantoms, PHANTOM_FOLDER)
        channels = phantom.CHANNELS[phantoms.kind]
        cases = cases_from_rows(rows, channels, Path(), "the phantom sheet")
        return Dataset(cases, dict(channels), dict(phantom.LABELS[phantoms.kind]))
    if data.layout is None or data.root is None:
        raise ConfigError("data names no cases; give data.cases (a sheet), or data.layout and data.root")
    return index_layout(data.layout, data.root, data.channels)


def _hidden(data: DataSettings, phantoms: PhantomSettings, key_file: Path) -> Dataset:
    """The source with pseudonyms, and with nothing said that could hold a name."""
    if data.layout == "phantom":
        raise ConfigError("phantoms are nobody: remove convert.pseudonymise, or give data of patients")
    with held_back(log) as messages:
        found = _source(data, phantoms)
    if messages:
        log.warning(
            "%d messages on the data are held back for privacy; `segmake index` shows them", len(messages)
        )
    return replace(found, cases=pseudonymise(found.cases, key_file))


def _check_names(names: set[str]) -> None:
    """Cases write <case>.nii.gz, <case>_label.nii.gz and so on into one folder: no two may share a file."""
    for name in sorted(names):
        for ending in ENDINGS:
            if name + ending in names:
                raise InputError(
                    f"cases '{name}' and '{name}{ending}' would share a file; rename one of them"
                )
        if name.startswith("shard-"):
            raise InputError(f"case '{name}' is called like a table of segmake; rename it")


def _check_meaning(
    channels: Mapping[str, str], labels: Mapping[str, int], regions: Mapping[str, list[int]]
) -> None:
    """Names are columns of tables; scores are told apart by the name of their label or region."""
    for name in (*channels, *labels, *regions):
        if not name.strip() or not name.isprintable():
            raise ConfigError(
                f"the name of a channel, label or region is text on one line, got {name!r}; rename it"
            )
    if len(set(labels.values())) < len(labels):
        raise ConfigError(f"each label needs a value of its own, got {dict(labels)}; merge equal ones")
    if both := sorted(set(labels) & set(regions)):
        raise ConfigError(f"'{both[0]}' names a label and a region; give the region another name")
    if "mean" in {*labels, *regions}:
        raise ConfigError("'mean' is what the mean over labels is called; give that label another name")


def _check_map(data: DataSettings, labels: Mapping[str, int]) -> None:
    unknown = sorted(set(data.label_map.values()) - {0, data.ignore, *labels.values()})
    if labels and unknown:
        raise ConfigError(
            f"data.label_map leads to {', '.join(map(str, unknown))}, which data.labels {dict(labels)} does "
            "not list; add it there or map to another value"
        )


def _with_channels(case: Case, channels: list[str], named: bool) -> Case:
    """Put a case's channels in the configured order; a single one may be renamed.

    Where the layout names no channels, its one file per case holds all of them. A case with a problem keeps
    what it has: nobody reads it.
    """
    if case.problem or list(case.channels) == channels:
        return case
    if not named and len(case.channels) == 1:
        return replace(case, channels=dict.fromkeys(channels, next(iter(case.channels.values()))))
    shares_a_file = len(set(case.channels.values())) < len(case.channels)
    if shares_a_file and channels != list(case.channels):
        raise ConfigError(
            f"one file holds several channels of case {case.name}; data.channels must name all of them in "
            f"the file's order: {', '.join(case.channels)}"
        )
    if set(channels) <= set(case.channels):
        return replace(case, channels={name: case.channels[name] for name in channels})
    if len(channels) == len(case.channels) == 1:
        return replace(case, channels={channels[0]: next(iter(case.channels.values()))})
    missing = sorted(set(channels) - set(case.channels))
    raise ConfigError(
        f"case {case.name} has channels {', '.join(case.channels)}, not {', '.join(missing)}; "
        "correct data.channels"
    )
