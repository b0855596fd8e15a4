"""A results folder with a run in it, made by hand."""

from __future__ import annotations

import os
from pathlib import Path

from segmake.operations.roster import ROSTER, Entry, mark_of, read_roster, write_roster
from segmake.tables import write_table

START = 1_700_000_000


class Run:
    """A folder whose files have the times that a test gives them; the run starts at `START`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[Entry] = []

    def job(self, stage: str, name: str, ending: str = ".tsv", **more: object) -> Entry:
        path = f"{stage}/shard-{name}{ending}"
        files = {"log": f"logs/{stage}/{name}.log", "benchmark": f"benchmarks/{stage}/{name}.tsv"}
        entry = Entry(stage, name, **{"outputs": (path,), **files, **more})
        self.entries.append(entry)
        return entry

    def write(self, name: str, text: str = "", after: float = 1) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (START + after, START + after))
        return path

    def done(self, entry: Entry, seconds: float = 10, after: float = 1, rows: str = "ok") -> None:
        for output in entry.outputs:
            self.write(output, after=after)
            if output.endswith(".tsv"):
                cases = [{"case": f"c{n}", "status": status} for n, status in enumerate(rows.split())]
                write_table(self.folder / output, cases, ("case", "status"))
                os.utime(self.folder / output, (START + after, START + after))
        write_table(self.folder / entry.benchmark, [{"s": seconds, "h:m:s": "0:00:10"}])

    def begun(self, entry: Entry, log: str) -> None:
        mark = mark_of(self.folder, entry.outputs[0])
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("{}")
        self.write(entry.log, log)

    def roster(self, **more: int):
        write_roster(self.folder, self.entries, **more)
        os.utime(self.folder / ROSTER, (START, START))
        return read_roster(self.folder)
