"""The largest U-Net, patch and batch whose training step stays within a budget.

Memory (GPU): 32 features; start from the median case and cut the patch until two fit; then more patches.
Compute (CPU): keep the patch and narrow the network first (32, 24, 16, 8 features), because a network that
sees the whole structure learns faster per operation than a wide one that sees a corner of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from segmake.errors import ConfigError
from segmake.plan import Spacing, Triple
from segmake.prepare.cost import Budget, Network
from segmake.prepare.topology import Topology, choose_kernels, choose_topology
from segmake.settings import PlanSettings

BASES = {"memory": (32,), "compute": (32, 24, 16, 8)}
"""Features of the first stage that are tried, widest first."""
WIDEST = 320
LEAST_BATCH = 2
START_VOXELS = {"memory": 256**3, "compute": 128**3}
"""Size of the cuboid, equally long in mm along all axes, that the search starts from at most."""
SHARE = 0.05
"""Most of the data set's voxels that one batch may hold."""


@dataclass(frozen=True)
class Fit:
    """What the network is fitted to."""

    channels: int
    heads: int
    median_shape: Triple
    spacing_mm: Spacing
    cases: int


@dataclass(frozen=True)
class Fitted:
    """A patch, a batch and a network within the budget, and why each."""

    network: Network
    patch: Triple
    batch: int
    reasons: dict[str, str]


@dataclass(frozen=True)
class Candidate:
    """A patch with the strides and kernels that it allows."""

    patch: Triple
    topology: Topology


def fit_network(settings: PlanSettings, fit: Fit) -> Fitted:
    """Choose patch, strides, kernels, features and batch.

    Raises:
        ConfigError: pinned values contradict each other, or nothing fits the budget.
    """
    _check_pins(settings)
    budget = Budget.parse(settings.budget)
    batch = settings.batch or LEAST_BATCH
    start = _start(settings, fit, budget)
    network, chosen = _search(settings, fit, budget, start, batch)
    cap = max(LEAST_BATCH, round(SHARE * fit.cases * math.prod(fit.median_shape) / math.prod(chosen.patch)))
    while not settings.batch and batch < cap and budget.fits(network, chosen.patch, batch + 1):
        batch += 1
    cost = budget.cost(network, chosen.patch, batch)
    reasons = _reasons(settings, fit, start, Fitted(network, chosen.patch, batch, {}))
    reasons["batch"] = (
        (
            "Pinned by plan.batch"
            if settings.batch
            else f"At least {LEAST_BATCH}, then what fits, at most {SHARE:.0%} of all voxels ({cap})"
        )
        + f"; a step costs {budget.say(cost)} of plan.budget {settings.budget}"
        + ("." if cost <= budget.limit else ", more than allowed, because everything else is pinned.")
    )
    return Fitted(network, chosen.patch, batch, reasons)


def _check_pins(settings: PlanSettings) -> None:
    strides, features = settings.strides, settings.features
    if strides is not None and strides[:1] != [(1, 1, 1)]:
        raise ConfigError(f"plan.strides must begin with [1, 1, 1] (full resolution), got {strides}")
    if strides is not None and features is not None and len(strides) != len(features):
        raise ConfigError(
            f"plan.strides and plan.features have one entry per resolution stage, got {len(strides)} and "
            f"{len(features)}; make them equally long"
        )
    stages = len(strides or features or ()) or 2
    if stages < 2:
        raise ConfigError(f"a U-Net needs at least two resolution stages, got {stages}")


def _start(settings: PlanSettings, fit: Fit, budget: Budget) -> Candidate:
    """The pinned patch, or the median case within a cuboid of equal sides in mm, made divisible."""
    if settings.patch is not None:
        return _pinned(settings, fit, settings.patch)
    side_mm = (START_VOXELS[budget.kind] * math.prod(fit.spacing_mm)) ** (1 / 3)
    largest = [max(1, round(side_mm / mm)) for mm in fit.spacing_mm]
    return _candidate(settings, fit, [min(n, m) for n, m in zip(fit.median_shape, largest, strict=True)])


def _topology(settings: PlanSettings, fit: Fit, patch: Sequence[int]) -> Topology:
    if settings.strides is not None:
        return Topology(tuple(settings.strides), choose_kernels(settings.strides, fit.spacing_mm))
    stages = len(settings.features) if settings.features else None
    return choose_topology(patch, fit.spacing_mm, stages)


def _candidate(settings: PlanSettings, fit: Fit, patch: Sequence[int]) -> Candidate:
    topology = _topology(settings, fit, patch)
    return Candidate(topology.round_up(patch), topology)


def _pinned(settings: PlanSettings, fit: Fit, patch: Triple) -> Candidate:
    topology = _topology(settings, fit, patch)
    if not topology.divides(patch):
        raise ConfigError(
            f"plan.patch must be divisible by the product of the strides, {_by(topology.divisor)}, got "
            f"{_by(patch)}; use {_by(topology.round_up(patch))}, or pin plan.strides too"
        )
    return Candidate(patch, topology)


def _network(settings: PlanSettings, fit: Fit, topology: Topology, base: int) -> Network:
    stages = len(topology.strides)
    features = settings.features or [min(base * 2**level, WIDEST) for level in range(stages)]
    if len(features) != stages:
        raise ConfigError(
            f"plan.features asks for {len(features)} resolution stages, but the patch allows {stages}; "
            "shorten plan.features, or pin plan.patch and plan.strides"
        )
    return Network(fit.channels, fit.heads, features, topology.kernels, topology.strides)


def _search(
    settings: PlanSettings, fit: Fit, budget: Budget, start: Candidate, batch: int
) -> tuple[Network, Candidate]:
    """First candidate within the budget: narrower networks before smaller patches."""
    bases = BASES[budget.kind]
    for base in bases:
        network = _network(settings, fit, start.topology, base)
        if settings.features or budget.fits(network, start.patch, batch):
            break
    here = start
    while not budget.fits(network, here.patch, batch):
        if settings.patch is not None:
            return network, here
        smaller = _shrink(settings, fit, here)
        if smaller is None:
            raise ConfigError(
                f"plan.budget {settings.budget} is too small: a step with the smallest patch, "
                f"{_by(here.patch)}, costs {budget.say(budget.cost(network, here.patch, batch))}; "
                "raise it, or pin fewer values"
            )
        here = smaller
        network = _network(settings, fit, here.topology, bases[-1])
    return network, here


def _shrink(settings: PlanSettings, fit: Fit, here: Candidate) -> Candidate | None:
    """One step smaller along the axis that covers most of the median case; None when there is none."""
    covered = [n / m for n, m in zip(here.patch, fit.median_shape, strict=True)]
    for axis in sorted(range(3), key=lambda axis: -covered[axis]):
        patch = list(here.patch)
        patch[axis] -= here.topology.divisor[axis]
        if patch[axis] < max(here.topology.divisor[axis], min(here.patch[axis], 4)):
            continue
        smaller = _candidate(settings, fit, patch)
        if math.prod(smaller.patch) < math.prod(here.patch):
            return smaller
    return None


def _reasons(settings: PlanSettings, fit: Fit, start: Candidate, fitted: Fitted) -> dict[str, str]:
    network, patch = fitted.network, fitted.patch
    divisor = tuple(math.prod(stride[axis] for stride in network.strides) for axis in range(3))
    shrunk = f", cut from {_by(start.patch)} to fit the budget" if patch != start.patch else ""
    doubling = all(b == min(2 * a, WIDEST) for a, b in pairwise(network.features))
    return {
        "patch": "Pinned by plan.patch."
        if settings.patch
        else f"The median case, {_by(fit.median_shape)}, rounded up to multiples of {_by(divisor)}{shrunk}.",
        "strides": "Pinned by plan.strides."
        if settings.strides
        else f"{len(network.strides)} resolution stages: an axis is halved while it keeps 4 voxels and "
        "is not twice as coarse as the finest.",
        "kernels": "3 along every axis that is less than twice as coarse as the finest, else 1.",
        "features": "Pinned by plan.features."
        if settings.features or not doubling
        else f"From {network.features[0]}, doubling per stage up to {WIDEST}: the widest of "
        f"{_options(settings)} within plan.budget {settings.budget}.",
    }


def _options(settings: PlanSettings) -> str:
    return ", ".join(map(str, BASES[Budget.parse(settings.budget).kind]))


def _by(values: Sequence[int]) -> str:
    return "x".join(map(str, values))
