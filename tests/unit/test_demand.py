import os
from pathlib import Path

import pytest

from segmake.demand import LIMIT_MB, largest_megavoxels, megabytes
from segmake.tables import write_table


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        {"case": "a", "status": "ok", "shape": "100x100x50"},
        {"case": "b", "status": "ok", "shape": "512x512x300"},
        {"case": "c", "status": "failed", "shape": ""},
    ]
    write_table(tmp_path / "shard-00.tsv", rows)
    return tmp_path / "shard-00.tsv"


def test_the_largest_case_of_a_shard_counts(table: Path) -> None:
    assert largest_megavoxels(table) == pytest.approx(78.6432)
    assert largest_megavoxels(str(table)) == largest_megavoxels(table)


def test_a_table_that_changed_is_read_again(table: Path) -> None:
    before = largest_megavoxels(table)
    write_table(table, [{"case": "a", "shape": "100x100x100"}])
    os.utime(table, ns=(1, 1))
    assert (before > 1, largest_megavoxels(table)) == (True, 1)


def test_a_table_that_is_not_there_yet_tells_nothing(tmp_path: Path) -> None:
    assert largest_megavoxels(tmp_path / "shard-00.tsv") == 0


def test_tables_without_shapes_or_rows_tell_nothing(tmp_path: Path) -> None:
    write_table(tmp_path / "other.tsv", [{"case": "a", "status": "ok"}])
    write_table(tmp_path / "empty.tsv", [], ["case", "shape"])
    assert largest_megavoxels(tmp_path / "other.tsv") == 0
    assert largest_megavoxels(tmp_path / "empty.tsv") == 0


@pytest.mark.parametrize("shape", ["", "x", "12x", "twelve", "1.5x2x3", "-4x4x4"])
def test_what_is_no_shape_counts_for_nothing(tmp_path: Path, shape: str) -> None:
    write_table(tmp_path / "t.tsv", [{"case": "a", "shape": shape}, {"case": "b", "shape": "100x100x100"}])
    assert largest_megavoxels(tmp_path / "t.tsv") == 1


def test_each_worker_has_a_case_at_hand_and_each_attempt_asks_for_more() -> None:
    assert megabytes(1000, 20, 0, 4, 1) == 1000
    assert megabytes(1000, 20, 10, 1, 1) == 1200
    assert megabytes(1000, 20, 10, 4, 1) == 1800
    assert megabytes(1000, 20, 10, 4, 3) == 5400


def test_memory_is_whole_megabytes_rounded_up() -> None:
    asked = megabytes(1000, 1, 0.3, 1, 1)
    assert asked == 1001
    assert isinstance(asked, int)


def test_no_job_asks_for_more_than_there_can_be() -> None:
    assert megabytes(1000, 20, 1e9, 4, 1) == LIMIT_MB
