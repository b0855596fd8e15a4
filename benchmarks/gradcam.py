"""Does a Grad-CAM light up on the nodule? Share of the heat inside the lesion's box, against chance.

    python benchmarks/gradcam.py [--folder results/gradcam]

Luna phantoms are cut at places up to a quarter of a patch off each nodule, and at as many places without one:
a network that only looks at the middle gains nothing. The workflow fits a small ResNet to tell them apart. Of
the test patches with a nodule that it calls so, heat inside the box of the true label map in the same patch
is compared with the box's share of the area. Writes benchmarks/results/gradcam.{tsv,md}.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from nnunet import bullets
from segmake.inference.attention import grad_cam, heat_share
from segmake.learning.classifier import load_classifier, normalise
from segmake.patches import Patch, read_patches
from segmake.prepare.cutting import Sight, patch_at
from segmake.provenance import package_versions, processor_name
from segmake.tables import Row, read_cases, read_table, write_table, write_text
from segmake.volume.findings import findings
from segmake.volume.read import read_volume
from segmake.volume.store import load_array
from segmake.volume.volume import Array, Volume

CHECKOUT = Path(__file__).resolve().parents[1]
RESULTS = CHECKOUT / "benchmarks/results"
SIZE, EXTENT_MM, TURNS = 64, 40.0, 2
OFF = 0.25
"""Largest distance of the nodule from the patch's middle along x and y, in sides of a patch."""
CONFIG: dict[str, Any] = {
    "shards": 1,
    "data": {"layout": "phantom"},
    "phantom": {"kind": "luna", "count": 24, "size": 56, "test": 8},
    "plan": {"folds": 2},
}
BRANCH: dict[str, Any] = {
    "slice": {"source": "lesions", "size": SIZE, "extent_mm": EXTENT_MM},
    "divide": {"allow": ["duplicates", "shortcut", "group"]},  # patches of one nodule overlap
    "fit": {"network": "resnet10", "steps": 120, "batch": 16, "folds": [0], "flip": ["x", "y"], "lr": 2e-3},
    "classifiers": {"resnet10": {}},
}


def run(folder: Path, config: dict[str, Any], *targets: str) -> None:
    """Run the workflow."""
    overlay = folder / "overlay.yaml"
    write_text(overlay, yaml.safe_dump(config | {"workdir": str(folder)}))
    words = [sys.executable, "-m", "snakemake", *targets, "--cores", "all", "-q", "all"]
    subprocess.run([*words, "-s", str(CHECKOUT / "Snakefile"), "--configfile", str(overlay)], check=True)


def shown(label: Volume, centre: Array) -> Array:
    """The true label map in the patch round a place, as a mask [S, S]."""
    mask: Array = patch_at(label, centre, EXTENT_MM, Sight([(0.0, 1.0)], "axial", SIZE))[0] > 127
    return mask


def truth(row: Row) -> Volume:
    """The nodules of a converted case, 0 or 1."""
    label = read_volume(Path(row["label"]))
    return Volume((label.data > 0).astype(np.uint8), label.affine)


def places(row: Row, random: np.random.Generator) -> Iterator[tuple[Array, str]]:
    """Places off each nodule, and as many without any, in world mm (RAS+)."""
    label = truth(row)
    found = 0
    for part in findings(label, {"nodule": 1}, 0.0):
        for _ in range(TURNS):
            centre = np.array(part.centroid_mm)
            centre[:2] += random.uniform(-OFF, OFF, 2) * EXTENT_MM
            if inside(label, centre) and shown(label, centre).any():
                found += 1
                yield centre, "nodule"
    while found:
        voxel = random.uniform(0.2, 0.8, 3) * label.shape
        centre = (label.affine @ [*voxel, 1.0])[:3]
        if not shown(label, centre).any():
            found -= 1
            yield centre, "background"


def inside(volume: Volume, centre: Array) -> bool:
    """Whether a place lies in the volume."""
    voxel = (np.linalg.inv(volume.affine) @ [*centre, 1.0])[:3]
    return bool((voxel > 0).all() and (voxel < np.array(volume.shape) - 1).all())


def box(mask: Array) -> Array:
    """Bounding box of a mask [S, S], as a mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    result = np.zeros_like(mask)
    result[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return result


def measure(folder: Path) -> list[Row]:
    """A row per test patch with a nodule that is called so."""
    model = load_classifier(folder / "fit/resnet10/fold-0/model.pt", torch.device("cpu"))
    cases = {row["case"]: row for row in read_cases([folder / "convert/shard-00.tsv"])}
    rows: list[Row] = []
    for patch in read_patches([folder / "slice/shard-00.tsv"]):
        if patch.split == "test" and patch.class_ == "nodule":
            rows += of_patch(patch, truth(cases[patch.case]), model.network)
    return rows


def of_patch(patch: Patch, label: Volume, network: torch.nn.Module) -> Iterator[Row]:
    """The share of one patch, if it is called a nodule."""
    image = normalise(torch.from_numpy(load_array(patch.path)[[patch.index]]))[0]
    with torch.inference_mode():
        called = int(network(image[None]).argmax())
    if called == 1:
        lesion = box(shown(label, np.array([patch.x_mm, patch.y_mm, patch.z_mm])))
        share = heat_share(grad_cam(network, image, 1), lesion)
        yield {
            "case": patch.case,
            "patch": str(patch.index),
            "chance": f"{lesion.mean():.4f}",
            "share": f"{share:.4f}",
        }


def main() -> None:
    """Run, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=CHECKOUT / "results/gradcam")
    folder = parser.parse_args().folder.resolve()
    run(folder, CONFIG | {"models": {"unet": {}}}, "convert/shard-00.tsv")
    random = np.random.default_rng(0)
    names = ("case", "coordX", "coordY", "coordZ", "class")
    table = [
        dict(zip(names, (row["case"], *(centre * [-1, -1, 1]).round(3), kind), strict=True))
        for row in read_cases([folder / "convert/shard-00.tsv"])
        for centre, kind in places(row, random)
    ]
    write_table(folder / "places.tsv", table)
    branch = BRANCH | {"slice": BRANCH["slice"] | {"lesions": str(folder / "places.tsv")}}
    run(folder, CONFIG | {"models": {"unet": {}}} | branch, "score/resnet10/summary.tsv")
    rows = measure(folder)
    share, chance = (np.array([float(row[key]) for row in rows]) for key in ("share", "chance"))
    scores = read_table(folder / "score/resnet10/summary.tsv")
    area = next(r for r in scores if (r["level"], r["split"], r["metric"]) == ("patch", "test", "auroc"))
    facts = {
        "test patches with a nodule that are called so": len(rows),
        "mean share of the heat inside the box": f"{share.mean():.3f}",
        "mean share of the area (chance)": f"{chance.mean():.3f}",
        "ratio of the means": f"{share.mean() / chance.mean():.2f}",
        "patches above chance": f"{np.mean(share > chance):.0%}",
        "AUC of nodule against background, test patches": area["value"],
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor_name(),
        "torch": package_versions()["torch"],
    }
    text = "\n".join(["# Heat inside the nodule", "", bullets(facts), ""])
    print(text)
    write_table(RESULTS / "gradcam.tsv", rows)
    write_text(RESULTS / "gradcam.md", text)


if __name__ == "__main__":
    main()
