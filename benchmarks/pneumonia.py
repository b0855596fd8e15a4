"""Pneumonia on chest X-rays of 28 x 28 pixels: config/pneumonia.yaml end to end.

    python benchmarks/pneumonia.py --data DIR [--sizes 64] [--minutes 12] [--folds 2] [--cores 2]

DIR holds the archive (PneumoniaMNIST, pneumonia_28px.npz). Its train part is learned from in folds, its val
part is held out and decides nothing. The official test part, from which published numbers come, is not in it.
Writes benchmarks/results/pneumonia.{tsv,md}.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from luna16_patches import facts, run, tell


def main() -> None:
    """Run every size, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the archive")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64])
    parser.add_argument("--minutes", type=float, default=12.0, help="training time of all folds together")
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    rows = []
    for size in options.sizes:
        overlay = {
            "data": {"layout": "npz", "root": str(options.data.resolve())},
            "slice": {"size": size},
            "fit": {"minutes": options.minutes / options.folds, "folds": list(range(options.folds))},
        }
        name = f"pneumonia-{size}-{options.folds}x{options.minutes / options.folds:g}"
        rows.append({"size": str(size)} | facts(run("pneumonia", name, overlay, options.cores), "pneumonia"))
    how = f"{options.folds} folds, {options.minutes:g} minutes of training in all, --cores {options.cores}"
    tell("pneumonia", how, rows)


if __name__ == "__main__":
    main()
