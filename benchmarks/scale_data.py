"""Data sets of any size for scale.py: sheets whose outputs are empty files, tiny scans that really run."""

from __future__ import annotations

import subprocess
from pathlib import Path

HEAD = "case\tgroup\tsplit\tt1\tlabel"
SIDE = 16
TINY = """
plan:
  {folds: 2, spacing_mm: [1, 1, 1], patch: [16, 16, 16],
   batch: 2, features: [2, 4, 4], strides: [[1, 1, 1], [2, 2, 2], [2, 2, 2]]}
train: {folds: [0], steps: 2}
predict: {backend: torch}
evaluate: {resamples: 100}
"""


def write_config(folder: Path, shards: int, more: str = "") -> Path:
    """The configuration of a sheet in a folder."""
    path = folder / "my.yaml"
    path.write_text(
        f"workdir: {folder}/results\nshards: {shards}\n"
        f"data: {{cases: {folder}/cases.tsv, channels: {{t1: mr}}, labels: {{tumour: 1}}}}\n{more}",
        encoding="utf-8",
    )
    return path


def write_sheet(folder: Path, cases: int, shards: int, new: int = 0) -> Path:
    """A sheet of cases with two files each, in folders of a thousand, and its configuration."""
    lines = [HEAD]
    for number in range(cases + new):
        place = folder / f"scans/{number // 1000:03d}"
        files = [place / f"{number}_{kind}.nii.gz" for kind in ("t1", "seg")]
        if not files[0].exists():
            place.mkdir(parents=True, exist_ok=True)
            for file in files:
                file.touch()
        split, label = ("train", files[1]) if number < cases else ("new", "")
        lines.append(f"case-{number:07d}\tpatient-{number // 2:07d}\t{split}\t{files[0]}\t{label}")
    (folder / "cases.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return write_config(folder, shards)


def write_touched(command: list[str], results: Path) -> None:
    """Make every declared output as an empty file and let Snakemake take it for done."""
    listed = subprocess.run([*command, "--summary"], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines()[1:]:
        if "\t" in line:
            path = results / line.split("\t")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(exist_ok=True) if not path.suffix else path.touch()
    subprocess.run([*command, "--touch", "--forceall", "--quiet", "all"], capture_output=True, check=True)


def write_real(folder: Path, cases: int, shards: int, new: int = 0) -> Path:
    """Tiny scans with a ball as their label, no two alike, their sheet and configuration."""
    import nibabel as nib
    import numpy as np

    lines = [HEAD]
    axes = np.indices((SIDE, SIDE, SIDE)) - SIDE / 2
    for number in range(cases + new):
        names = [folder / f"{number}_{kind}.nii.gz" for kind in ("t1", "seg")]
        if not names[0].exists():
            rng = np.random.default_rng(number)
            noise = rng.normal(100, 10, axes.shape[1:])
            ball = (np.sqrt((axes**2).sum(0)) < 5) & (rng.random(axes.shape[1:]) < 0.9)
            for name, data in zip(names, (noise + 50 * ball, ball), strict=True):
                kind = np.float32 if name.name.endswith("t1.nii.gz") else np.uint8
                nib.save(nib.Nifti1Image(data.astype(kind), np.eye(4)), name)
        split, label = ("train", names[1]) if number < cases else ("new", "")
        lines.append(f"case-{number:06d}\tpatient-{number:06d}\t{split}\t{names[0]}\t{label}")
    (folder / "cases.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return write_config(folder, shards, TINY)
