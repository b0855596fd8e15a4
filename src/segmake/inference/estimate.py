"""What a prediction will take: memory from shapes, time from one window."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmake.inference.ensemble import Ensemble
from segmake.inference.labelling import label_volume
from segmake.inference.memory import prepared_shape
from segmake.inference.predictor import AT_ONCE, Predictor
from segmake.inference.restore import Target
from segmake.inference.tiling import Tiling
from segmake.inference.windows import Box, positions
from segmake.plan import Spacing
from segmake.volume.extent import Extent

SECONDS_PER_MEGAVOXEL = 0.3
"""Reading, preparing and writing; chosen to fit the wall times of benchmarks/results/predict_memory.md."""
FINEST = 2
"""How much finer than the prepared grid the native one of the trial is at most: a voxel costs the same."""
ROWS = 16
"""Native rows of the trial's stripes."""


@dataclass(frozen=True)
class Planned:
    """A case that would be predicted, and by how many models."""

    extent: Extent
    models: int


@dataclass(frozen=True)
class Calibration:
    """Seconds of a window with its part of the sums, of a native voxel to its label; bytes of the process."""

    window_s: float
    voxel_s: float
    process_bytes: float


def measure(predictor: Predictor, spacing_mm: Spacing) -> Calibration:
    """Work on noise of one batch of windows, with the watch; spacing_mm: of the native grid."""
    plan, overlap = predictor.plan, predictor.settings.overlap
    x, y, z = plan.patch
    x += math.ceil((predictor.windows - 1) * x * (1 - overlap))
    noise = np.random.default_rng(0).normal(size=(len(plan.channels), x, y, z)).astype(np.float32)
    a, b, c = (max(fine, new / FINEST) for fine, new in zip(spacing_mm, plan.spacing_mm, strict=True))
    there = plan.model_copy(update={"spacing_mm": (a, b, c)})
    native = prepared_shape(Extent((x, y, z), plan.spacing_mm), there)
    target = Target(native, (a, b, c), (0, 0, 0), native)
    whole = Tiling(axis=0, rows=x, native_rows=ROWS, across=1, block=y, bytes=0)

    def stitch(ensemble: Ensemble) -> None:
        for _ in ensemble.prepared_stripes(noise, Box((0, 0, 0), (x, y, z)), whole):
            pass

    def label(ensemble: Ensemble) -> None:
        label_volume(ensemble.stripes(noise, target, whole), plan, native, [])

    _seconds(predictor, stitch)
    stitching_s = _seconds(predictor, stitch)
    held = peak_bytes()
    beside_s = max(0.0, _seconds(predictor, label) - stitching_s)
    count = len(positions((x, y, z), plan.patch, overlap))
    return Calibration(stitching_s / count, beside_s / math.prod(native), held)


def _seconds(predictor: Predictor, work: Callable[[Ensemble], None]) -> float:
    started = time.perf_counter()
    predictor.try_out(work)
    return time.perf_counter() - started


def peak_bytes() -> float:
    """Largest resident memory that this process has had.

    From the kernel's status of the process where there is one: `getrusage` begins with the parent's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)


def format_estimate(cases: Mapping[str, Planned], calibration: Calibration, predictor: Predictor) -> str:
    """A table: case, grid, windows, peak memory, seconds; and the sum."""
    lines = [f"{'case':24} {'voxels':>15} {'prepared':>15} {'windows':>8} {'peak MB':>8} {'seconds':>8}"]
    peaks, total = [0.0], 0.0
    for name, case in cases.items():
        members = case.models if predictor.settings.uncertainty else 1
        footprint = predictor.foretell(case.extent, members)
        count = count_windows(case, predictor, footprint.tiling)
        each_s = SECONDS_PER_MEGAVOXEL / 1e6 + members * calibration.voxel_s
        seconds = count * calibration.window_s + case.extent.voxels * each_s
        peak = calibration.process_bytes + footprint.peak
        grids = (
            "x".join(map(str, s)) for s in (case.extent.shape, prepared_shape(case.extent, predictor.plan))
        )
        cells = [f"{grid:>15}" for grid in grids]
        lines.append(f"{name:24} {cells[0]} {cells[1]} {count:8d} {peak / 1e6:8.0f} {seconds:8.0f}")
        peaks.append(peak - calibration.process_bytes)
        total += seconds
    together = sum(sorted(peaks)[-AT_ONCE:])
    peak = calibration.process_bytes + max(*peaks, min(together, predictor.room.size))
    lines.append(
        f"At most {peak / 1e6:.0f} MB and about {total:.0f} s with {predictor.backend}, before anything is "
        "cropped or left out; windows count every model and mirrored copy."
    )
    return "\n".join(lines) + "\n"


def count_windows(case: Planned, predictor: Predictor, tiling: Tiling) -> int:
    """Passes through a network for a case that is not cropped; a window that two blocks need counts twice."""
    shape = prepared_shape(case.extent, predictor.plan)
    patch = predictor.plan.patch
    mirrors = len(Ensemble(predictor.models[:1], predictor.settings).mirrors)
    places = positions(shape, patch, predictor.settings.overlap)
    each = sum(box.meets(place, patch) for box in tiling.boxes(shape) for place in places)
    return each * case.models * mirrors
