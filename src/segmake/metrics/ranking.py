"""Which model comes first, and how often it would with other patients.

Rank then aggregate, with the stability of the ranks over bootstrap samples: Wiesenfarth et al., "Methods and
open-source toolkit for analyzing and visualizing challenge results", Sci Rep 11 (2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from segmake.metrics.statistics import DRAWS_AT_ONCE, Floats

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ranking:
    """Ranks of models, 1 is the best."""

    mean_ranks: Floats
    """[models] Mean over patients of a model's rank on that patient; equal models share their ranks' mean."""
    places: Places
    """[models] Place by mean rank; equal models share the better place."""
    shares: Floats
    """[models, models] Share of bootstrap samples in which a model (row) is at a place (column, from 1)."""

    @property
    def kept(self) -> Floats:
        """[models] Share of bootstrap samples in which a model keeps its place."""
        kept: Floats = self.shares[np.arange(len(self.places)), self.places - 1]
        return kept


def rank_models(values: Floats, higher_is_better: bool, rng: np.random.Generator, resamples: int) -> Ranking:
    """Rank models by their mean rank over patients.

    Args:
        values: [models, patients], at least one of each.
        higher_is_better: which way is good.
        rng: source of the resamples.
        resamples: number of bootstrap samples of patients.
    """
    models, patients = values.shape
    ranks = rankdata(-values if higher_is_better else values, axis=0)
    counts = np.zeros((models, models))
    batch = max(1, DRAWS_AT_ONCE // (models * patients))
    for start in range(0, resamples, batch):
        drawn = rng.integers(patients, size=(min(batch, resamples - start), patients))
        places = _places(ranks[:, drawn].sum(axis=2))
        for model in range(models):
            counts[model] += np.bincount(places[model] - 1, minlength=models)
    return Ranking(ranks.mean(axis=1), _places(ranks.sum(axis=1)), counts / resamples)


def _places(rank_sums: Floats) -> Places:
    """Places along the first axis, the smallest sum first (sums of halves are exact, so ties are found)."""
    places: Places = rankdata(rank_sums, method="min", axis=0).astype(np.int64)
    return places
