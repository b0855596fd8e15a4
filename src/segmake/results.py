"""What the report is made of, read from the tables, records and manifests of a results folder."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from segmake.errors import InputError
from segmake.figures.catalogue import Entry, read_catalogue
from segmake.figures.foretold import read_foretold
from segmake.figures.material import Branch, Classifier, Drawn, Material, Telling
from segmake.figures.passports import Passport, read_passport
from segmake.figures.records import read_history, read_scores, read_summary
from segmake.figures.sections import Failure
from segmake.ledger import read_record
from segmake.plan import Plan
from segmake.presenting import ReportJob
from segmake.provenance import manifest_path
from segmake.tables import Row, read_cases, read_table

STAGES = ("convert", "resample", "predict", "postprocess", "evaluate", "slice", "classify")
WIDEST = 1400
"""Pixels of a photo on the page."""
FIT = "fit"
"""Folder of the trainings of classifiers."""


def gather(job: ReportJob) -> Material:
    """Read all tables, histories, manifests and figures.

    Raises:
        InputError: one is missing or not as its stage writes it.
    """
    ledgers = [*job.cases, *job.slices, *job.tables, *job.predictions]
    predicted: dict[str, list[Row]] = {}
    for table in job.predictions:
        predicted.setdefault(table.parent.name, []).extend(read_cases([table]))
    fits = [path for path in job.history if _grandparent(path, 3) == FIT]
    trainings = [path for path in job.history if path not in fits]
    return Material(
        plan=Plan.load(job.plan) if job.plan else None,
        cases=read_cases(job.cases),
        failed=_failures(ledgers),
        passports=_passports(job.cases),
        predicted={model: {row["case"] for row in rows} for model, rows in predicted.items()},
        foretold=read_foretold(predicted),
        scores=[score for path in job.metrics for score in read_scores(read_table(path), path.parent.name)],
        summaries=[s for path in job.summary for s in read_summary(read_table(path), path.parent.name)],
        histories=_histories(trainings),
        manifests=list(_manifests(_made(job))),
        comparison=[row for path in job.comparison for row in read_table(path)],
        ranking=[row for path in job.ranking for row in read_table(path)],
        subgroups={path.parent.name: read_table(path) for path in job.subgroups},
        branch=_branch(job, fits),
        drawn=list(_drawn(job)),
        telling=_telling(job.methods),
    )


def _failures(ledgers: Sequence[Path]) -> list[Failure]:
    """Cases that a stage could not do, each once per stage."""
    found = {
        Failure(stage_of(table), row["case"], row["reason"], row["status"] == "excluded")
        for table in ledgers
        for row in read_table(table)
        if row.get("status", "ok") != "ok"
    }
    return sorted(found, key=lambda failure: (failure.case, failure.stage))


def _passports(tables: Sequence[Path]) -> list[Passport]:
    found = [
        read_passport(row, _details(table.parent, row["case"]))
        for table in tables
        for row in read_cases([table])
    ]
    return sorted(found, key=lambda passport: passport.case)


def _branch(job: ReportJob, fits: Sequence[Path]) -> Branch:
    """The 2D branch."""
    return Branch(
        classifiers=[_classifier(path) for path in job.scores],
        comparison=[row for path in job.contest for row in read_table(path)],
        sliced=read_cases(job.slices),
        guards=read_table(job.guards) if job.guards else [],
        histories=_histories(fits),
    )


def _classifier(summary: Path) -> Classifier:
    folder = summary.parent
    return Classifier(
        name=folder.name,
        summary=read_table(summary),
        predictions=_table_beside(folder / "predictions.tsv"),
        confusion=_table_beside(folder / "confusion.tsv"),
        decision=_json_beside(folder / "decision.json"),
    )


def _drawn(job: ReportJob) -> Iterator[Drawn]:
    """The figures, each with the bytes of the format that the page shows."""
    if job.figures is None:
        return
    folder = job.figures.parent
    shown = Path("..") / folder.name if job.output.parent.parent == folder.parent else folder.absolute()
    for entry in read_catalogue(job.figures):
        svg, png = _bytes(folder, entry, "svg"), _bytes(folder, entry, "png")
        if not svg and not png:  # drawn as PDF alone
            continue
        yield Drawn(entry, svg, for_page(png) if entry.photo and png else png, shown.as_posix())


def for_page(png: bytes) -> bytes:
    """A photo as the page shows it: as JPEG and not too wide, so that many fit into one file."""
    from PIL import Image

    photo = Image.open(io.BytesIO(png)).convert("RGB")
    if photo.width > WIDEST:
        photo = photo.resize((WIDEST, round(photo.height * WIDEST / photo.width)), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality=88, subsampling=0, optimize=True)
    return stream.getvalue()


def _bytes(folder: Path, entry: Entry, kind: str) -> bytes:
    """A file of a figure; nothing where it was not drawn in that format.

    Raises:
        InputError: it is listed and not there.
    """
    name = entry.file(kind)
    if not name:
        return b""
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise InputError(f"figure {folder / name} cannot be read: {error}; run figures again") from error


def _telling(methods: Path | None) -> Telling:
    """Texts that describe wrote."""
    if methods is None:
        return Telling()
    folder = methods.parent
    references = methods.with_suffix(".bib")
    return Telling(
        methods=_text(methods),
        references=_text(references) if references.exists() else "",
        checklists=_table_beside(folder / "checklists.tsv"),
    )


def _made(job: ReportJob) -> list[Path]:
    """Results whose manifests say how they were made, in the order of the data."""
    models = [path.with_name("model.pt") for path in job.history]
    made = [*job.cases, *([job.plan] if job.plan else []), *job.tables, *job.slices]
    made += [*models, *job.predictions, *job.summary, *job.comparison, *job.scores, *job.contest]
    return [*made, *(path for path in (job.guards, job.figures) if path)]


def _manifests(results: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The manifests that lie beside results; one that is missing or damaged only leaves a gap on the page."""
    for path in dict.fromkeys(manifest_path(result) for result in results):
        if manifest := _json_beside(path):
            yield manifest


def _histories(paths: Sequence[Path]) -> dict[tuple[str, str], list[dict[str, float]]]:
    return {(p.parent.parent.name, p.parent.name): read_history(read_table(p)) for p in paths}


def _details(folder: Path, case: str) -> dict[str, Any]:
    """What the record of a case holds beside its table row; nothing when the record is missing or damaged."""
    with suppress(InputError):
        details: dict[str, Any] = read_record(folder, case)["details"]
        return details
    return {}


def stage_of(table: Path) -> str:
    """The stage that wrote a table, and for which model, from its folders (evaluate/unet/shard-00.tsv)."""
    folders = table.parent.parts
    first = next((i for i in reversed(range(len(folders))) if folders[i] in STAGES), len(folders) - 1)
    return " ".join(folders[first:])


def _grandparent(path: Path, up: int) -> str:
    """Name of the folder so many levels above."""
    parts = path.parts
    return parts[-1 - up] if len(parts) > up else ""


def _table_beside(path: Path) -> list[Row]:
    return read_table(path) if path.exists() else []


def _json_beside(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}; run describe again") from error
