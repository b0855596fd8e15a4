"""What is known of a run: its jobs, its settings and the rows of its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from segmake.audit.manifests import Made, find_maker, read_made
from segmake.errors import InputError
from segmake.plan import Plan
from segmake.tables import Row, read_table

TELLING = ("describe", "crate", "report", "figures")
"""Stages that only tell of others."""


@dataclass(frozen=True)
class Known:
    """A run, read from its manifests and, as they are asked for, its tables."""

    made: Sequence[Made]

    def jobs(self, stage: str) -> list[Made]:
        """The jobs of a stage."""
        return [made for made in self.made if made.stage == stage]

    def settings(self, *stages: str) -> dict[str, Any]:
        """Settings of the first job of the first of these stages that was run."""
        return next((dict(made.settings) for stage in stages for made in self.jobs(stage)), {})

    def rows(self, *stages: str) -> list[Row]:
        """Rows of the tables of the first of these stages that was run."""
        for stage in stages:
            if tables := [made.output for made in self.jobs(stage) if made.output.exists()]:
                return [row for table in tables for row in read_table(table)]
        return []

    @cached_property
    def cases(self) -> list[Row]:
        """Cases that were taken in: converted scans, else the images of the 2D branch."""
        return [row for row in self.rows("convert", "slice") if row["status"] == "ok"]

    @cached_property
    def lost(self) -> dict[str, list[Row]]:
        """Status (failed, excluded) -> cases that a stage could not do, each once."""
        stages = ("convert", "slice", "resample", "predict", "postprocess", "evaluate")
        rows = {r["case"]: r for stage in stages for r in self.rows(stage) if r.get("status", "ok") != "ok"}
        found: dict[str, list[Row]] = {}
        for row in rows.values():
            found.setdefault(row["status"], []).append(row)
        return found

    @cached_property
    def plan(self) -> Plan | None:
        """The plan of the 3D branch."""
        paths = [made.output for made in self.jobs("plan") if made.output.exists()]
        return Plan.load(paths[0]) if paths else None

    def trained(self, stage: str) -> dict[str, list[Made]]:
        """Model -> its trainings, a job per fold; stage: train or fit."""
        found: dict[str, list[Made]] = {}
        for made in self.jobs(stage):
            found.setdefault(made.path.parent.parent.name, []).append(made)
        return found

    @cached_property
    def summaries(self) -> dict[str, list[Row]]:
        """Model of the 3D branch -> rows of its summary."""
        return self._tables("summarize")

    @cached_property
    def classified(self) -> dict[str, list[Row]]:
        """Classifier -> rows of its summary."""
        return self._tables("score")

    @cached_property
    def versions(self) -> dict[str, str]:
        """Package -> version, or versions where jobs differ."""
        found: dict[str, dict[str, None]] = {}
        for made in self.made:
            python = {"python": made.manifest.get("python", "")}
            for name, value in (python | made.manifest.get("packages", {})).items():
                if value:
                    found.setdefault(name, {})[str(value)] = None
        return {name: " and ".join(values) for name, values in found.items()}

    def stated(self, name: str) -> list[str]:
        """Every value that the manifests have for one of their keys, such as commit or processor."""
        values = [str(made.manifest.get(name) or "") for made in self.made]
        return [value for value in dict.fromkeys(values) if value]

    @property
    def pseudonymised(self) -> bool:
        """Whether names were replaced before anything else was done."""
        jobs = [*self.jobs("convert"), *self.jobs("slice")]
        return any(job.manifest["settings"].get("pseudonymise") for job in jobs)

    @property
    def seconds(self) -> float:
        """Time of all jobs together."""
        return sum(float(made.manifest.get("seconds", 0)) for made in self.made)

    def _tables(self, stage: str) -> dict[str, list[Row]]:
        jobs = [made for made in self.jobs(stage) if made.output.exists()]
        return {made.path.parent.name: read_table(made.output) for made in jobs}


def read_known(folder: Path, results: Sequence[Path] = ()) -> Known:
    """Read the jobs behind some results, or behind all that a folder holds.

    Raises:
        InputError: nothing is recorded there.
    """
    if results:
        makers = [find_maker(path) for path in results]
        found = {made.path: made for made in makers if made is not None}
        jobs = [found[path] for path in sorted(found)]
    else:
        jobs = list(read_made(folder))
    told = [job for job in jobs if job.stage not in TELLING]
    if not told:
        raise InputError(f"{folder} holds no manifest of segmake; give the workdir of a configuration")
    return Known(told)
