"""Run a configuration through the real Snakefile and table what it reached in what time.

    python benchmarks/accuracy.py config/hippocampus.yaml [--cores 2] [--root DIR]

A run that is already done is only read. Writes benchmarks/results/accuracy_<name>.{tsv,md}: Dice, HD95 and
NSD per label with intervals over patients, the training time and steps of each fold, versions and machine;
of classifiers AUC, sensitivity and specificity per level, and sensitivity at false positives per scan (FROC).
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import yaml

from segmake.tables import Row, read_table, write_table, write_text

CHECKOUT = Path(__file__).resolve().parents[1]
RESULTS = CHECKOUT / "benchmarks" / "results"
METRICS = ("dice", "hd95", "nsd")
JUDGED = ("auroc", "sensitivity", "specificity")


def main() -> None:
    """Run, collect, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configfile", type=Path)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--root", help="folder of the data, where it is not the configured one")
    options = parser.parse_args()
    run(options.configfile, options.cores, options.root)
    workdir = CHECKOUT / yaml.safe_load(options.configfile.read_text(encoding="utf-8"))["workdir"]
    name = f"accuracy_{options.configfile.stem}"
    scores = [score for path in sorted(workdir.glob("evaluate/*/summary.tsv")) for score in read_scores(path)]
    write_table(RESULTS / f"{name}.tsv", scores)
    judged = [row for path in sorted(workdir.glob("score/*/summary.tsv")) for row in read_judged(path)]
    if judged:
        write_table(RESULTS / f"{name}_classes.tsv", judged)
    text = page(options.configfile, (scores, judged), read_training(workdir), read_manifest(workdir))
    write_text(RESULTS / f"{name}.md", text)
    sys.stdout.write(text)


def run(configfile: Path, cores: int, root: str | None) -> None:
    """Run the workflow to its end."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        str(cores),
        "--configfile",
        str(configfile.resolve()),
    ]
    if root:
        command += ["--config", f"data={{root: {root}}}"]
    subprocess.run(command, cwd=CHECKOUT, check=True)


def read_scores(path: Path) -> list[Row]:
    """Rows of a summary that matter here, with their model."""
    rows = [row for row in read_table(path) if row["metric"] in METRICS]
    return [{"model": path.parent.name, **row} for row in rows]


def read_judged(path: Path) -> list[Row]:
    """Rows of a classifier that matter here, and those of its FROC over all scans."""
    shown = ("level", "split", "metric", "class", "value", "low", "high", "patients")
    rows = [
        {"classifier": path.parent.name} | {name: row[name] for name in shown}
        for row in read_table(path)
        if row["metric"] in JUDGED
    ]
    froc = path.with_name("froc.tsv")
    for row in read_table(froc) if froc.exists() else []:
        told = {
            "classifier": path.parent.name,
            "level": "froc",
            "metric": row["measure"],
            "value": row["value"],
        }
        if row["fp_per_scan"]:
            told["metric"] += f" at {float(row['fp_per_scan']):g} false positives per scan"
        rows.append(dict.fromkeys(rows[0], "") | told | {"low": row["ci_low"], "high": row["ci_high"]})
    return rows


def read_training(workdir: Path) -> list[Row]:
    """Steps and minutes of each training run."""
    found = []
    for path in sorted(workdir.glob("*/*/fold-*/history.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            last = list(csv.DictReader(stream))[-1]
        seconds = json.loads(path.with_name("model.manifest.json").read_text(encoding="utf-8"))["seconds"]
        run = {"model": path.parts[-3], "fold": path.parent.name.removeprefix("fold-")}
        found.append({**run, "steps": last["step"], "minutes": f"{seconds / 60:.1f}"})
    return found


def read_manifest(workdir: Path) -> dict[str, object]:
    """What the first training run was made with."""
    path = sorted(workdir.glob("train/*/fold-*/model.manifest.json"))[0]
    manifest: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def page(
    configfile: Path, found: tuple[list[Row], list[Row]], training: list[Row], manifest: dict[str, object]
) -> str:
    """The tables as Markdown. found: scores of label maps, and of classifiers."""
    scores, judged = found
    lines = [f"# {configfile.stem}: what was reached, in what time", ""]
    lines += table(["model", "fold", "steps", "minutes"], training)
    lines += ["", "Minutes are those of the whole training job. Scores are on the native grid of each case;"]
    lines += ["the split `train` is scored out of fold.", ""]
    shown = [
        "model",
        "split",
        "label",
        "metric",
        "cases",
        "mean",
        "ci_low",
        "ci_high",
        "missed",
        "false_alarm",
    ]
    lines += table(shown, scores)
    if judged:
        lines += ["", "Classifiers; `froc` is over all scans, its marks what the first model found.", ""]
        lines += table(list(judged[0]), judged)
    packages = manifest["packages"]
    names = ("segmake", "torch", "monai", "snakemake")
    versions = ", ".join(f"{name} {packages[name]}" for name in names if isinstance(packages, dict))
    lines += ["", f"{manifest['processor']}, {manifest['started']}, Python {manifest['python']}, {versions}."]
    return "\n".join([*lines, "Written by `benchmarks/accuracy.py`."]) + "\n"


def table(columns: list[str], rows: list[Row]) -> list[str]:
    """A Markdown table; numbers with four digits."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return lines + ["| " + " | ".join(short(row.get(name, "")) for name in columns) + " |" for row in rows]


def short(text: str) -> str:
    """A number with four significant digits, any other text as it is."""
    try:
        return text if text.isdigit() else f"{float(text):.4g}"
    except ValueError:
        return text


if __name__ == "__main__":
    main()
