"""Where the real data are, what runs first, the same random numbers for each test whatever ran before."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
SHARED_DATA = CHECKOUT.parent / "shared" / "data"
LONGEST = ("slurm", "workflow", "slow")
"""Marks of tests, those that take longest first."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several workers none is left alone at the end with what takes longest: that begins first."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: [item.get_closest_marker(name) is None for name in LONGEST])


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real data sets."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data sets are not beside this checkout")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Weights of networks that no test seeds; torch is not imported for it."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)
