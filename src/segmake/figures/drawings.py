"""What figures are drawn from, and what a figure is before it is drawn: its words, its tables, how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.figure import Figure

from segmake.figures.catalogue import Entry
from segmake.figures.detection import Detector
from segmake.figures.foretold import Foretold
from segmake.figures.records import Score, Summary
from segmake.tables import Row

T = TypeVar("T")
Sourced = Mapping[Path, Sequence[T]]
"""Path of a table, as the results folder has it -> what was read from it."""


@dataclass(frozen=True)
class Example:
    """A case that was cut out for a figure."""

    model: str
    case: str
    split: str
    fold: str
    rank: str
    """worst, median or best."""
    place: int
    mean_dice: float
    channel: str
    path: Path


@dataclass(frozen=True)
class Tables:
    """What figures are drawn from."""

    scores: Sourced[Score] = field(default_factory=dict)
    summaries: Sourced[Summary] = field(default_factory=dict)
    subgroups: Sourced[Row] = field(default_factory=dict)
    comparison: Sourced[Row] = field(default_factory=dict)
    histories: Sourced[Mapping[str, float]] = field(default_factory=dict)
    foretold: Mapping[Path, Foretold] = field(default_factory=dict)
    examples: Sourced[Example] = field(default_factory=dict)
    detectors: Mapping[Path, Detector] = field(default_factory=dict)
    curves: Sourced[Row] = field(default_factory=dict)
    confusion: Sourced[Row] = field(default_factory=dict)
    manifests: Sequence[Mapping[str, Any]] = ()
    """Of the tables above."""
    confidence: str = "95%"
    root: Path = Path()
    """Folder that all paths count from."""


@dataclass(frozen=True)
class Style:
    """How wide figures are, and how distributions are drawn."""

    width: float
    violin: bool = False


@dataclass(frozen=True)
class Drawing:
    """A figure that is to be drawn."""

    entry: Entry
    inputs: Sequence[Path]
    draw: Callable[[], Figure]


def with_split(tables: Sourced[Any], split: str) -> list[Path]:
    """Tables that have rows of a split."""
    return [path for path, rows in tables.items() if any(row.split == split for row in rows)]


def of_model(tables: Sourced[Any], model: str) -> list[Any]:
    """Rows of a model."""
    return [row for rows in tables.values() for row in rows if row.model == model]
