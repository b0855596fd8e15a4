"""What the tables of wrong inputs share: a good case, a run of the command line, what holds of any refusal.

A table maps a name to a `Wrong`: how to write the bad thing, and words that its sentence must have.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from segmake.cli import main
from segmake.tables import Row, read_table

SHAPE = (8, 8, 8)
NOISE = np.random.default_rng(0).integers(-999, 999, SHAPE).astype(np.int16)
TRUTH = np.zeros(SHAPE, np.uint8)
TRUTH[2:5, 2:5, 2:5] = 1
GRID = np.diag([1.0, 1.0, 2.0, 1.0])
CHANNELS, LABELS = ("--channels", '{"ct": "ct"}'), ("--labels", '{"core": 1}')
FAULT = re.compile(r"Traceback|\b[A-Z]\w+(Error|Warning|Exception)\b|0x[0-9a-f]{6}|\bNone\b|Errno|object at")
LONGEST = 700

Cells = Mapping[str, object]
Make = Callable[[Path], Any]


@dataclass(frozen=True)
class Wrong:
    """A way to be wrong.

    make: writes the bad thing into a folder and returns the cells of its row; says: what the sentence must
    have in it; flags: further words of the command line.
    """

    make: Callable[[Path], Cells]
    says: tuple[str, ...]
    flags: tuple[str, ...] = ()
    status: str = "failed"


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, what it said on standard error, the rows of its table."""

    code: int
    said: str
    rows: Mapping[str, Row] = field(default_factory=dict)
    told: str = ""
    """What it said on standard output."""

    @property
    def sentence(self) -> str:
        """The last line: what the command line says when it gives up."""
        return self.said.strip().splitlines()[-1] if self.said.strip() else ""


def run(capsys: pytest.CaptureFixture[str], *words: object) -> Ended:
    """One sub-command in this process."""
    capsys.readouterr()
    try:
        code = main([str(word) for word in words])
    except SystemExit as end:  # argparse
        code = int(end.code or 0)
    captured = capsys.readouterr()
    return Ended(code, captured.err, told=captured.out)


def write(path: Path, data: Any = NOISE, affine: Any = GRID, **fields: object) -> Path:
    """A sound NIfTI file, whose header fields are then set to these values, checked by nobody."""
    image = nib.Nifti1Image(data, affine)
    image.set_qform(affine if np.isfinite(affine).all() else GRID, 1)
    plain = bytearray(image.to_bytes())
    header = nib.Nifti1Header(bytes(plain[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    plain[:348] = header.binaryblock
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(plain, 1) if path.name.endswith(".gz") else plain)
    return path


def shifted(mm: float) -> Any:
    """The grid, moved along x."""
    return GRID + np.eye(4, k=3) * mm


def write_good(folder: Path) -> dict[str, object]:
    """The row of the case beside the bad one."""
    write(folder / "good.nii.gz", NOISE[::-1])
    write(folder / "good_seg.nii.gz", TRUTH)
    return {"case": "good", "ct": "good.nii.gz", "label": "good_seg.nii.gz"}


def write_sheet(folder: Path, rows: Sequence[Cells]) -> Path:
    """A case sheet with these rows."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, *([str(row.get(name, "")) for name in columns] for row in rows)]
    path = folder / "cases.tsv"
    path.write_text("".join("\t".join(line) + "\n" for line in lines), errors="surrogateescape")
    return path


def convert(
    capsys: pytest.CaptureFixture[str], folder: Path, *source: object, flags: Sequence[str] = ()
) -> Ended:
    """Convert what `source` names into folder/out."""
    table = folder / "out" / "shard-00.tsv"
    meaning = [word for pair in (CHANNELS, LABELS) if pair[0] not in flags for word in pair]
    ended = run(capsys, "convert", *source, *meaning, *flags, "--output", table)
    rows = {row["case"]: row for row in read_table(table)} if table.exists() else {}
    return Ended(ended.code, ended.said, rows)


def convert_beside(
    capsys: pytest.CaptureFixture[str], folder: Path, cells: Cells, flags: Sequence[str] = ()
) -> Ended:
    """Convert a case `bad` of these cells beside the good one."""
    sheet = write_sheet(folder, [{"case": "bad"} | dict(cells), write_good(folder)])
    return convert(capsys, folder, "--cases", sheet, flags=flags)


def assert_sentence(text: str, says: Sequence[str]) -> None:
    """One sentence that a user can act on: what was received, and after a semicolon what to do."""
    for words in says:
        assert words in text
    assert "\n" not in text
    assert not FAULT.search(text)
    assert len(text) < LONGEST
    clauses = [clause.strip() for clause in text.split(";")]
    assert len(clauses) > 1, f"it says not what to do: {text}"
    assert len(clauses) == len(set(clauses)), f"it says the same twice: {text}"


def assert_clean(folder: Path, bad: str = "bad") -> None:
    """Nothing half-made is left in a folder of results, and nothing of the bad case."""
    left = [path.name for path in folder.rglob("*") if path.name.startswith((".", bad))]
    assert left == []


def assert_refused(ended: Ended, wrong: Wrong, folder: Path) -> None:
    """The bad case is a row with its sentence, the good one is converted, nothing else is there."""
    assert (ended.rows["good"]["status"], ended.rows["bad"]["status"]) == ("ok", wrong.status)
    assert ended.code == (2 if wrong.status == "failed" else 0)
    assert_sentence(ended.rows["bad"]["reason"], wrong.says)
    assert not FAULT.search(ended.said)
    assert_clean(folder / "out")
    made = {path.name for path in (folder / "out").iterdir()}
    assert {"good.nii.gz", "good_label.nii.gz", "good.json"} <= made


def assert_stopped(ended: Ended, says: Sequence[str], folder: Path | None = None) -> None:
    """The command stopped before it made anything: exit code 2, one line on standard error."""
    assert ended.code == 2
    assert ended.sentence.startswith("segmake: ")
    assert_sentence(ended.sentence.removeprefix("segmake: "), says)
    assert not FAULT.search(ended.said)
    if folder is not None:
        assert not any(path.is_file() for path in folder.rglob("*"))
