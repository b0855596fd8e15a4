"""Pictures with and without a bright disc, for the tests of the 2D branch's learning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from slice_cases import patch, write_slices

from segmake.classification import FitSettings
from segmake.learning.classifying import Classification
from segmake.learning.loop import Task
from segmake.learning.patchwork import Patches
from segmake.learning.sampling import generator
from segmake.tables import write_table

SIZE = 32
CLASSES = ["plain", "disc"]
QUICK = {
    "network": "resnet10",
    "options": {"widen_factor": 0.125},
    "steps": 6,
    "batch": 4,
    "precision": "fp32",
    "lr": 1e-3,
}


def picture(number: int, bright: bool, channels: int = 1) -> np.ndarray:
    """Noise [C, S, S], with a bright disc somewhere near the middle where `bright`."""
    random = generator(11, number)
    x, y = random.uniform(-6, 6, 2) + SIZE / 2
    rows, columns = np.indices((SIZE, SIZE))
    disc = (columns - x) ** 2 + (rows - y) ** 2 < 25
    grey = random.normal(90, 15, (SIZE, SIZE)) + 110 * (disc & bright)
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[np.newaxis], channels, axis=0)


def discs(count: int, start: int = 0, channels: int = 1) -> Patches:
    """Patches of which every second one shows a disc."""
    numbers = range(start, start + count)
    pictures = np.stack([picture(n, n % 2 == 1, channels) for n in numbers])
    truth = np.eye(2, dtype=np.float32)[[n % 2 for n in numbers]]
    return Patches(pictures, truth, [f"case{n}" for n in numbers])


def fit_task(training: Patches | None = None, replay=None, channels=1, **changes) -> Task:
    """A task of a few short steps; replay: `rates` and `compiled` of an earlier run."""
    settings = FitSettings(**(QUICK | changes))
    patches, other = training or discs(8, channels=channels), discs(8, start=100, channels=channels)
    lesson = Classification(settings, CLASSES, (channels, SIZE), patches, other)
    identity = settings.model_dump(mode="json", exclude={"checkpoint_minutes"})
    return Task(lesson, identity, **(replay or {}))


def write_discs(folder: Path, count: int = 8, shards: int = 2) -> None:
    """Folders slice and divide with a patch per case, in two folds, and one test case."""
    cases = [
        {"case": f"case{n}", "images": picture(n, n % 2 == 1)[np.newaxis], "patches": [patch(CLASSES[n % 2])]}
        for n in range(count + 1)
    ]
    cases[-1]["split"] = "test"
    for shard in range(shards):
        write_slices(folder / "slice", cases[shard::shards], f"{shard:02d}")
    rows = [{"case": case["case"], "fold": str(n // 2 % 2)} for n, case in enumerate(cases)]
    rows[-1]["fold"] = ""
    write_table(folder / "divide" / "folds.tsv", rows, ("case", "fold"))
