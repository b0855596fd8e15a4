"""report: takes tables, manifests and figures, makes the HTML page and what lies beside it. Reads no volume.

Beside index.html: quality.html (every case with its picture), cases/ (all that is known of each case) and,
where volumes were predicted, viewer.html with niivue.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from segmake import __version__
from segmake.figures import details, viewer
from segmake.figures.chapters import chapters
from segmake.figures.material import Material
from segmake.figures.page import render
from segmake.figures.quality import FOLDER as PICTURES
from segmake.figures.quality import PAGE as QUALITY
from segmake.figures.quality import quality_chapters
from segmake.figures.records import number, rank_cases
from segmake.jobs import ReportJob
from segmake.results import gather
from segmake.tables import Row, read_cases, write_text

FOOTER = (
    f"Made by segmake {__version__}. Links to cases, files and the viewer work inside the results folder."
)


def run(job: ReportJob) -> None:
    """Write the pages."""
    material = gather(job)
    folder = job.output.parent
    looks = list(_looks(job, material))
    material = replace(
        material,
        details=details.addresses(details.all_cases(material)),
        looks={(look.model, look.case): viewer.address(look.model, look.case) for look in looks},
    )
    write_text(job.output, render(job.title, lead(material), chapters(material, __version__), FOOTER))
    pictures = _copy_thumbnails(material, folder / PICTURES)
    _write_quality(job, material, pictures)
    _write_cases(job, material, pictures)
    _write_viewer(job, material, looks)


def lead(material: Material) -> str:
    """What the report is about, in a line."""
    models = ", ".join(dict.fromkeys(s.model for s in material.summaries)) or "no model yet"
    told = []
    if material.plan:
        targets = ", ".join((*material.plan.labels, *material.plan.regions))
        told.append(f"Segmentation of {targets}; models: {models}.")
    if names := [one.name for one in material.branch.classifiers]:
        kinds = ", ".join(sorted({row["class"] for row in material.branch.sliced} - {""}))
        told.append(f"Classification{f' of {kinds}' if kinds else ''}; classifiers: {', '.join(names)}.")
    return " ".join(told)


def _copy_thumbnails(material: Material, folder: Path) -> frozenset[str]:
    """Cases whose thumbnail was copied beside the pages; one without leaves a gap."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copied = set()
    for row in material.cases:
        thumbnail = Path(row["path"]).with_name(f"{row['case']}_thumbnail.jpg")
        with suppress(OSError):
            shutil.copyfile(thumbnail, folder / f"{row['case']}.jpg")
            copied.add(row["case"])
    return frozenset(copied)


def _write_quality(job: ReportJob, material: Material, pictures: frozenset[str]) -> None:
    """The page with every case as it came."""
    labels = material.plan.labels if material.plan else {}
    parts = quality_chapters(material.assessed, pictures, labels)
    parts = [part for part in parts if material.cases or part.key != "passports"]
    lead = "Every case as it came: what stands out, what was repaired, what is left out and why."
    write_text(job.output.with_name(QUALITY), render(f"Data quality: {job.title}", lead, parts, FOOTER))


def _write_cases(job: ReportJob, material: Material, pictures: frozenset[str]) -> None:
    """Files with all that is known of each case; those of an earlier run go."""
    folder = job.output.with_name(details.FOLDER)
    shutil.rmtree(folder, ignore_errors=True)
    for name, told, sections in details.case_pages(material, pictures):
        page = render(f"Cases: {job.title}", told, sections, FOOTER, back=f"../{job.output.name}")
        write_text(folder / name, page)


def _write_viewer(job: ReportJob, material: Material, looks: Sequence[viewer.Look]) -> None:
    """The viewer with its library, where there are volumes."""
    page = job.output.with_name(viewer.PAGE)
    library = page.parent / viewer.LIBRARY
    if material.plan is None:
        page.unlink(missing_ok=True)
        shutil.rmtree(library.parent, ignore_errors=True)
        return
    library.parent.mkdir(exist_ok=True)
    library.write_bytes(viewer.library())
    library.with_suffix(".LICENSE.txt").write_bytes(viewer.library_license())
    channels = list(material.plan.channels)
    write_text(page, viewer.render_viewer(job.title, looks, material.plan.labels, channels))


def _looks(job: ReportJob, material: Material) -> Iterator[viewer.Look]:
    """What the viewer can show: predicted cases, the worst first."""
    cases = {row["case"]: row for row in material.cases}
    labels = material.plan.labels if material.plan else {}
    rows: dict[str, dict[str, Row]] = {}
    for table in job.predictions:
        rows.setdefault(table.parent.name, {}).update({row["case"]: row for row in read_cases([table])})
    for model, predicted in rows.items():
        scores = [score for score in material.scores if score.model == model]
        means = dict(rank_cases(scores, labels))
        for case in sorted(predicted, key=lambda case: (means.get(case, 2.0), case)):
            if case in cases and viewer.is_readable(predicted[case]["path"]):
                told = f"mean Dice {number(means[case])}" if case in means else "not scored"
                image, truth, prediction = (
                    _address(job.output.parent, path)
                    for path in (cases[case]["path"], cases[case]["label"], predicted[case]["path"])
                )
                yield viewer.Look(model, case, image, truth, prediction, f"{case}, {model}: {told}")


def _address(folder: Path, path: str) -> str:
    """A file as seen from the page."""
    return quote(Path(os.path.relpath(path, folder)).as_posix()) if path else ""
