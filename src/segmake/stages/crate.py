"""crate: takes the manifests of a run, makes ro-crate-metadata.json, and a copy of the workflow beside it."""

from __future__ import annotations

import json
from pathlib import Path

from segmake.audit.crate import About, make_crate
from segmake.audit.manifests import Made, find_maker, read_made
from segmake.errors import InputError
from segmake.jobs import CrateJob
from segmake.tables import write_text

COPIES = "crate"
"""Folder of the copied workflow."""
RULES = "workflow/rules"


def run(job: CrateJob) -> None:
    """Write the crate."""
    made = _jobs(job)
    root = job.output.absolute().parent
    copied = _copy_workflow(job.workflow, root) if job.workflow else []
    about = About(
        name=f"segmake run {root.name}",
        authors=job.authors,
        license=job.license,
        workflow=copied[0] if copied else "",
        parts=copied[1:],
    )
    write_text(job.output, json.dumps(make_crate(made, root, about), indent=1, ensure_ascii=False) + "\n")


def _jobs(job: CrateJob) -> list[Made]:
    """The jobs behind some results, or behind all of a folder; not those that made crates.

    Raises:
        InputError: there are none.
    """
    found = [find_maker(path) for path in job.results] if job.results else read_made(job.folder)
    made = {each.path: each for each in found if each is not None and each.stage != "crate"}
    if not made:
        raise InputError(f"{job.folder} holds no manifest of segmake; give the workdir of a configuration")
    return [made[path] for path in sorted(made)]


def _copy_workflow(snakefile: Path, root: Path) -> list[str]:
    """Copy the Snakefile and its rules into the crate; their places, the Snakefile first."""
    files = [snakefile, *sorted((snakefile.parent / RULES).glob("*.smk"))]
    places = [f"{COPIES}/{path.relative_to(snakefile.parent).as_posix()}" for path in files]
    for path, place in zip(files, places, strict=True):
        write_text(root / place, path.read_text(encoding="utf-8"))
    return places
