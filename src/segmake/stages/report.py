"""report: takes the tables (and the volumes of a few chosen cases), makes figures and the HTML pages.

Steps: read the tables, records and manifests, draw each figure (SVG and PNG beside the page), write the page
that holds them all, and beside it the quality page with the thumbnails that convert drew.
"""

from __future__ import annotations

import csv
import functools
import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from segmake import __version__
from segmake.errors import GeometryError, InputError
from segmake.figures.chapters import Look, Material, Views, chapters
from segmake.figures.foretold import read_foretold
from segmake.figures.page import Picture, render
from segmake.figures.passports import read_passport
from segmake.figures.quality import FOLDER, PAGE, assess, quality_chapters
from segmake.figures.records import read_history, read_scores, read_summary
from segmake.figures.sections import Failure
from segmake.jobs import ReportJob
from segmake.ledger import read_record
from segmake.plan import Plan
from segmake.provenance import manifest_path
from segmake.tables import Row, read_cases, read_table, write_text
from segmake.volume.geometry import grid_distance_mm, to_canonical
from segmake.volume.read import read_volume

GRID_TOLERANCE_MM = 1e-2
FOOTER = f"Made by segmake {__version__}."
STAGES = ("convert", "resample", "predict", "evaluate")


def run(job: ReportJob) -> None:
    """Draw the figures and write the pages."""
    material = gather(job)
    rows = {row["case"]: row for row in material.cases}
    predictions = {
        (table.parent.name, row["case"]): row for table in job.predictions for row in read_cases([table])
    }
    load = functools.partial(load_views, rows, predictions)
    parts = chapters(material, Look(job.dpi, job.overlays), load, __version__)
    figures = job.output.parent / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for picture in (block for part in parts for block in part.blocks if isinstance(block, Picture)):
        (figures / f"{picture.name}.svg").write_bytes(picture.svg)
        (figures / f"{picture.name}.png").write_bytes(picture.png)
    models = ", ".join(dict.fromkeys(s.model for s in material.summaries)) or "no model yet"
    targets = ", ".join((*material.plan.labels, *material.plan.regions))
    lead = f"Segmentation of {targets}; models: {models}."
    write_text(job.output, render(job.title, lead, parts, FOOTER))
    _write_quality(job, material)


def gather(job: ReportJob) -> Material:
    """Read all tables, histories and manifests."""
    ledgers = [*job.cases, *job.tables, *job.predictions]
    failed = [
        Failure(_stage(table), row["case"], row["reason"], row["status"] == "excluded")
        for table in ledgers
        for row in read_table(table)
        if row["status"] != "ok"
    ]
    predicted: dict[str, list[Row]] = {}
    for table in job.predictions:
        predicted.setdefault(table.parent.name, []).extend(read_cases([table]))
    passports = [
        read_passport(row, _details(table.parent, row["case"]))
        for table in job.cases
        for row in read_cases([table])
    ]
    models = [path.with_name("model.pt") for path in job.history]
    made = [*job.cases, job.plan, *job.tables, *models, *job.predictions, *job.summary, *job.comparison]
    return Material(
        plan=Plan.load(job.plan),
        cases=read_cases(job.cases),
        failed=sorted(failed, key=lambda failure: (failure.case, failure.stage)),
        passports=sorted(passports, key=lambda passport: passport.case),
        predicted={model: {row["case"] for row in rows} for model, rows in predicted.items()},
        foretold=read_foretold(predicted),
        scores=[score for path in job.metrics for score in read_scores(read_table(path), path.parent.name)],
        summaries=[s for path in job.summary for s in read_summary(read_table(path), path.parent.name)],
        histories={(p.parent.parent.name, p.parent.name): read_history(_read_csv(p)) for p in job.history},
        manifests=list(_manifests(made)),
        comparison=[row for path in job.comparison for row in read_table(path)],
        ranking=[row for path in job.ranking for row in read_table(path)],
        subgroups={path.parent.name: read_table(path) for path in job.subgroups},
    )


def _write_quality(job: ReportJob, material: Material) -> None:
    """The quality page and its thumbnails; a case without a thumbnail leaves a gap."""
    folder = job.output.with_name(FOLDER)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    pictures = set()
    for row in material.cases:
        thumbnail = Path(row["path"]).with_name(f"{row['case']}_thumbnail.jpg")
        with suppress(OSError):
            shutil.copyfile(thumbnail, folder / f"{row['case']}.jpg")
            pictures.add(row["case"])
    parts = quality_chapters(assess(material.passports, material.failed), pictures, material.plan.labels)
    lead = "Every case as it came: what stands out, what was repaired, what is left out and why."
    title = f"Data quality: {job.title}"
    write_text(job.output.with_name(PAGE), render(title, lead, parts, FOOTER))


def load_views(
    cases: dict[str, Row], predictions: dict[tuple[str, str], Row], model: str, case: str
) -> Views:
    """Read what an overlay of a case needs, turned to canonical orientation.

    Raises:
        InputError: the case has no prediction here, or a file cannot be read.
        GeometryError: the files do not lie on one grid.
    """
    if case not in cases or (model, case) not in predictions:
        raise InputError("its image or prediction is not in the given tables")
    row, prediction = cases[case], predictions[model, case]
    paths = (row["path"], row["label"], prediction["path"])
    image, truth, guess = (to_canonical(read_volume(Path(path))) for path in paths)
    if max(grid_distance_mm(image, truth), grid_distance_mm(image, guess)) > GRID_TOLERANCE_MM:
        raise GeometryError("image, truth and prediction do not lie on one grid")
    return Views(image.data, truth.data[0], guess.data[0], image.spacing_mm)


def _details(folder: Path, case: str) -> dict[str, Any]:
    """What the record of a case holds beside its table row; nothing when the record is missing or damaged."""
    with suppress(InputError):
        details: dict[str, Any] = read_record(folder, case)["details"]
        return details
    return {}


def _manifests(results: Iterable[Path]) -> Iterable[dict[str, Any]]:
    """The manifests that lie beside results; one that is missing or damaged only leaves a gap on the page."""
    for path in dict.fromkeys(manifest_path(result) for result in results):
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(manifest, dict):
            yield manifest


def _stage(table: Path) -> str:
    """The stage that wrote a table, and for which model, from its folders (evaluate/unet/shard-00.tsv)."""
    folders = table.parent.parts
    first = next((i for i in reversed(range(len(folders))) if folders[i] in STAGES), len(folders) - 1)
    return " ".join(folders[first:])


def _read_csv(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"history {path} cannot be read: {error}; run train again") from error
