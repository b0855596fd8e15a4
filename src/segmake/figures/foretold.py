"""The Dice that the models let expect (`predict.uncertainty`) against the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from segmake.figures.page import Block, Note, Table
from segmake.figures.records import NOTHING, Score, number
from segmake.figures.tallies import splits
from segmake.tables import Row

COLUMN = "predicted_dice_"
FEWEST = 3
"""Cases below which a correlation says nothing."""

Foretold = Mapping[tuple[str, str, str], float]
"""(model, case, label) -> predicted Dice."""


def read_foretold(rows: Mapping[str, Sequence[Row]]) -> dict[tuple[str, str, str], float]:
    """Predicted Dice from the rows that predict wrote for each model."""
    return {
        (model, row["case"], name.removeprefix(COLUMN)): float(value)
        for model, several in rows.items()
        for row in several
        for name, value in row.items()
        if name.startswith(COLUMN) and value
    }


def foretold(expected: Foretold, scores: Sequence[Score]) -> list[Block]:
    """A table of how far the estimate can be trusted, per split, model and label; [] without estimates."""
    real = [s for s in scores if s.metric == "dice" and (s.model, s.case, s.label) in expected]
    if not real:
        return []
    columns = ["Label", "Model", "Split", "Cases", "Predicted", "Real", "Correlation", "Mean absolute error"]
    rows = []
    for split in splits(real):
        for model, label in dict.fromkeys((s.model, s.label) for s in real if s.split == split):
            chosen = [s for s in real if (s.split, s.model, s.label) == (split, model, label)]
            truth = np.array([s.value for s in chosen])
            guess = np.array([expected[model, s.case, label] for s in chosen])
            cells = [str(len(chosen)), number(float(guess.mean())), number(float(truth.mean()))]
            error = number(float(np.abs(guess - truth).mean()))
            rows.append([label, model, split, *cells, _correlation(guess, truth), error])
    caption = "Dice that the models let expect without a truth, against the real one"
    text = (
        "The estimate trusts the models' probabilities. Where it does not follow the real Dice on these "
        "cases, do not use it on new ones."
    )
    return [Table(caption, columns, rows, frozenset(columns[3:])), Note(text)]


def _correlation(guess: np.ndarray, truth: np.ndarray) -> str:
    """Pearson's, where it is defined."""
    if len(guess) < FEWEST or guess.std() == 0 or truth.std() == 0:
        return NOTHING
    return number(float(np.corrcoef(guess, truth)[0, 1]))
