"""Models against each other on the cases they share: differences, tests, ranks, one verdict per pair.

Rows are dictionaries of strings, as tables hold them. A difference is of the means over patients, model minus
other, on the cases that both were scored on; of signed volume errors the magnitude is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import isnan, nan

import numpy as np

from segmake.metrics.noise import SeedNoise, seed_noise
from segmake.metrics.ranking import rank_models
from segmake.metrics.significance import cohen_dz, holm, rank_biserial, sign_flip_p, wilcoxon_p
from segmake.metrics.statistics import FEWEST, Bootstrap, Floats, bca_interval, patient_means
from segmake.metrics.summary import MEAN, rounded
from segmake.tables import Row

Key = tuple[str, str, str]
"""Split, label, metric."""

NOT_COMPARED = ("truth_ml", "prediction_ml", "scored_lesions")
"""Metrics that say how large something is, not how good."""
SIGNED = ("volume_error_ml", "relative_volume_error")
"""Metrics of which zero is best."""
COMPARISON = (
    *("split", "label", "metric", "unit", "model", "other", "cases", "patients", "unpaired"),
    *("mean_model", "mean_other", "difference", "ci_low", "ci_high"),
    *("p_permutation", "p_wilcoxon", "p_holm", "cohen_dz", "rank_biserial"),
    *("seed_noise", "seed_noise_patient", "verdict"),
)
"""Columns of a comparison."""
RANKING = ("split", "label", "metric", "unit", "model", "patients", "mean", "mean_rank", "place", "kept")
"""Columns of a ranking, before the share of resamples at each place."""


@dataclass
class Measured:
    """The values of one split, label and metric."""

    unit: str
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    """Model -> case -> value."""

    def shared(self, models: Iterable[str]) -> list[str]:
        """Cases that all of these models were scored on."""
        return sorted(set.intersection(*(set(self.values.get(model, ())) for model in models)))

    def by_patient(self, models: Sequence[str], patients: Mapping[str, str]) -> Floats:
        """Values [models, patients] on the cases they share."""
        cases = self.shared(models)
        groups = [patients.get(case, case) for case in cases]
        return np.array(
            [patient_means([self.values[model][case] for case in cases], groups) for model in models]
        )


def gather(scores: Mapping[str, Iterable[Row]], cases: Mapping[str, Iterable[Row]]) -> dict[Key, Measured]:
    """Sort the scores of models by split, label and metric.

    Args:
        scores: model -> long rows with case, label, metric, value, unit and perhaps split.
        cases: model -> rows per case with split and dice_mean, which become label `mean`.
    """
    found: dict[Key, Measured] = {}
    for model, rows in scores.items():
        for row in rows:
            if row["value"] and row["metric"] not in NOT_COMPARED:
                value = float(row["value"])
                key = (row.get("split", ""), row["label"], row["metric"])
                measured = found.setdefault(key, Measured(row["unit"]))
                worth = abs(value) if row["metric"] in SIGNED else value
                measured.values.setdefault(model, {})[row["case"]] = worth
    for model, rows in cases.items():
        for row in rows:
            measured = found.setdefault((row["split"], MEAN, "dice"), Measured("ratio"))
            measured.values.setdefault(model, {})[row["case"]] = float(row["dice_mean"])
    return found


def higher_is_better(metric: str, unit: str) -> bool:
    """Ratios are shares of what is right; distances, counts and volumes are errors."""
    return unit == "ratio" and metric not in SIGNED


def comparison_rows(
    found: Mapping[Key, Measured],
    patients: Mapping[str, str],
    runs: Mapping[str, Sequence[str]],
    bootstrap: Bootstrap,
) -> list[dict[str, object]]:
    """Compare every pair of models; p-values are adjusted over the pairs and labels of a split and metric.

    Args:
        found: as `gather` makes it.
        patients: patient of each case; a case that is not there is its own patient.
        runs: model -> all its runs under several seeds, itself first; what is no key here is not compared.
        bootstrap: how intervals and p-values are made.
    """
    rows: list[dict[str, object]] = []
    for key in sorted(found, key=lambda key: key[0]):
        measured = found[key]
        repeated = [measured.by_patient(names, patients) for names in runs.values()]
        noise = seed_noise(repeated)
        scored = [model for model in runs if model in measured.values]
        pairs = [pair for pair in combinations(scored, 2) if measured.shared(pair)]
        rows += [_pair(key, measured, pair, patients, bootstrap) | _floor(noise) for pair in pairs]
    families: dict[tuple[object, object], list[dict[str, object]]] = {}
    for row in rows:
        families.setdefault((row["split"], row["metric"]), []).append(row)
    for family in families.values():
        for row, p in zip(family, holm([float(str(row["p_permutation"])) for row in family]), strict=True):
            row["p_holm"] = rounded(p)
            row["verdict"] = verdict(row, 1 - bootstrap.confidence)
    return rows


def _pair(
    key: Key,
    measured: Measured,
    pair: tuple[str, str],
    patients: Mapping[str, str],
    bootstrap: Bootstrap,
) -> dict[str, object]:
    split, label, metric = key
    values = measured.by_patient(pair, patients)
    differences = values[0] - values[1]
    rng = bootstrap.rng("compare", *key, *pair)
    low, high = bca_interval(differences, rng, bootstrap.resamples, bootstrap.confidence)
    cases = measured.shared(pair)
    every = set(measured.values[pair[0]]) | set(measured.values[pair[1]])
    row: dict[str, object] = dict.fromkeys(COMPARISON, "")
    return row | {
        "split": split,
        "label": label,
        "metric": metric,
        "unit": measured.unit,
        "model": pair[0],
        "other": pair[1],
        "cases": len(cases),
        "patients": differences.size,
        "unpaired": len(every) - len(cases),
        "mean_model": rounded(float(values[0].mean())),
        "mean_other": rounded(float(values[1].mean())),
        "difference": rounded(float(differences.mean())),
        "ci_low": rounded(low),
        "ci_high": rounded(high),
        "p_permutation": rounded(sign_flip_p(differences, rng, bootstrap.permutations)),
        "p_wilcoxon": rounded(wilcoxon_p(differences)),
        "cohen_dz": rounded(cohen_dz(differences)),
        "rank_biserial": rounded(rank_biserial(differences)),
    }


def _floor(noise: SeedNoise | None) -> dict[str, object]:
    floors = (noise.floor, noise.patient_sd) if noise else (nan, nan)
    return {"seed_noise": rounded(floors[0]), "seed_noise_patient": rounded(floors[1])}


def verdict(row: Mapping[str, object], alpha: float) -> str:
    """Say what a comparison allows to say, the strongest objection first."""
    difference, noise = (_number(row[name]) for name in ("difference", "seed_noise"))
    if int(str(row["patients"])) < FEWEST:
        return f"too few patients (under {FEWEST})"
    if not isnan(noise) and abs(difference) < noise:
        return "within seed noise"
    if _number(row["p_holm"]) >= alpha:
        return "no difference shown"
    first = (difference > 0) == higher_is_better(str(row["metric"]), str(row["unit"]))
    return f"{row['model' if first else 'other']} is better"


def _number(cell: object) -> float:
    return float(str(cell)) if cell != "" else nan


def ranking_rows(
    found: Mapping[Key, Measured], patients: Mapping[str, str], models: Sequence[str], bootstrap: Bootstrap
) -> list[dict[str, object]]:
    """Rank the models of every split, label and metric on the cases that all of them were scored on."""
    rows: list[dict[str, object]] = []
    for key in sorted(found, key=lambda key: key[0]):
        measured = found[key]
        ranked = [model for model in models if model in measured.values]
        if len(ranked) < 2 or not measured.shared(ranked):
            continue
        values = measured.by_patient(ranked, patients)
        better = higher_is_better(key[2], measured.unit)
        ranking = rank_models(values, better, bootstrap.rng("rank", *key), bootstrap.resamples)
        for index in sorted(range(len(ranked)), key=lambda index: ranking.places[index]):
            shares = {f"place_{at}": rounded(s) for at, s in enumerate(ranking.shares[index], start=1)}
            cells = (
                *key,
                measured.unit,
                ranked[index],
                values.shape[1],
                rounded(float(values[index].mean())),
            )
            mean_rank, kept = (rounded(float(x[index])) for x in (ranking.mean_ranks, ranking.kept))
            numbers = (*cells, mean_rank, int(ranking.places[index]), kept)
            rows.append(dict(zip(RANKING, numbers, strict=True)) | shares)
    return rows
