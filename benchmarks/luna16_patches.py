"""Nodule or not, on LUNA16 crops: config/luna16_patches.yaml end to end, and other sizes of the same crops.

    python benchmarks/luna16_patches.py --data DIR [--sizes 64 96 112 224] [--minutes 28] [--folds 2] [--of 5]

DIR holds patches.tar.gz and its two lists. The train list is learned from in so many folds, --minutes in all
(`fit` alone, not slicing); the folds together classify the val list, which decides nothing: no threshold, no
temperature, no step to stop at. The sizes, folds and minutes take the place of the configuration's.
Writes benchmarks/results/luna16_patches.{tsv,md}: scores on val with intervals, AUC of single folds on the
training patches that they did not see (`out_of_fold`), images/s of training. Rows of other runs stay.
"""

from __future__ import annotations

import argparse
import csv
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from segmake.learning.checkpoint import versions
from segmake.learning.classifier import load_classifier
from segmake.tables import read_table, write_table, write_text

CHECKOUT = Path(__file__).resolve().parents[1]
RESULTS = CHECKOUT / "benchmarks" / "results"
WORK = CHECKOUT / "build" / "benchmarks"
BAR = {"auroc": 0.988, "accuracy": 0.955}
"""What this project asks of itself on the val list."""
METRICS = ("auroc", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "brier", "ece")


def main() -> None:
    """Unpack, run every size, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with patches.tar.gz and its lists")
    parser.add_argument("--sizes", type=int, nargs="+", default=[96])
    parser.add_argument("--minutes", type=float, default=28.0, help="training time of all folds together")
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--of", type=int, default=5, help="how many folds the training patches are dealt to")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    root = unpack(options.data)
    table = RESULTS / "luna16_patches.tsv"
    rows = {(row["size"], row["folds"]): row for row in (read_table(table) if table.exists() else [])}
    folds = f"{options.folds} of {options.of}"
    for size in options.sizes:
        overlay = {
            "data": {"layout": "listed", "root": str(root)},
            "plan": {"folds": options.of},
            "slice": {"size": size},
            "fit": {"minutes": options.minutes / options.folds, "folds": list(range(options.folds))},
        }
        name = f"luna16_patches-{size}-{folds.replace(' ', '-')}-{options.minutes:g}"
        results = run("luna16_patches", name, overlay, options.cores)
        rows[str(size), folds] = {"size": str(size)} | facts(results, "nodule") | {"folds": folds}
    ordered = [rows[key] for key in sorted(rows, key=lambda key: (int(key[0]), key[1]))]
    tell("luna16_patches", f"--cores {options.cores}", ordered)


def unpack(data: Path) -> Path:
    """Pictures and lists in one folder, as the layout `listed` wants them."""
    root = WORK / "luna16_patches"
    if not (root / "val").is_dir():
        root.mkdir(parents=True, exist_ok=True)
        with tarfile.open(data / "patches.tar.gz") as archive:
            archive.extractall(root, filter="data")
        for path in data.glob("*labels.txt"):
            shutil.copy(path, root)
    return root


def run(config: str, name: str, overlay: Mapping[str, Any], cores: int) -> Path:
    """Run a configuration with an overlay up to the scores; its results folder."""
    results = WORK / name
    path = WORK / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**overlay, "workdir": str(results)}), encoding="utf-8")
    files = [str(CHECKOUT / "config" / f"{config}.yaml"), str(path)]
    command = [sys.executable, "-m", "snakemake", "-s", str(CHECKOUT / "Snakefile"), "--cores", str(cores)]
    command += ["--configfile", *files, "--quiet", "rules", "--until", "score"]
    subprocess.run(command, check=True, cwd=WORK)
    return results


def facts(results: Path, positive: str, classifier: str = "resnet18") -> dict[str, str]:
    """What the tables say of patches that are held out, and of the training."""
    table = read_table(results / "score" / classifier / "summary.tsv")
    rows = [row for row in table if (row["level"], row["split"]) == ("patch", "test")]
    scores = {row["metric"]: row for kind in ("all", positive) for row in rows if row["class"] == kind}
    found = {}
    for metric in METRICS:
        if metric in scores:
            row = scores[metric]
            found |= {metric: row["value"], f"{metric}_low": row["low"], f"{metric}_high": row["high"]}
    seen = (
        row for row in table if (row["level"], row["split"], row["metric"]) == ("patch", "train", "auroc")
    )
    found["out_of_fold"] = next(seen)["value"]
    minutes = images = 0.0
    models = sorted((results / "fit" / classifier).glob("fold-*/model.pt"))
    for path in models:
        model = load_classifier(path, torch.device("cpu"))
        text = (path.parent / "history.csv").read_text(encoding="utf-8")
        last = list(csv.DictReader(text.splitlines()))[-1]
        minutes += float(last["minutes"])
        images += float(last["step"]) * model.settings.batch
    found |= {"folds": str(len(models)), "minutes": f"{minutes:.1f}"}
    return found | {"images_s": f"{images / max(1e-9, 60 * minutes):.1f}"}


def tell(name: str, how: str, rows: Sequence[Mapping[str, str]]) -> None:
    """The table in words."""
    made = ", ".join(f"{package} {version}" for package, version in versions().items())
    shown = ["size", "folds", *[metric for metric in METRICS if metric in rows[0]]]
    shown += ["out_of_fold", "minutes", "images_s"]
    lines = [
        f"# config/{name}.yaml",
        "",
        f"{how}; {platform.processor() or platform.machine()}, {made}. Held-out patches, 95% intervals;",
        "`out_of_fold` is the AUC of single folds on the training patches that they did not see.",
        "",
        "| " + " | ".join(shown) + " |",
        "|" + "---|" * len(shown),
    ]
    lines += ["| " + " | ".join(cell(row, key) for key in shown) + " |" for row in rows]
    write_table(RESULTS / f"{name}.tsv", rows)
    write_text(RESULTS / f"{name}.md", "\n".join([*lines, ""]))
    print("\n".join(lines))


def cell(row: Mapping[str, str], key: str) -> str:
    """A figure, with its interval where it has one."""
    if row.get(f"{key}_low"):
        low, high = float(row[f"{key}_low"]), float(row[f"{key}_high"])
        return f"{float(row[key]):.3f} ({low:.3f} to {high:.3f})"
    return f"{float(row[key]):.3f}" if key in (*METRICS, "out_of_fold") else row[key]


if __name__ == "__main__":
    main()
