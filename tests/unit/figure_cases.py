"""A results folder with nothing but tables, as the stages write them, for everything that figures draw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from segmake.figures.slices import cut_slices, save_slices
from segmake.metrics.compare import COMPARISON
from segmake.metrics.subgroups import COLUMNS as SUBGROUPS
from segmake.tables import write_table

LABELS = {"necrosis": 1, "edema": 2, "enhancing": 4}
UNITS = {"dice": "ratio", "iou": "ratio", "nsd": "ratio", "hd95": "mm", "volume_error_ml": "ml"}
SIZES = ("truth_ml", "prediction_ml")


def write_results(root: Path, models=("unet", "segres"), cases=12, labels=LABELS, folds=2) -> Path:
    """Write the tables of a finished run; numbers are made up and the same every time."""
    for at, model in enumerate(models):
        rng = np.random.default_rng(at)
        skill = 0.82 - 0.06 * at
        scores = _scores(rng, skill, cases, labels)
        write_table(root / f"evaluate/{model}/metrics.tsv", scores)
        summary = _summary(scores, labels)
        write_table(root / f"evaluate/{model}/summary.tsv", summary)
        splits = dict.fromkeys(row["split"] for row in scores)
        rows = _subgroups(rng, skill, labels, splits)
        write_table(root / f"evaluate/{model}/subgroups.tsv", rows, SUBGROUPS)
        write_manifest(root / f"evaluate/{model}/summary", "summarize", confidence=0.95, resamples=2000)
        for fold in range(folds):
            write_history(root / f"train/{model}/fold-{fold}/history.csv", rng)
            model_path = root / f"train/{model}/fold-{fold}/model"
            write_manifest(
                model_path, "train", cases=8, lr=3e-3, output=f"train/{model}/fold-{fold}/model.pt"
            )
        write_examples(root / f"examples/{model}", [row["case"] for row in scores if row["split"] == "train"])
    if len(models) > 1:
        rows = _comparison(np.random.default_rng(9), models, labels)
        write_table(root / "evaluate/comparison.tsv", rows, COMPARISON)
        write_manifest(root / "evaluate/comparison", "compare", permutations=10_000)
    return root


def write_manifest(path: Path, stage: str, cases: int | None = None, **settings) -> None:
    """A manifest as provenance writes it, without a seal; cases: those that a training learned from."""
    content = {"stage": stage, "packages": {"segmake": "0.1.0"}, "commit": "c0ffee", "settings": settings}
    if cases:
        content |= {"training_cases": cases}
    path.with_name(f"{path.name}.manifest.json").write_text(json.dumps(content), encoding="utf-8")


def write_history(path: Path, rng: np.random.Generator, steps: int = 60) -> None:
    """A training's history: losses that fall, a Dice that rises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["step,minutes,lr,loss,val_dice"]
    for step in range(20, 20 * (steps + 1), 20):
        share = step / (20 * steps)
        loss = 0.4 + 1.2 * np.exp(-4 * share) + rng.normal(0, 0.05)
        dice = f"{0.85 - 0.5 * np.exp(-5 * share) + rng.normal(0, 0.01):.4f}" if step % 200 == 0 else ""
        lines.append(f"{step},{step / 1000:.3f},{0.003 * (1 - share) ** 0.9:.6g},{loss:.4f},{dice}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_examples(folder: Path, cases, labels=LABELS) -> None:
    """Slices of three cases and their table; a fourth could not be cut."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for place, (rank, case) in enumerate(
        zip(("worst", "median", "best"), dict.fromkeys(cases), strict=False)
    ):
        truth = ball((40, 48, 32), (18 + place, 24, 15), 9, labels)
        prediction = ball((40, 48, 32), (20, 23, 15 + place), 8, labels)
        image = np.random.default_rng(place).normal(100, 12, truth.shape) + 20 * (truth > 0)
        save_slices(folder / f"{case}.npz", cut_slices(image, truth, prediction, (1.0, 1.0, 1.5), labels))
        rows.append(_example(case, rank, place))
    failed = _example("lost", "worst", 2) | {"path": "", "status": "failed", "reason": "the file is gone"}
    write_table(folder / "examples.tsv", [*rows, failed])


def ball(shape, centre, radius, labels) -> np.ndarray:
    """Nested balls, the first label innermost."""
    distance = np.linalg.norm(np.indices(shape) - np.reshape(centre, (3, 1, 1, 1)), axis=0)
    found = np.zeros(shape, np.int16)
    for share, value in zip(np.linspace(1, 0.3, len(labels)), reversed(labels.values()), strict=True):
        found[distance < radius * share] = value
    return found


def _example(case: str, rank: str, place: int) -> dict[str, object]:
    row = {"case": case, "path": f"{case}.npz", "status": "ok", "reason": "", "rank": rank, "place": 1}
    return row | {"mean_dice": 0.5 + 0.1 * place, "split": "train", "fold": "0", "channel": "flair"}


def _scores(rng, skill, cases, labels) -> list[dict[str, object]]:
    rows = []
    for case in range(cases):
        split = "test" if case < cases // 4 else "train"
        place = {"case": f"case-{case:03}", "split": split, "fold": "" if split == "test" else case % 2}
        for at, label in enumerate(labels):
            state = "missed" if (case, at) == (cases - 1, 0) else "ok"
            dice = 0.0 if state == "missed" else float(np.clip(rng.normal(skill - 0.07 * at, 0.07), 0, 1))
            truth = float(rng.gamma(4, 6))
            values = {"dice": dice, "iou": dice / (2 - dice), "nsd": min(1, dice + 0.08)}
            values |= {"hd95": 240.0 if state == "missed" else float(rng.gamma(2, 2.5))}
            values |= {"volume_error_ml": truth * float(rng.normal(0, 0.12)), "truth_ml": truth}
            values |= {"prediction_ml": values["truth_ml"] + values["volume_error_ml"]}
            for metric, value in values.items():
                row = {"label": label, "metric": metric, "value": f"{value:.6g}"}
                rows.append(place | row | {"unit": UNITS.get(metric, "ml"), "status": state})
    return rows


def _summary(scores, labels) -> list[dict[str, object]]:
    rows = []
    for split in dict.fromkeys(row["split"] for row in scores):
        for metric, unit in UNITS.items():
            for label in labels:
                values = [
                    float(row["value"])
                    for row in scores
                    if (row["split"], row["metric"], row["label"]) == (split, metric, label)
                ]
                rows.append(_mean_row(split, label, metric, unit, values))
        dice = [float(row["value"]) for row in scores if (row["split"], row["metric"]) == (split, "dice")]
        rows.append(_mean_row(split, "mean", "dice", "ratio", dice))
    return rows


def _mean_row(split, label, metric, unit, values) -> dict[str, object]:
    mean, sd = float(np.mean(values)), float(np.std(values))
    reach = 1.96 * sd / np.sqrt(len(values))
    place = {"split": split, "label": label, "metric": metric, "unit": unit}
    numbers = {"mean": mean, "median": float(np.median(values)), "sd": sd}
    numbers |= {"ci_low": mean - reach, "ci_high": mean + reach}
    counts = {"cases": len(values), "patients": len(values), "ok": len(values)}
    rounded = {name: f"{value:.6g}" for name, value in numbers.items()}
    return place | counts | rounded | {"missed": 0, "false_alarm": 0, "both_empty": 0}


def _subgroups(rng, skill, labels, splits) -> list[dict[str, object]]:
    levels = {"site": ("Basel", "Leiden", "Toronto"), "size": ("small", "medium", "large")}
    rows = []
    for split in splits:
        for subgroup, names in levels.items():
            for at, level in enumerate(names):
                for label in labels:
                    mean = skill + float(rng.normal(0, 0.03)) + 0.03 * at
                    patients = int(rng.integers(4, 40))
                    row = {"split": split, "subgroup": subgroup, "level": level, "label": label}
                    row |= {"metric": "dice", "unit": "ratio", "cases": patients, "patients": patients}
                    row |= {"mean": mean, "ci_low": mean - 0.3 / patients**0.5}
                    row |= {"ci_high": mean + 0.25 / patients**0.5, "warning": ""}
                    rows.append(row | ({"warning": "too few patients"} if patients < 10 else {}))
    return rows


def _comparison(rng, models, labels) -> list[dict[str, object]]:
    rows = []
    pairs = [(a, b) for i, a in enumerate(models) for b in models[i + 1 :]]
    for split in ("test", "train"):
        for metric, unit in (("dice", "ratio"), ("nsd", "ratio"), ("hd95", "mm"), ("iou", "ratio")):
            names = [*labels, *(["mean"] if metric == "dice" else [])]
            for model, other in pairs:
                for label in names:
                    scale = 1.0 if unit == "ratio" else 20.0
                    difference = float(rng.normal(0.02, 0.03)) * scale
                    reach, p = 0.03 * scale, float(np.clip(rng.gamma(0.3, 0.4), 0.0001, 1))
                    row = {"split": split, "label": label, "metric": metric, "unit": unit}
                    row |= {"model": model, "other": other, "patients": 12, "difference": difference}
                    row |= {"ci_low": difference - reach, "ci_high": difference + reach, "p_holm": p}
                    verdict = f"{model} is better" if p < 0.05 else "no difference shown"
                    rows.append(row | {"seed_noise": 0.01 * scale, "verdict": verdict})
    return rows
