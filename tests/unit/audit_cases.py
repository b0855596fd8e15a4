"""A small results folder as the workflow leaves it: real manifests, records and tables, tiny files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from plan_cases import small_plan

from segmake.figures.catalogue import Entry, write_catalogue
from segmake.jobs import (
    ConvertJob,
    EvaluateJob,
    FiguresJob,
    PlanJob,
    PredictJob,
    SummarizeJob,
    TrainJob,
)
from segmake.ledger import Item, Outcome, Shard
from segmake.provenance import write_manifest
from segmake.stages import summarize
from segmake.tables import hash_path, write_table, write_text

CASES = {"a": ("train", 0.8), "b": ("train", 0.7), "c": ("train", 0.9), "t": ("test", 0.6)}
MODELS = {"unet": {"steps": 40, "lr": 0.01}}
"""What `write_config` asks for."""
COMMIT = "c" * 40
FATES = {"ok": 2, "missed": 0, "false_alarm": 0, "both_empty": 0}
MEANING = {"channels": {"t1": "mr"}, "labels": {"core": 1, "rim": 2}}
WEIGHTS = {"1": "1" * 64, "40": "4" * 64}


@dataclass(frozen=True)
class Recipe:
    """What a run is made of; tests change one thing."""

    cases: Mapping[str, tuple[str, float]] = field(default_factory=lambda: dict(CASES))
    """Case -> split, Dice."""
    voxels: Mapping[str, str] = field(default_factory=dict)
    """Case -> content, where it is not the case's name."""
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"unet": {}})
    """Model -> train settings."""
    predict: Mapping[str, Any] = field(default_factory=dict)
    evaluate: Mapping[str, Any] = field(default_factory=dict)
    convert: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    figures: bool = True


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder, as Snakemake's jobs do."""
    before = Path.cwd()
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def make_run(folder: Path, recipe: Recipe | None = None) -> Path:
    """Make a results folder."""
    recipe = recipe or Recipe()
    with inside(folder):
        _convert(recipe)
        _plan(recipe)
        for model, settings in recipe.models.items():
            _train(model, settings)
            _predict(model, recipe)
            _evaluate(model, recipe)
        if recipe.figures:
            _figures(recipe)
    return folder


def _made(stage: str, job: Any, facts: Mapping[str, object] | None = None) -> None:
    with patch("segmake.provenance.source_commit", return_value=COMMIT):
        write_manifest(stage, job, 1.5, facts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write_case(item: Item, scratch: Path, columns: Mapping[str, Any], suffix: str = ".nii.gz") -> Outcome:
    (scratch / f"{item.case}{suffix}").write_text(f"{item.payload}")
    return Outcome(f"{item.case}{suffix}", columns[item.case])


def _shard(stage: str, folder: str, content: Mapping[str, str], columns: Mapping[str, Any]) -> Path:
    table = Path(folder) / "shard-00.tsv"
    items = [Item(case, (text,), text) for case, text in content.items()]
    suffix = ".tsv" if stage == "evaluate" else ".nii.gz"
    Shard(stage, 1, table, {}).run(items, partial(_write_case, columns=columns, suffix=suffix))
    return table


def _convert(recipe: Recipe) -> None:
    write_table(Path("cases.tsv"), [{"case": case} for case in recipe.cases])
    content = {case: recipe.voxels.get(case, case) for case in recipe.cases}
    columns = {
        case: {
            "group": f"p-{case}",
            "site": "here",
            "split": split,
            "class": "",
            "label": f"{case}.nii.gz",
            "shape": "16x16x16",
            "spacing_mm": "1x1x2",
            "voxels_sha256": _digest(content[case]),
            "label_sha256": _digest(f"label {content[case]}"),
            "repairs": "",
        }
        for case, (split, _) in recipe.cases.items()
    }
    output = _shard("convert", "convert", content, columns)
    _made(
        "convert", ConvertJob(**{"cases": Path("cases.tsv"), "output": output, **MEANING, **recipe.convert})
    )


def _plan(recipe: Recipe) -> None:
    folds = {
        case: index % 2 for index, (case, (split, _)) in enumerate(recipe.cases.items()) if split == "train"
    }
    plan = {"folds": folds, "reasons": {"folds": f"{len(folds)} cases dealt into 2 folds."}, **recipe.plan}
    small_plan(**plan).save(Path("plan/plan.json"))
    tables = [Path("convert/shard-00.tsv")]
    _made("plan", PlanJob(tables=tables, output=Path("plan/plan.json"), folds=2, **MEANING))


def _train(model: str, settings: Mapping[str, Any]) -> None:
    for fold in (0, 1):
        output = Path(f"train/{model}/fold-{fold}/model.pt")
        write_text(output, f"weights of {model} {fold} {settings}")
        write_text(output.with_name("history.csv"), "step,loss\n1,0.5\n")
        job = TrainJob(
            tables=[Path("convert/shard-00.tsv")],
            plan=Path("plan/plan.json"),
            fold=fold,
            output=output,
            **settings,
        )
        weights = WEIGHTS | {"40": _digest(f"{model} {fold} {settings}")}
        facts = {"level": "deterministic", "why": "", "device": "cpu", "weights": weights}
        _made("train", job, {"reproducibility": facts, "training_cases": 2})


def _predict(model: str, recipe: Recipe) -> None:
    content = {case: f"{model} {case}" for case in recipe.cases}
    output = _shard("predict", f"predict/{model}", content, {case: {"fold": "0"} for case in recipe.cases})
    models = [Path(f"train/{model}/fold-{fold}/model.pt") for fold in (0, 1)]
    job = PredictJob(table=Path("convert/shard-00.tsv"), model=models, output=output, **recipe.predict)
    _made("predict", job)


def _evaluate(model: str, recipe: Recipe) -> None:
    folder = Path(f"evaluate/{model}")
    content = {case: _scores(case, *told) for case, told in recipe.cases.items()}
    columns = {
        case: {"group": f"p-{case}", "split": split, "fold": "0", "dice_mean": dice, **FATES}
        for case, (split, dice) in recipe.cases.items()
    }
    output = _shard("evaluate", str(folder), content, columns)
    given = {"plan": Path("plan/plan.json"), "predictions": Path(f"predict/{model}/shard-00.tsv")}
    measured = {
        name: value for name, value in recipe.evaluate.items() if name in ("lesion", "nsd_tolerance_mm")
    }
    _made("evaluate", EvaluateJob(table=Path("convert/shard-00.tsv"), output=output, **given, **measured))
    job = SummarizeJob(
        tables=[output],
        metrics=folder / "metrics.tsv",
        output=folder / "summary.tsv",
        **{"resamples": 50, **recipe.evaluate},
    )
    summarize.run(job)
    _made("summarize", job)


def _scores(case: str, split: str, dice: float) -> str:
    lines = ["case\tsplit\tfold\tlabel\tmetric\tvalue\tunit\tstatus"]
    for label, value in (("core", dice), ("rim", dice)):
        lines.append(f"{case}\t{split}\t0\t{label}\tdice\t{value:.4f}\tratio\tok")
        lines.append(f"{case}\t{split}\t0\t{label}\thd95\t{10 * (1 - value):.4f}\tmm\tok")
    return "\n".join(lines) + "\n"


def _figures(recipe: Recipe) -> None:
    entries = []
    for model in recipe.models:
        for kind, table in (
            ("dice", f"evaluate/{model}/metrics.tsv"),
            ("training", f"train/{model}/fold-0/history.csv"),
        ):
            file = Path(f"figures/{kind}_{model}.svg")
            write_text(file, f"<svg>{hash_path(Path(table))}</svg>")
            files, inputs = {file.name: hash_path(file)}, {table: hash_path(Path(table))}
            told = {"title": kind, "caption": kind, "alt": kind, "model": model}
            entries.append(Entry(name=file.stem, kind=kind, files=files, inputs=inputs, **told))
    write_catalogue(Path("figures/figures.tsv"), entries)
    metrics = [Path(f"evaluate/{model}/metrics.tsv") for model in recipe.models]
    histories = [Path(f"train/{model}/fold-0/history.csv") for model in recipe.models]
    output = Path("figures/figures.tsv")
    files = [output.parent / name for entry in entries for name in entry.files]
    _made("figures", FiguresJob(metrics=metrics, history=histories, output=output), {"outputs": files})


def write_config(path: Path, **changes: Any) -> Path:
    """Write a configuration of a run whose model is `MODELS`, with changes."""
    content = {
        "data": {"cases": "cases.tsv", **MEANING},
        "plan": {"folds": 2},
        "models": MODELS,
        "evaluate": {"resamples": 50},
    }
    path.write_text(yaml.safe_dump(content | changes))
    return path
