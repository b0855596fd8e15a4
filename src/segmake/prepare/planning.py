"""From what a data set looks like to a training task: grid, normalisation, patch, network and batch.

The rules follow nnU-Net (Isensee et al. 2021), with a second kind of budget: the arithmetic of a step, for
training on a CPU. Every choice leaves a sentence in `plan.reasons`; every value can be pinned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from segmake.errors import ConfigError, InputError
from segmake.plan import IGNORED, Normalisation, Plan, Spacing, Triple, find_heads
from segmake.prepare.fingerprint import Fingerprint, pool_moments, pool_quantiles
from segmake.prepare.fitting import Fit, fit_network
from segmake.settings import Modality, PlanSettings
from segmake.volume.interpolation import ANISOTROPIC
from segmake.volume.volume import Array

SCHEMES: dict[str, Literal["zscore", "ct", "minmax", "none"]] = {"ct": "ct", "xray": "minmax"}
"""Scheme per modality; every other modality has no physical unit and is z-scored per case."""
MASKED_BELOW = 0.75
"""Median share of a volume that the crop keeps, below which z-scores are taken inside the body only."""

MOST_LABELS = IGNORED - 1


@dataclass(frozen=True)
class Task:
    """What is to be learned, from the configuration."""

    channels: dict[str, Modality]
    labels: dict[str, int]
    regions: dict[str, list[int]] = field(default_factory=dict)
    order: Literal[0, 1, 3] = 3
    ignore: int | None = None

    @property
    def heads(self) -> int:
        """Output channels of the network."""
        return len(find_heads(self.labels, self.regions))


def make_plan(settings: PlanSettings, task: Task, fingerprints: Sequence[Fingerprint]) -> Plan:
    """Choose everything but the folds.

    Raises:
        ConfigError: pinned values contradict each other, or the budget is too small for any network.
        InputError: there is no case, or the cases' channels are not those of the task.
    """
    _check(task, fingerprints)
    cropped = settings.crop == "nonzero"
    sizes = np.array([f["box_shape" if cropped else "shape"] for f in fingerprints], dtype=np.float64)
    spacings = np.array([f["spacing_mm"] for f in fingerprints], dtype=np.float64)
    spacing, why_spacing = choose_spacing(settings, spacings, sizes)
    resampled = np.maximum(1, np.round(sizes * spacings / np.array(spacing)))
    median = _triple(np.median(resampled, axis=0))
    normalisation, why_normalisation = choose_normalisation(settings, task, fingerprints)
    fit = fit_network(settings, Fit(len(task.channels), task.heads, median, spacing, len(fingerprints)))
    kept = float(np.median([_kept(f) for f in fingerprints]))
    reasons = {
        "spacing_mm": why_spacing,
        "median_shape": f"Median of {len(sizes)} cases at {_by(spacing)} mm"
        + (" after cropping to the non-zero box." if cropped else "."),
        **fit.reasons,
        "normalisation": why_normalisation,
        "crop": f"The non-zero box is {kept:.0%} of the volume in the median case."
        if cropped
        else "Set to none: whole volumes are kept.",
    }
    return Plan(
        channels=task.channels,
        labels=task.labels,
        regions=task.regions,
        ignore=task.ignore,
        spacing_mm=spacing,
        patch=fit.patch,
        batch=fit.batch,
        features=list(fit.network.features),
        kernels=list(fit.network.kernels),
        strides=list(fit.network.strides),
        normalisation=normalisation,
        crop=settings.crop,
        order=task.order,
        median_shape=median,
        reasons=reasons,
    )


def _check(task: Task, fingerprints: Sequence[Fingerprint]) -> None:
    if not fingerprints:
        raise InputError(
            "planning needs at least one case with split=train and a label, got none; check the case sheet"
        )
    if not task.channels or not task.labels:
        raise ConfigError("planning needs data.channels and data.labels; name at least one of each")
    if len(task.labels) > MOST_LABELS:
        raise ConfigError(
            f"class indices are stored in one byte, so at most {MOST_LABELS} labels can be told apart, got "
            f"{len(task.labels)}; join some with data.label_map"
        )
    names = list(fingerprints[0]["channels"])
    if any(list(f["channels"]) != list(task.channels) for f in fingerprints):
        raise InputError(
            f"data.channels names {list(task.channels)} but the converted cases have {names}; convert again"
        )


def _kept(fingerprint: Fingerprint) -> float:
    return math.prod(fingerprint["box_shape"]) / math.prod(fingerprint["shape"])


def choose_spacing(settings: PlanSettings, spacings: Array, sizes: Array) -> tuple[Spacing, str]:
    """Target spacing in mm from all cases' spacings and sizes [N, 3], and why.

    The median, so that as few voxels as possible are invented or lost; but the 10th percentile along
    an axis that is both more than three times coarser and more than three times shorter than the others.
    """
    if settings.spacing_mm is not None:
        return settings.spacing_mm, "Pinned by plan.spacing_mm."
    target = np.median(spacings, axis=0)
    size = np.median(sizes * spacings / target, axis=0)
    worst = int(np.argmax(target))
    others = [axis for axis in range(3) if axis != worst]
    why = f"Median of {len(spacings)} cases"
    if target[worst] > ANISOTROPIC * target[others].max() and ANISOTROPIC * size[worst] < size[others].min():
        low = float(np.percentile(spacings[:, worst], 10))
        coarse, fine = target[worst], target[others].max()
        why += (
            f"; {'xyz'[worst]} is anisotropic ({coarse:.3g} mm against {fine:.3g} mm), "
            f"so its 10th percentile ({low:.3g} mm) is taken"
        )
        target[worst] = max(low, float(target[others].max()))
    x, y, z = (float(f"{value:.6g}") for value in target)
    return (x, y, z), why + "."


def choose_normalisation(
    settings: PlanSettings, task: Task, fingerprints: Sequence[Fingerprint]
) -> tuple[dict[str, Normalisation], str]:
    """Normalisation per channel, and why."""
    unknown = set(settings.normalisation) - set(task.channels)
    if unknown:
        raise ConfigError(
            f"plan.normalisation names {sorted(unknown)}, which are not in data.channels "
            f"{list(task.channels)}; name channels only"
        )
    kept = float(np.median([_kept(f) for f in fingerprints]))
    masked = settings.crop == "nonzero" and kept < MASKED_BELOW
    result, reasons = {}, []
    for name, modality in task.channels.items():
        scheme = settings.normalisation.get(name) or SCHEMES.get(modality, "zscore")
        source = "pinned" if name in settings.normalisation else modality
        result[name] = _normalisation(scheme, name, masked, fingerprints)
        reasons.append(f"{name}: {_explain(result[name], source)}")
    return result, "; ".join(reasons) + "."


def _normalisation(
    scheme: Literal["zscore", "ct", "minmax", "none"],
    channel: str,
    masked: bool,
    fingerprints: Sequence[Fingerprint],
) -> Normalisation:
    if scheme != "ct":
        return Normalisation(scheme=scheme, masked=masked and scheme == "zscore")
    mean, std = pool_moments(fingerprints, channel)
    lower, upper = pool_quantiles(fingerprints, channel, (0.005, 0.995))
    rounded: Mapping[str, float] = {
        name: float(f"{value:.7g}")
        for name, value in {"lower": lower, "upper": upper, "mean": mean, "std": std}.items()
    }
    return Normalisation(scheme="ct", **rounded)


def _explain(rule: Normalisation, source: str) -> str:
    if rule.scheme == "ct":
        return (
            f"{source}, so clipped to the foreground's 0.5 and 99.5 percentiles "
            f"[{rule.lower:.5g}, {rule.upper:.5g}], mean {rule.mean:.5g}, deviation {rule.std:.5g}"
        )
    where = " inside the body" if rule.masked else ""
    return {
        "zscore": f"{source}, so the z-score of each case{where}",
        "minmax": f"{source}, so each case's range to [0, 1]",
        "none": f"{source}, unchanged",
    }[rule.scheme]


def _triple(values: Array) -> Triple:
    x, y, z = (round(float(value)) for value in values)
    return x, y, z


def _by(values: Sequence[float]) -> str:
    return " x ".join(f"{value:g}" for value in values)
