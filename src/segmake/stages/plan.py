"""plan: takes all passport rows, makes plan.json: folds, grid, patch, network shape and normalisation.

Steps: stop when cases share voxels or patients across a split, gather the fingerprints of the labelled
training cases, choose everything that depends on them under the budget, deal whole patients into folds.
"""

from __future__ import annotations

import logging
import sys
import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from segmake.dataset.folds import BY_SITE, assign_folds, folds_by_site
from segmake.dataset.leakage import find_leaks
from segmake.dataset.privacy import pseudonym, read_key
from segmake.dataset.splits import own_folds, read_splits
from segmake.errors import InputError
from segmake.jobs import PlanJob
from segmake.ledger import read_record
from segmake.plan import Plan
from segmake.prepare.fingerprint import Fingerprint
from segmake.prepare.planning import Task, make_plan
from segmake.tables import Row, is_training, read_cases, read_table

log = logging.getLogger("segmake")

HIDDEN = ("channels", "labels", "regions", "folds", "reasons")
"""Fields shown in a form of their own."""


def run(job: PlanJob) -> None:
    """Write the plan, or show an existing one."""
    if job.show:
        sys.stdout.write(format_plan(Plan.load(job.output)))
        return
    converted = read_cases(job.tables)
    _stop_leaks(converted, job.allow_duplicates)
    rows = [row for row in converted if is_training(row)]
    records = [read_record(Path(row["path"]).parent, row["case"]) for row in rows]
    fingerprints: list[Fingerprint] = [record["details"]["fingerprint"] for record in records]
    task = Task(dict(job.channels), dict(job.labels), dict(job.regions), job.order, job.ignore)
    plan = make_plan(job, task, fingerprints)
    folds, reason = _folds(job, rows, fingerprints)
    plan = plan.model_copy(update={"folds": folds, "reasons": plan.reasons | {"folds": reason}})
    plan.save(job.output)


def _stop_leaks(rows: Sequence[Row], allowed: bool) -> None:
    """Raise an InputError for cases that would make the scores too good, or warn of them if allowed."""
    leaks = find_leaks(rows)
    if leaks and not allowed:
        raise InputError(f"{'; '.join(leaks)}; or set plan.allow_duplicates: true to go on with them")
    for leak in leaks:
        log.warning("plan.allow_duplicates: %s", leak)


def _folds(job: PlanJob, rows: list[Row], fingerprints: list[Fingerprint]) -> tuple[dict[str, int], str]:
    """Fold of each case, and where the folds come from."""
    cases, groups = [row["case"] for row in rows], [row["group"] or row["case"] for row in rows]
    if job.splits is not None:
        names = {row["case"]: row["status"] for table in job.tables for row in read_table(table)}
        lost = {case for case, status in names.items() if status != "ok"}
        splits = _read_splits(job.splits, job.pseudonymise, names)
        folds = own_folds(job.splits, splits, dict(zip(cases, groups, strict=True)), lost)
        return folds, f"{len(cases)} cases in {len(splits)} folds as {job.splits.name} has them."
    if job.folds == BY_SITE:
        sites = [row.get("site", "") for row in rows]
        folds = folds_by_site(cases, groups, sites, job.sites)
        order = sorted({*sites, *job.sites})
        named = [f"fold {fold} {site} ({sites.count(site)})" for fold, site in enumerate(order)]
        return folds, f"One fold per site, validated on its cases: {', '.join(named)}."
    folds = assign_folds(cases, groups, _strata(rows, fingerprints), job.folds, job.seed)
    return folds, (
        f"{len(cases)} cases of {len(set(groups))} groups dealt into {job.folds} folds, whole groups, "
        "balanced by site, labels present and tercile of foreground volume."
    )


def _read_splits(path: Path, key_file: Path | None, known: Collection[str]) -> list[list[str]]:
    """Validation cases of each fold; names that convert hid are hidden by the same key."""
    splits = read_splits(path)
    if key_file is None:
        return splits
    key = read_key(key_file)
    return [[case if case in known else pseudonym(key, "case", case) for case in fold] for fold in splits]


def _strata(rows: list[Row], fingerprints: list[Fingerprint]) -> list[str]:
    """Site, labels present and tercile of the foreground volume of each case."""
    volumes = np.array([sum(f["labels"].values()) * np.prod(f["spacing_mm"]) for f in fingerprints])
    terciles = np.searchsorted(np.quantile(volumes, [1 / 3, 2 / 3]), volumes)
    return [
        f"{row.get('site', '')}|{','.join(sorted(f['labels']))}|{tercile}"
        for row, f, tercile in zip(rows, fingerprints, terciles, strict=True)
    ]


def format_plan(plan: Plan, width: int = 110) -> str:
    """The plan as an aligned table: field, value, reason; long cells are wrapped."""
    shown = {
        "channels": ", ".join(f"{name} ({modality})" for name, modality in plan.channels.items()),
        "labels": ", ".join(f"{name} {value}" for name, value in plan.labels.items()),
        "regions": ", ".join(f"{name} {values}" for name, values in plan.regions.items()) or "none",
    }
    for name in type(plan).model_fields:
        if name not in HIDDEN:
            shown[name] = _value(getattr(plan, name))
    counts = [list(plan.folds.values()).count(fold) for fold in sorted(set(plan.folds.values()))]
    shown["folds"] = " + ".join(str(count) for count in counts) or "none"
    left, middle = max(map(len, shown)), 36
    lines = []
    for name, value in shown.items():
        cells = textwrap.wrap(value, middle) or [""]
        reasons = textwrap.wrap(plan.reasons.get(name, ""), width - left - middle - 4) or [""]
        for i in range(max(len(cells), len(reasons))):
            parts = [name if i == 0 else "", *(c[i] if i < len(c) else "" for c in (cells, reasons))]
            lines.append(f"{parts[0]:<{left}}  {parts[1]:<{middle}}  {parts[2]}".rstrip())
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {rule.scheme}" for name, rule in value.items())
    if isinstance(value, tuple):
        return " x ".join(f"{item:g}" for item in value)
    if isinstance(value, list):
        return ", ".join(
            _value(item).replace(" ", "") if isinstance(item, tuple) else str(item) for item in value
        )
    return str(value)
