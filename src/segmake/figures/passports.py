"""What convert found out about each case, as the pages show and compare it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segmake.figures.outliers import Measure, rounded
from segmake.figures.records import NOTHING, to_number
from segmake.tables import Row

ML = "ml_"
"""How the columns of label volumes begin."""
TIMES = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}"
COMPARED = ("0.5", "50", "99.5")
"""Percentiles that are compared between cases: dark, middle and bright, without stray voxels."""


@dataclass(frozen=True)
class Passport:
    """A converted case: where it belongs, its grid, its intensities and labels, what was done to it."""

    case: str
    group: str = ""
    site: str = ""
    split: str = ""
    shape: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    orientation: str = ""
    """Of the source, such as LPS."""
    oblique_degrees: float = math.nan
    """Largest angle between an axis of the source and the nearest axis of the body."""
    intensities: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Channel -> values at the percentiles `COMPARED`."""
    labels_ml: Mapping[str, float] = field(default_factory=dict)
    repairs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def size(self) -> str:
        """The shape as people write it."""
        return TIMES.join(map(str, self.shape)) or NOTHING

    @property
    def spacing(self) -> str:
        """The voxel size as people write it, in mm."""
        return TIMES.join(rounded(size) for size in self.spacing_mm) or NOTHING


def read_passport(row: Row, details: Mapping[str, Any]) -> Passport:
    """A row of convert's table and the details of the case's record; what a record lacks stays empty."""
    measured = details.get("passport", {})
    return Passport(
        case=row["case"],
        group=row.get("group", ""),
        site=row.get("site", ""),
        split=row.get("split", ""),
        shape=tuple(int(part) for part in _parts(row.get("shape", ""))),
        spacing_mm=tuple(_parts(row.get("spacing_mm", ""))),
        orientation=row.get("orientation", ""),
        oblique_degrees=float(measured.get("obliquity_deg", math.nan)),
        intensities={
            name: tuple(float(channel["percentiles"][key]) for key in COMPARED)
            for name, channel in measured.get("channels", {}).items()
        },
        labels_ml={name.removeprefix(ML): to_number(row[name]) for name in row if name.startswith(ML)},
        repairs=_sentences(row.get("repairs", "")),
        warnings=_sentences(row.get("warnings", "")),
    )


def measures(passports: Sequence[Passport]) -> dict[str, dict[Measure, float]]:
    """Case -> what is compared between cases: grid, intensities of each channel, volumes of labels."""
    contrasts = _contrasts(passports)
    found: dict[str, dict[Measure, float]] = {}
    for passport in passports:
        mine = found.setdefault(passport.case, {})
        for axis, size, spacing in zip("xyz", passport.shape, passport.spacing_mm, strict=False):
            mine[Measure(f"spacing along {axis}", "mm")] = spacing
            mine[Measure(f"field of view along {axis}", "mm")] = size * spacing
        for channel, values in passport.intensities.items():
            for name, value in zip(("dark end", "median", "bright end"), values, strict=True):
                mine[Measure(f"{name} of {channel}", reference=contrasts[channel])] = value
        for label, volume in passport.labels_ml.items():
            mine[Measure(f"volume of {label}", "ml")] = volume
    return found


def _contrasts(passports: Sequence[Passport]) -> dict[str, float]:
    """Channel -> the usual span of its intensities, which says what a small difference is."""
    spans: dict[str, list[float]] = {}
    for passport in passports:
        for channel, values in passport.intensities.items():
            spans.setdefault(channel, []).append(values[-1] - values[0])
    return {channel: float(np.median(each)) or 1.0 for channel, each in spans.items()}


def _parts(text: str) -> list[float]:
    return [to_number(part) for part in text.split("x")] if text else []


def _sentences(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split("; ") if part)
