"""describe: takes manifests and tables, makes the methods text, model cards and reporting checklists.

Beside methods.md: methods.tex, methods.bib, claim.md, tripod.md, checklists.tsv, and for each model a folder
with its card, README.md.
"""

from __future__ import annotations

import logging
from pathlib import Path

from segmake.jobs import DescribeJob
from segmake.reporting.card import TASKS, Card
from segmake.reporting.checklists import COLUMNS, TITLES, as_markdown, completeness, fill_checklist
from segmake.reporting.known import Known, read_known
from segmake.reporting.methods import write_methods
from segmake.reporting.stated import state_facts
from segmake.tables import write_table, write_text

log = logging.getLogger("segmake")


def run(job: DescribeJob) -> dict[str, list[Path]]:
    """Write all texts, and return their files."""
    known = read_known(job.folder, job.results)
    methods = write_methods(known)
    facts = state_facts(known, methods)
    texts = {"methods.tex": methods.latex(), "methods.bib": methods.bibtex}
    rows = []
    for name, (title, _) in TITLES.items():
        items = fill_checklist(name, facts, job.answers)
        texts[f"{name}.md"] = as_markdown(items)
        rows += [item.row for item in items]
        log.info("%s: %s", title, completeness(items))
    texts |= {f"{card.name}/README.md": card.markdown() for card in _cards(known, job)}
    folder = job.output.parent
    write_text(job.output, methods.markdown())
    for place, text in texts.items():
        write_text(folder / place, text)
    write_table(folder / "checklists.tsv", rows, COLUMNS)
    return {"outputs": [folder / place for place in (*texts, "checklists.tsv")]}


def _cards(known: Known, job: DescribeJob) -> list[Card]:
    """A card for each model that was trained."""
    return [
        Card(model, stage, known, jobs, job.authors, job.license)
        for stage in TASKS
        for model, jobs in known.trained(stage).items()
    ]
