"""Text tables that people and other programs write: every fault has a sentence with its row and column.

`segmake.tables` reads what segmake wrote itself; this reads what may be anything. Standard library only.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from segmake.errors import InputError
from segmake.source import why_unreadable

LONGEST_CELL = 4096
SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons"}


class NumberedRow(NamedTuple):
    """Cells by column, stripped, and the row's number as a spreadsheet counts it (the header is row 1)."""

    number: int
    cells: dict[str, str]


def read_rows(path: Path, separators: str = "\t") -> list[NumberedRow]:
    """The rows of `iter_rows` as a list."""
    return list(iter_rows(path, separators))


def iter_rows(path: Path, separators: str = "\t") -> Iterator[NumberedRow]:
    """Read the rows below the header; blank rows are passed over, each of the others has every column.

    Of several separators, columns are set apart by the one that the header has most of.

    Raises:
        InputError: the file cannot be read, is no UTF-8 text, has no header that could be one, or a cell
            is too long, broken over lines, or beyond the last column.
    """
    text = _text(path)
    separator = max(separators, key=text.partition("\n")[0].count)
    columns: list[str] = []
    for number, cells in _lines(text, separator, path):
        if not columns:
            columns = _columns(cells, separator, f"{path}, row {number}")
        elif len(cells) == len(columns) and _plain(cells):  # nearly all rows: tables may have a million
            yield NumberedRow(number, dict(zip(columns, map(str.strip, cells), strict=True)))
        else:
            yield NumberedRow(number, _cells(cells, columns, f"{path}, row {number}"))


def _lines(text: str, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Numbers and cells of the lines that are not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for number, cells in enumerate(reader, start=1):
            if any(map(str.strip, cells)):
                yield number, cells
    except csv.Error as error:
        raise InputError(
            f"{path}, row {reader.line_num}: a cell does not end or is too long ({error}); "
            "look for a quotation mark that is not closed"
        ) from error


def _plain(cells: Sequence[str]) -> bool:
    """Whether no cell can be too long or broken over lines."""
    joined = "".join(cells)
    return len(joined) <= LONGEST_CELL and "\n" not in joined and "\r" not in joined


def _text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(why_unreadable(path, error)) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} cannot be read: it is no UTF-8 text (byte {error.start}); save it as text in UTF-8"
        ) from error
    if "\0" in text:
        row = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{path}, row {row}: a NUL byte stands in the text; save the table again as text")
    return text


def _columns(cells: Sequence[str], separator: str, where: str) -> list[str]:
    columns = [cell.strip() for cell in cells]
    while columns and not columns[-1]:
        columns.pop()  # spreadsheets write empty columns at the end
    if len(columns) == 1 and (found := re.search("[\t,;]", columns[0])):
        right, wrong = SEPARATORS[separator], SEPARATORS[found[0]]
        raise InputError(f"{where}: {right} set columns apart, this looks like {wrong}; save it with {right}")
    for number, name in enumerate(columns, start=1):
        if not name:
            raise InputError(f"{where}, column {number}: a header is missing; name the column or remove it")
        if name in columns[: number - 1]:
            raise InputError(f"{where}, column {number}: '{name}' stands twice; rename or remove one of them")
    return columns


def _cells(cells: Sequence[str], columns: Sequence[str], where: str) -> dict[str, str]:
    if len(cells) > len(columns) and any(map(str.strip, cells[len(columns) :])):
        raise InputError(
            f"{where}: there are more cells than columns; remove what stands after the last column"
        )
    row = dict(zip(columns, map(str.strip, cells), strict=False))
    if len(row) < len(columns):
        row |= dict.fromkeys(columns[len(row) :], "")
    for name, cell in row.items():
        if len(cell) > LONGEST_CELL:
            raise InputError(
                f"{where}, column {name}: a cell has up to {LONGEST_CELL} characters, got {len(cell)}; "
                "look for a quotation mark that is not closed"
            )
        if "\n" in cell or "\r" in cell:
            raise InputError(
                f"{where}, column {name}: a line break stands in the cell; remove it or the quotation mark "
                "before it"
            )
    return row
