"""A number and how sure one can be of it: patients drawn with replacement, all their rows together.

Intervals are bias-corrected and accelerated, with the jackknife over patients. Where none can be relied on
there is none, and the status says why:

    ok              a value with its interval
    few_patients    fewer than ten patients
    no_spread       every draw gives the same value, such as an accuracy of 1
    rare_class      a class is so rare that most draws lack it
    no_positives    no row of the class: the metric has no value
    no_negatives    no row of another class
    undefined       0/0, such as the precision where nothing was called positive
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isnan, nan

import numpy as np
import numpy.typing as npt

from segmake.metrics.classification.sweep import ones
from segmake.metrics.statistics import DRAWS_AT_ONCE, FEWEST, Bootstrap, Floats, bca_bounds

Statistic = Callable[[Floats], Floats]
"""Weights [draws, rows] -> value of each draw [draws], NaN where it has none."""
Counts = npt.NDArray[np.int64]
JACKKNIFE_UP_TO = 2000
"""Patients above which the acceleration, which shrinks with their number, is taken as 0."""


class Status(StrEnum):
    """What a number is worth; in tables by these words."""

    OK = "ok"
    FEW_PATIENTS = "few_patients"
    NO_SPREAD = "no_spread"
    RARE_CLASS = "rare_class"
    NO_POSITIVES = "no_positives"
    NO_NEGATIVES = "no_negatives"
    UNDEFINED = "undefined"


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; NaN where there is none."""

    value: float
    low: float = nan
    high: float = nan
    status: Status = Status.OK


def estimates(
    statistics: Mapping[str, Statistic], patients: Sequence[str], bootstrap: Bootstrap, *purpose: str
) -> dict[str, Estimate]:
    """Value and interval of each statistic of the same rows.

    Args:
        statistics: by name.
        patients: the patient of each row.
        bootstrap: how intervals are made.
        purpose: names the random source; equal purposes draw the same patients.
    """
    names, owner = np.unique(np.array(patients), return_inverse=True)
    values = {name: float(each(ones(len(owner)))[0]) for name, each in statistics.items()}
    if len(names) < FEWEST:
        return {name: Estimate(value, status=_worth(value)) for name, value in values.items()}
    rng = bootstrap.rng("score", *purpose)
    drawn = _evaluated(statistics, owner, _drawn(len(owner), len(names), rng, bootstrap.resamples))
    without = _evaluated(statistics, owner, _left_out(len(owner), len(names)))
    return {
        name: _estimate(values[name], drawn[name], without[name], bootstrap.confidence) for name in statistics
    }


def _evaluated(
    statistics: Mapping[str, Statistic], owner: npt.NDArray[np.intp], batches: Iterable[Counts]
) -> dict[str, Floats]:
    """Every statistic under weights of patients that come in batches [draws, patients]."""
    found: dict[str, list[Floats]] = {name: [] for name in statistics}
    for batch in batches:
        weights = batch[:, owner].astype(np.float64)
        for name, statistic in statistics.items():
            found[name].append(statistic(weights))
    return {name: np.concatenate([np.empty(0), *parts]) for name, parts in found.items()}


def _worth(value: float) -> Status:
    return Status.UNDEFINED if isnan(value) else Status.FEW_PATIENTS


def _estimate(value: float, drawn: Floats, without: Floats, confidence: float) -> Estimate:
    """An interval from the values of the draws and of the data without one patient each."""
    if isnan(value):
        return Estimate(value, status=Status.UNDEFINED)
    kept, without = drawn[~np.isnan(drawn)], without[~np.isnan(without)]
    if 2 * len(kept) < len(drawn):
        return Estimate(value, status=Status.RARE_CLASS)
    if np.ptp(kept) == 0:
        return Estimate(value, status=Status.NO_SPREAD)
    apart = without.mean() - without if without.size else np.zeros(1)
    return Estimate(value, *bca_bounds(kept, value, apart, confidence))


def _drawn(rows: int, patients: int, rng: np.random.Generator, resamples: int) -> Iterator[Counts]:
    """How often each patient is drawn [draws, patients], a part of the resamples at a time."""
    batch = max(1, DRAWS_AT_ONCE // rows)
    for start in range(0, resamples, batch):
        count = min(batch, resamples - start)
        places = rng.integers(patients, size=(count, patients)) + patients * np.arange(count)[:, None]
        yield np.bincount(places.ravel(), minlength=count * patients).reshape(count, -1)


def _left_out(rows: int, patients: int) -> Iterator[Counts]:
    """Weights [parts, patients] that leave out one patient each, in batches."""
    batch = max(1, DRAWS_AT_ONCE // rows)
    for start in range(0, patients if patients <= JACKKNIFE_UP_TO else 0, batch):
        stop = min(start + batch, patients)
        weights = np.ones((stop - start, patients), dtype=np.int64)
        weights[np.arange(stop - start), np.arange(start, stop)] = 0
        yield weights
