"""What jobs ask their scheduler for."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from experiment import Experiment

from segmake.tables import write_table

pytestmark = pytest.mark.workflow


def asked(experiment: Experiment, rule: str, *words: str) -> set[int]:
    """Megabytes that the jobs of a rule would ask for."""
    printed = experiment.run("-n", *words).stdout
    return {
        int(found)
        for found in re.findall(rf"^rule {rule}:$.*?mem_mb=(\d+)", printed, re.MULTILINE | re.DOTALL)
    }


def test_memory_grows_with_the_largest_case(make_experiment: Callable[..., Experiment]) -> None:
    experiment = make_experiment()
    before = asked(experiment, "resample"), asked(experiment, "evaluate")
    for shard in ("00", "01"):
        rows = [{"case": "a", "shape": "512x512x100"}, {"case": "b", "shape": "32x32x32"}]
        write_table(experiment.results / f"convert/shard-{shard}.tsv", rows)
    after = asked(experiment, "resample"), asked(experiment, "evaluate")
    assert before == ({3000}, {3000})
    megavoxels = 26.2144
    assert after == ({round(3000.5 + 35 * 4 * megavoxels)}, {round(3000.5 + 12 * megavoxels)})
