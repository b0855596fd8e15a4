"""Tables (TSV) and files that appear whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from segmake.errors import ConfigError, InputError
from segmake.source import file_size, why_unreadable

Row = dict[str, str]
PATH_COLUMNS = ("path", "label", "foreground")


def write_text(path: Path, text: str) -> None:
    """Write a text file beside its place, then rename it into place."""
    _write(path, text.encode("utf-8", "backslashreplace"))  # bytes of a file name that are no UTF-8


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with scratch.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_table(path: Path, rows: Sequence[Mapping[str, object]], columns: Iterable[str] = ()) -> None:
    """Write rows as TSV: the given columns first, then any other in order of appearance."""
    names = dict.fromkeys(columns)
    for row in rows:
        names.update(dict.fromkeys(row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(names), delimiter="\t", lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, stream.getvalue())


def write_scores(path: Path, rows: Sequence[Mapping[str, str]], columns: Iterable[str]) -> None:
    """Write a long table of scores as TSV, or as Parquet by its ending, where `value` is a number or null.

    Raises:
        ConfigError: the ending is neither, or pyarrow is not installed.
    """
    check_table_format(path)
    if path.suffix == ".tsv":
        write_table(path, rows, columns)
        return
    import pyarrow
    import pyarrow.parquet

    cells: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in columns}
    cells["value"] = [float(cell) if cell else None for cell in cells["value"]]
    kinds = {name: pyarrow.float64() if name == "value" else pyarrow.string() for name in cells}
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(cells, schema=pyarrow.schema(list(kinds.items()))), stream)
    _write(path, stream.getvalue())


def check_table_format(path: Path) -> None:
    """Make sure, before any work, that scores can be written in the format of this file name.

    Raises:
        ConfigError: it is neither TSV nor Parquet, or pyarrow is not installed.
    """
    if path.suffix not in (".tsv", ".parquet"):
        raise ConfigError(f"a table of scores ends in .tsv or .parquet, got {path.name}; rename the output")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise ConfigError(
            f"{path.name} needs pyarrow, which is not installed; "
            "run pip install 'segmake[parquet]', or let the output end in .tsv"
        )


def read_table(path: Path) -> list[Row]:
    """Read a TSV (or a CSV, by its name) as written: every value a string."""
    delimiter = "," if path.suffix == ".csv" else "\t"
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return [dict(row) for row in csv.DictReader(stream, delimiter=delimiter, restval="")]
    except OSError as error:
        raise InputError(why_unreadable(path, error)) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} is no table of segmake: {error}; run the stage that writes it again"
        ) from error


def read_cases(tables: Iterable[Path]) -> list[Row]:
    """Rows with status `ok` of several shard tables, sorted by case, with paths resolved.

    Path columns are stored relative to their table's folder, so that a results folder can be moved.

    Raises:
        InputError: a file is no shard table.
    """
    rows = []
    for table in tables:
        for row in read_table(table):
            if "case" not in row or "status" not in row:
                raise InputError(f"{table} has no columns case and status; give a shard table of a stage")
            if row["status"] == "ok":
                for column in PATH_COLUMNS:
                    if row.get(column):
                        row[column] = str(table.parent / row[column])
                rows.append(row)
    return sorted(rows, key=lambda row: row["case"])


def is_training(row: Row) -> bool:
    """Whether a row of a convert table is a case to learn from: of the split `train`, with a label map."""
    return row["split"] == "train" and bool(row["label"])


def hash_path(path: Path) -> str:
    """SHA-256 of a file's content, or of a folder's files in name order."""
    try:
        if path.is_dir():
            inside = sorted(item for item in path.rglob("*") if item.is_file())
            names = [f"{item.relative_to(path)}:{hash_path(item)}" for item in inside]
            return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
        file_size(path)  # nothing but files is opened: a pipe would wait for ever
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(why_unreadable(path, error)) from error
