"""The settings of `postprocess`, the recipe that is made by them, what `tune` and `postprocess` are given."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from segmake.errors import InputError
from segmake.section import Section

Kind = Literal["largest", "smallest", "holes"]


class PostprocessSettings(Section):
    """Label maps cleaned in the ways that cross-validation shows to help; nothing is done by default."""

    candidates: list[Kind] = []
    """What is tried for each label: keep its largest part, drop parts below a volume, fill its holes."""
    volumes_ml: list[PositiveFloat] = Field([0.01, 0.03, 0.1, 0.3, 1.0, 3.0], min_length=1)
    """Volumes that are tried for `smallest`."""
    confidence: PositiveFloat = Field(0.95, lt=1)
    """A way is taken when the interval of its mean gain in Dice lies above zero (for all that are tried)."""
    resamples: PositiveInt = 2000
    """Bootstrap resamples of patients for that interval."""


class Step(Section):
    """One way to clean one label."""

    label: str
    kind: Kind
    ml: NonNegativeFloat = 0.0
    """Volume of `smallest`."""


class Evidence(Step):
    """What a step did to the Dice of out-of-fold label maps; low: lower end of the interval of the gain."""

    patients: int
    gain: float
    low: float | None
    taken: bool


class Recipe(Section):
    """What is done to label maps.

    steps: chosen on all training cases, for others; folds: for the training cases of each fold, chosen on
    those of the other folds, so that their scores stay honest.
    """

    steps: list[Step] = []
    folds: dict[str, list[Step]] = {}
    evidence: list[Evidence] = []

    def of(self, fold: str) -> list[Step]:
        """Steps for a case; fold: that of a training case, else empty."""
        return self.folds.get(fold, []) if fold else self.steps


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file that tune wrote.

    Raises:
        InputError: it is none.
    """
    try:
        return Recipe.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise InputError(f"{path} is no recipe of segmake tune: {first}; run tune again") from error


class TuneJob(PostprocessSettings):
    """Choose the post-processing that helps on out-of-fold label maps."""

    tables: list[Path]
    """Tables written by convert."""
    predictions: list[Path]
    """Tables written by predict."""
    plan: Path
    """Plan that knows the labels."""
    output: Path
    """Recipe to write (JSON)."""
    threads: PositiveInt = 1
    """Processor cores this job may use."""
    seed: NonNegativeInt = 0
    """Seed of the bootstrap."""


class PostprocessJob(Section):
    """Clean the label maps of a table by a recipe."""

    predictions: Path
    """Table written by predict."""
    recipe: Path
    """Recipe written by tune."""
    plan: Path
    """Plan that knows the labels."""
    output: Path
    """Table to write, one row per case; the label maps go beside it."""
    threads: PositiveInt = 1
    """Processor cores this job may use."""
    on_error: Literal["stop", "exclude"] = "stop"
    """What a failed case means: stop (after the other cases are done) or exclude it."""
