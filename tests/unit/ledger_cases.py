"""Work that can go wrong in every way, and a folder to run it in."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

from segmake.errors import InputError
from segmake.ledger import Item, Outcome, Shard
from segmake.tables import hash_path


def work(item: Item, scratch: Path, calls: Path, only: str = "", seconds: float = 0) -> Outcome:
    """Upper-case the case's file, note the call; the payload says how to go wrong."""
    with calls.open("a") as stream:
        stream.write(f"{item.case}\n")
    time.sleep(seconds)
    wrong = item.payload if not only or item.case == only else None
    if wrong == "fail":
        raise InputError("the file\tis broken;\n mend it")
    if wrong == "fault":
        raise ZeroDivisionError("by zero")
    if wrong == "exit":
        os._exit(3)
    if wrong == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    text = item.inputs[-1].read_text().upper()
    (scratch / f"{item.case}.txt").write_text(text)
    if wrong == "more":
        (scratch / f"{item.case}.more").mkdir()
        (scratch / f"{item.case}.more" / "part").write_text(text * 2)
    return Outcome(f"{item.case}.txt", {"length": len(text)}, {"text": text})


class Bench:
    """A folder with inputs and a shard over them."""

    def __init__(self, folder: Path, cases: str = "a b c") -> None:
        self.folder, self.names = folder, cases.split()
        self.calls = folder / "calls"
        for name in self.names:
            (folder / f"{name}.in").write_text(f"content of {name}")
        self.payload: dict[str, str] = {}
        self.upstream = dict.fromkeys(self.names, "key")

    def run(self, **changes: object) -> list[dict[str, str]]:
        self.calls.write_text("")
        fields = {"stage": "copy", "version": 1, "table": self.folder / "out" / "shard-00.tsv"}
        items = [
            Item(name, (self.upstream[name], self.folder / f"{name}.in"), self.payload.get(name))
            for name in self.names
        ]
        return Shard(**({**fields, "settings": {"x": 1}} | changes)).run(
            items, partial(work, calls=self.calls)
        )

    def called(self) -> list[str]:
        return sorted(self.calls.read_text().split())

    def files(self) -> dict[str, str]:
        """Every file but records and table, with its hash."""
        made = (path for path in (self.folder / "out").rglob("*") if path.is_file())
        return {path.name: hash_path(path) for path in made if path.suffix not in (".json", ".tsv")}

    def left_over(self) -> list[str]:
        return [path.name for path in (self.folder / "out").iterdir() if path.name.startswith(".")]
