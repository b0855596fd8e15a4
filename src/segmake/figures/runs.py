"""What was run: steps, versions, settings and inputs, from the manifests beside the results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from segmake.figures.page import Block, Cell, Facts, Note, Table
from segmake.figures.records import NOTHING, number

Manifest = Mapping[str, Any]

FILES = frozenset(
    {"output", "table", "tables", "plan", "model", "predictions", "metrics", "cases", "summary", "history"}
)
"""Settings that say which file, not how."""
PER_JOB = frozenset({"shard", "fold"})
"""Settings that differ between the jobs of one stage by design."""

REFERENCES = """\
Mölder F, et al. Sustainable data analysis with Snakemake. F1000Research 10:33, 2021.
Cardoso MJ, et al. MONAI: an open-source framework for deep learning in healthcare. arXiv:2211.02701, 2022.
Isensee F, et al. nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation.
  Nature Methods 18:203-211, 2021. (the plan follows its idea)
Maier-Hein L, Reinke A, et al. Metrics reloaded: recommendations for image analysis validation.
  Nature Methods 21:195-212, 2024. (the choice of metrics)
Efron B. Better bootstrap confidence intervals. J Am Stat Assoc 82:171-185, 1987. (the intervals)"""


def what_was_run(manifests: Sequence[Manifest]) -> list[Block]:
    """Steps with their time and machine, versions and settings."""
    if not manifests:
        return [
            Note("No manifest lies beside the results, so versions and settings are not known.", "warning")
        ]
    blocks: list[Block] = [
        Facts({"Jobs": str(len(manifests)), "Computing time": _duration(_total(manifests))})
    ]
    blocks.append(_steps(manifests))
    blocks += _repeatability(manifests)
    versions: dict[str, list[str]] = {}
    for manifest in manifests:
        for name, value in (
            {"python": manifest.get("python", "")} | dict(manifest.get("packages", {}))
        ).items():
            if value and value not in versions.setdefault(name, []):
                versions[name].append(value)
    mixed = [name for name, found in versions.items() if len(found) > 1]
    if mixed:
        blocks.append(Note(f"More than one version took part of: {', '.join(sorted(mixed))}.", "warning"))
    rows = [[name, ", ".join(found)] for name, found in versions.items()]
    blocks.append(Table("Versions", ["Package", "Version"], rows, folded=True))
    rows = [[stage, name, value] for stage, name, value in _settings(manifests)]
    blocks.append(Table("Settings", ["Stage", "Setting", "Value"], rows, folded=True))
    inputs = {path: digest for manifest in manifests for path, digest in manifest.get("inputs", {}).items()}
    if inputs:
        rows = [[path, digest] for path, digest in sorted(inputs.items())]
        blocks.append(Table("Files read, with SHA-256", ["File", "SHA-256"], rows, folded=True))
    return blocks


def how_to() -> list[Block]:
    """How to do it again."""
    return [
        Note("How to do it again", "heading"),
        Note(
            "With the same versions, configuration and data, on the same kind of processor, the same command "
            "makes the same files. In the checkout of segmake, with this experiment's configuration file:"
        ),
        Note("snakemake --cores all --configfile CONFIG.yaml", "code"),
        Note("To check that no result was changed since it was made, give the folder of this experiment to:"),
        Note("segmake verify FOLDER", "code"),
        Note(
            "To draw every figure again and compare the bytes, or repeat the first steps of every training:"
        ),
        Note("segmake verify FOLDER --figures\nsegmake verify FOLDER --train", "code"),
    ]


def confidence(manifests: Sequence[Manifest]) -> str:
    """Coverage of the intervals as text, "95%" where no manifest says otherwise."""
    for manifest in manifests:
        share = manifest.get("settings", {}).get("confidence")
        if isinstance(share, (int, float)):
            return f"{100 * share:g}%"
    return "95%"


def _steps(manifests: Sequence[Manifest]) -> Table:
    groups: dict[tuple[str, str], list[Manifest]] = {}
    for manifest in manifests:
        groups.setdefault((str(manifest.get("stage", "")), _folder(manifest)), []).append(manifest)
    rows = []
    for (stage, folder), jobs in groups.items():
        machines = {f"{job.get('processor', '')}, {job.get('platform', '')}".strip(", ") for job in jobs}
        started = min(str(job.get("started", "")) for job in jobs)
        row = [stage, folder, str(len(jobs)), number(_total(jobs), 1), started or NOTHING]
        rows.append([*row, "; ".join(sorted(machines))])
    columns = ["Stage", "Results", "Jobs", "Seconds", "Started", "Machine"]
    return Table("Steps in the order of the data", columns, rows, frozenset({"Jobs", "Seconds"}))


def _repeatability(manifests: Sequence[Manifest]) -> list[Block]:
    """How far each training can be repeated, with the hash of its weights."""
    rows: list[Sequence[Cell]] = []
    for manifest in manifests:
        if stated := manifest.get("reproducibility"):
            step, digest = list(stated["weights"].items())[-1]
            level = stated["level"]
            why = f"its first {stated['repeated_steps']} steps were repeated" if level == "verified" else ""
            rows.append([_folder(manifest), level, why or stated["why"], step, digest[:12]])
    if not rows:
        return []
    told = (
        "recorded: settings, versions and hashes are written down; deterministic: and the same job gives the "
        "same weights again; verified: and `segmake verify FOLDER --train` has repeated its first steps."
    )
    columns = ["Training", "Level", "Why", "Steps", "SHA-256 of the weights then"]
    return [Table("Can it be trained again?", columns, rows, frozenset({"Steps"})), Note(told)]


def _folder(manifest: Manifest) -> str:
    """Folder of a job's output."""
    output = str(manifest.get("settings", {}).get("output") or "")
    return output.rpartition("/")[0]


def _total(manifests: Sequence[Manifest]) -> float:
    return float(sum(float(manifest.get("seconds", 0) or 0) for manifest in manifests))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _settings(manifests: Sequence[Manifest]) -> list[tuple[str, str, str]]:
    """Stage, setting and the values it had, one line each; what only names files or jobs is left out."""
    found: dict[tuple[str, str], list[str]] = {}
    for manifest in manifests:
        for name, value in manifest.get("settings", {}).items():
            if name in FILES or name in PER_JOB:
                continue
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            values = found.setdefault((str(manifest.get("stage", "")), name), [])
            if text not in values:
                values.append(text)
    return [(stage, name, " | ".join(values)) for (stage, name), values in found.items()]
