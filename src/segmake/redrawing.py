"""All figures from the tables of a results folder, and the check that a redrawing gives the same bytes.

Nothing but tables, JSON and the slices of examples is read: no image, no model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from segmake.drawing import FiguresJob, FiguresSettings
from segmake.errors import InputError
from segmake.figures.catalogue import TABLE, Entry, read_catalogue, write_catalogue
from segmake.figures.class_drawings import class_drawings
from segmake.figures.detection import read_detector
from segmake.figures.drawings import Drawing, Example, Style, Tables
from segmake.figures.foretold import read_foretold
from segmake.figures.model_drawings import curve_of, model_drawings
from segmake.figures.records import read_history, read_scores, read_summary, to_number
from segmake.figures.runs import confidence
from segmake.figures.score_drawings import score_drawings
from segmake.figures.style import About, settle, to_pdf, to_png, to_svg, width_inches
from segmake.progress import track
from segmake.provenance import END, Manifest, manifest_path, read_manifest
from segmake.settings import Settings
from segmake.tables import Row, hash_path, read_cases, read_table

WHERE = {
    "metrics": ("evaluate/*/metrics.tsv",),
    "summary": ("evaluate/*/summary.tsv",),
    "subgroups": ("evaluate/*/subgroups.tsv",),
    "comparison": ("evaluate/comparison.tsv",),
    "history": ("train/*/fold-*/history.csv", "fit/*/fold-*/history.csv"),
    "predictions": ("predict/*/shard-*.tsv",),
    "examples": ("examples/*/examples.tsv",),
    "curves": ("score/*/curves.tsv",),
    "confusion": ("score/*/confusion.tsv",),
    "froc": ("score/*/froc.tsv",),
}
"""Tables of a job -> where a results folder has them."""
SECTIONS = {"summarize": "evaluate", "compare": "evaluate", "postprocess": "predict"}
"""Stage -> section of the configuration, where they differ."""
NO_SCIENCE = ("device", "mlflow", "replay", "init_from", "external", "nnunet", "command")
"""Settings that say where a job ran or lay."""


@dataclass(frozen=True)
class Made:
    """What made the tables: their manifests, by folder."""

    manifests: Mapping[Path, Sequence[Manifest]]

    @classmethod
    def read(cls, root: Path, tables: Iterable[Path]) -> Made:
        """The manifests beside tables; one that is missing or damaged is a gap."""
        folders = dict.fromkeys(table.parent for table in tables)
        return cls({folder: list(_manifests(root / folder)) for folder in folders})

    def of(self, tables: Iterable[Path]) -> list[Manifest]:
        """Manifests of these tables' folders."""
        return [
            one
            for folder in dict.fromkeys(t.parent for t in tables)
            for one in self.manifests.get(folder, ())
        ]

    def source(self, drawing: Drawing, inputs: Mapping[str, str], job: FiguresSettings) -> str:
        """What a figure was drawn from, as JSON: tables with their hashes, settings, versions, commits."""
        found = self.of(drawing.inputs)
        settings = {"figures": job.model_dump(mode="json", include=set(FiguresSettings.model_fields))}
        for manifest in found:
            settings |= _science(manifest)
        told = {
            "figure": drawing.entry.name,
            "inputs": inputs,
            "settings": settings,
            "drawn by": {name: version(name) for name in ("segmake", "matplotlib")},
            "tables by": {
                "segmake": sorted({str(m.get("packages", {}).get("segmake", "")) for m in found} - {""}),
                "commit": sorted({str(m.get("commit", "")) for m in found} - {""}),
            },
        }
        return json.dumps(told, sort_keys=True)


def find_tables(folder: Path) -> dict[str, list[Path]]:
    """Every table in a results folder that figures are drawn from, as paths in it.

    Raises:
        InputError: there is none.
    """
    found = {
        name: [path.relative_to(folder) for pattern in patterns for path in sorted(folder.glob(pattern))]
        for name, patterns in WHERE.items()
    }
    if not any(found.values()):
        raise InputError(
            f"{folder} holds no table that figures are drawn from; give the workdir of a configuration"
        )
    return found


def draw(job: FiguresJob, root: Path, target: Path) -> list[Entry]:
    """Draw every figure into a folder; the tables of the job are paths in `root`.

    Raises:
        InputError: a table is missing or not as its stage writes it.
    """
    made = Made.read(root, chain.from_iterable(getattr(job, name) for name in WHERE))
    tables = gather(job, root, list(chain.from_iterable(made.manifests.values())))
    style = Style(width_inches(job.column), job.distribution == "violin")
    drawings = [
        *score_drawings(tables, style),
        *model_drawings(tables, style),
        *class_drawings(tables, style),
    ]
    digests = {path: hash_path(root / path) for path in dict.fromkeys(p for d in drawings for p in d.inputs)}
    target.mkdir(parents=True, exist_ok=True)
    entries = []
    for drawing in track(drawings, len(drawings), "figures"):
        inputs = {path.as_posix(): digests[path] for path in dict.fromkeys(drawing.inputs)}
        entry = drawing.entry
        about = About(entry.title, entry.caption, made.source(drawing, inputs, job))
        files = {}
        for name, content in _files(drawing, about, job):
            (target / name).write_bytes(content)
            files[name] = hash_path(target / name)
        entries.append(Entry(**{**entry.__dict__, "files": files, "inputs": inputs}))
    write_catalogue(target / TABLE, entries)
    return entries


def _files(drawing: Drawing, about: About, job: FiguresSettings) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of a figure's files."""
    figure = drawing.draw()
    settle(figure)
    writers: dict[str, Callable[..., bytes]] = {
        "svg": to_svg,
        "pdf": to_pdf,
        "png": partial(to_png, dpi=job.dpi),
    }
    for kind in job.formats:
        yield f"{drawing.entry.name}.{kind}", writers[kind](figure, about=about)


def redraw(folder: Path) -> list[str]:
    """Draw the figures of a results folder again; a sentence for each file that is not the same to the byte.

    Raises:
        InputError: the folder holds no figures, or their tables cannot be read.
    """
    table = folder / "figures" / TABLE
    before = {name: entry for entry in read_catalogue(table) for name in entry.files}
    with TemporaryDirectory() as scratch:
        entries = draw(recorded_job(folder), folder, Path(scratch))
        after = {name: entry for entry in entries for name in entry.files}
        different = []
        for name in sorted(before.keys() | after.keys()):
            old, new = table.parent / name, Path(scratch) / name
            if name not in before:
                different.append(f"{old} was not drawn before")
            elif name not in after:
                different.append(f"{old} is not drawn any more")
            elif not old.is_file() or old.read_bytes() != new.read_bytes():
                changed = [
                    path
                    for path in after[name].inputs
                    if after[name].inputs[path] != before[name].inputs.get(path)
                ]
                why = f", as {', '.join(changed)} changed" if changed else ""
                different.append(f"{old} {'differs' if old.is_file() else 'is missing'}{why}")
    return different


def recorded_job(folder: Path) -> FiguresJob:
    """The job that drew the figures of a results folder, with paths in that folder."""
    manifest = read_manifest(manifest_path(folder / "figures" / TABLE))
    job = FiguresJob.model_validate(manifest["settings"])
    return job.model_copy(update=find_tables(folder)) if job.folder else job


def gather(job: FiguresJob, root: Path, manifests: Sequence[Manifest]) -> Tables:
    """Read every table of a job."""
    rows = {
        name: {path: read_table(root / path) for path in getattr(job, name)}
        for name in WHERE
        if name != "history"
    }
    return Tables(
        scores={path: read_scores(found, path.parent.name) for path, found in rows["metrics"].items()},
        summaries={path: read_summary(found, path.parent.name) for path, found in rows["summary"].items()},
        subgroups=rows["subgroups"],
        comparison=rows["comparison"],
        histories={path: read_history(read_table(root / path)) for path in job.history},
        foretold={
            path: read_foretold({path.parent.name: read_cases([root / path])}) for path in job.predictions
        },
        examples={path: _examples(path.parent.name, found) for path, found in rows["examples"].items()},
        detectors={
            path: read_detector(found, _optional(root / curve_of(path)))
            for path, found in rows["froc"].items()
        },
        curves=rows["curves"],
        confusion=rows["confusion"],
        manifests=manifests,
        confidence=confidence(manifests),
        root=root,
    )


def _examples(model: str, rows: Sequence[Row]) -> list[Example]:
    """Rows of examples.tsv; what could not be cut out is left out."""
    return [
        Example(
            model=model,
            **{name: row[name] for name in ("case", "split", "fold", "rank", "channel")},
            place=int(row["place"]),
            mean_dice=to_number(row["mean_dice"]),
            path=Path(row["path"]),
        )
        for row in rows
        if row["status"] == "ok"
    ]


def _science(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """The settings of a job that are science: those of its section of the configuration."""
    stage = str(manifest.get("stage", ""))
    name = SECTIONS.get(stage, stage)
    if name not in Settings.model_fields or not isinstance(manifest.get("settings"), dict):
        return {}
    section = set(type(getattr(Settings(), name)).model_fields) - set(NO_SCIENCE)
    return {stage: {key: value for key, value in manifest["settings"].items() if key in section}}


def _manifests(folder: Path) -> Iterator[Manifest]:
    for path in sorted(folder.glob(f"*{END}")):
        try:
            yield read_manifest(path)
        except InputError:
            continue


def _optional(path: Path) -> list[Row]:
    return read_table(path) if path.exists() else []
