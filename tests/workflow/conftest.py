"""Small phantoms for the real Snakefile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from experiment import Experiment, new_experiment

from segmake.cli import main


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven small brain phantoms; their table is a case sheet too (the first one is a test case)."""
    table = tmp_path_factory.mktemp("phantoms") / "shard-00.tsv"
    words = ["phantom", "--count", "7", "--size", "32", "--test", "1", "--output", str(table)]
    assert main(words) == 0
    return table


@pytest.fixture
def make_experiment(phantoms: Path, tmp_path: Path) -> Callable[..., Experiment]:
    """Make an experiment on the first `count` phantoms."""

    def make(count: int = 6, name: str = "experiment") -> Experiment:
        return new_experiment(phantoms, tmp_path / name, count)

    return make
