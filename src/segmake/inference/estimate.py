"""What a prediction will take: memory from shapes, time from one window."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmake.inference.ensemble import Ensemble
from segmake.inference.memory import prepared_shape
from segmake.inference.predictor import AT_ONCE, Predictor
from segmake.inference.windows import positions
from segmake.volume.extent import Extent

SECONDS_PER_MEGAVOXEL = 0.25
"""Reading, preparing, restoring and writing, on two cores (benchmarks/predict_memory.py)."""


@dataclass(frozen=True)
class Planned:
    """A case that would be predicted, and by how many models."""

    extent: Extent
    models: int


@dataclass(frozen=True)
class Calibration:
    """One window of one model: seconds, and the bytes of the process that ran it."""

    window_s: float
    process_bytes: float


def measure(predictor: Predictor) -> Calibration:
    """Run one batch of windows, the second time with the watch."""
    model = predictor.models[0]
    windows = np.zeros((predictor.windows, len(model.plan.channels), *model.plan.patch), np.float32)
    spent = 0.0
    for _ in range(2):
        started = time.perf_counter()
        predictor.run_windows(model, windows)
        spent = time.perf_counter() - started
    return Calibration(spent / predictor.windows, peak_bytes())


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
        count = count_windows(case, predictor)
        seconds = count * calibration.window_s + case.extent.voxels / 1e6 * SECONDS_PER_MEGAVOXEL
        members = case.models if predictor.settings.uncertainty else 1
        peak = calibration.process_bytes + predictor.foretell(case.extent, members).peak
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


def count_windows(case: Planned, predictor: Predictor) -> int:
    """Passes through a network for a case that is not cropped."""
    shape = prepared_shape(case.extent, predictor.plan)
    mirrors = len(Ensemble(predictor.models[:1], predictor.settings).mirrors)
    each = len(positions(shape, predictor.plan.patch, predictor.settings.overlap))
    return each * case.models * mirrors
