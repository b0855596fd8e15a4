"""The settings of examples and figures, and what their jobs are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from segmake.section import Section

Column = Literal["single", "double"]
Format = Literal["svg", "pdf", "png"]


class ExamplesSettings(Section):
    """Scores -> a few cases of each model by mean Dice, cut to the three slices that figures show of them."""

    worst: NonNegativeInt = 3
    """How many of the worst cases."""
    median: NonNegativeInt = 3
    """How many cases round the median."""
    best: NonNegativeInt = 3
    """How many of the best cases."""


class FiguresSettings(Section):
    """Tables -> figures, one file per figure and format."""

    column: Column = "double"
    """Width: a journal's single (88 mm) or double (180 mm) column; text has the same size in both."""
    formats: list[Format] = Field(["svg", "pdf", "png"], min_length=1)
    """The page shows the SVG, of images the PNG."""
    dpi: PositiveInt = 300
    """Resolution of the PNG."""
    distribution: Literal["box", "violin"] = "box"
    """How the scores of many cases are drawn, behind their points."""


class ExamplesJob(ExamplesSettings):
    """Cut out what figures show of a model's worst, median and best cases."""

    plan: Path
    """The plan."""
    cases: list[Path]
    """Tables written by convert."""
    predictions: list[Path]
    """Tables written by predict or postprocess, of one model."""
    metrics: Path
    """The model's metrics.tsv."""
    output: Path
    """Table to write, one row per case; the slices go beside it."""


class FiguresJob(FiguresSettings):
    """Draw all figures from the tables alone: no image, no model, no GPU."""

    folder: Path | None = None
    """Results folder whose tables are all drawn, instead of those named below."""
    metrics: list[Path] = []
    """evaluate/<model>/metrics.tsv of each model."""
    summary: list[Path] = []
    """evaluate/<model>/summary.tsv of each model."""
    subgroups: list[Path] = []
    """evaluate/<model>/subgroups.tsv of each model."""
    comparison: list[Path] = []
    """evaluate/comparison.tsv, where there are several models."""
    history: list[Path] = []
    """train/<model>/fold-<k>/history.csv of each training."""
    predictions: list[Path] = []
    """Tables written by predict, for the Dice that it let expect."""
    examples: list[Path] = []
    """examples/<model>/examples.tsv of each model."""
    curves: list[Path] = []
    """score/<classifier>/curves.tsv of each classifier."""
    confusion: list[Path] = []
    """score/<classifier>/confusion.tsv of each classifier."""
    froc: list[Path] = []
    """Tables written by `segmake froc`; the curve of scores.tsv is drawn from scores_curve.tsv beside it."""
    output: Path
    """Table of all figures to write; the figures go beside it."""

    @model_validator(mode="before")
    @classmethod
    def _beside_the_tables(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("folder") and not given.get("output"):
            return given | {"output": Path(given["folder"]) / "figures" / "figures.tsv"}
        return given
