"""Does a Grad-CAM light up on the nodule? Share of the heat inside the lesion's box, against chance.

    snakemake --configfile config/luna.yaml --cores all
    python benchmarks/gradcam.py results/luna [--classifier NAME]

Every true nodule of the phantoms is shown to the classifiers that have not learned from its case, in a patch
that is cut up to a quarter of its side off the nodule: a network that only looks at the middle gains nothing.
The box is that of the true label map in the same patch; chance is its share of the patch's area. Maps are of
the class that was called. Writes benchmarks/results/gradcam.{tsv,md}.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnunet import bullets
from segmake.inference.attention import grad_cam, heat_share, occlusion
from segmake.learning.classifier import TrainedClassifier, load_classifier, normalise
from segmake.patches import read_folds
from segmake.prepare.cutting import Sight, patch_at
from segmake.prepare.framing import find_window
from segmake.provenance import package_versions, processor_name
from segmake.tables import Row, read_cases, write_table, write_text
from segmake.volume.findings import findings
from segmake.volume.read import read_volume
from segmake.volume.volume import Array, Volume

RESULTS = Path(__file__).resolve().parent / "results"
OFF = 0.25
"""Largest distance of the nodule from the patch's middle along each axis, in sides."""


def sights(settings: dict[str, Any], volume: Volume) -> tuple[Sight, Sight]:
    """How the patches were cut, and the same for the label map."""
    window = settings["window"].get("ct") or find_window(volume.data, "ct")
    planes, size = settings["planes"], settings["size"]
    return Sight([tuple(window)], planes, size), Sight([(0.0, 1.0)], planes, size)


def box(mask: Array) -> Array:
    """Bounding box of a mask [S, S], as a mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    inside = np.zeros_like(mask)
    inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return inside


def patches(row: Row, settings: dict[str, Any], random: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """Each nodule of a case off the middle of a patch: pixels [C, S, S], box [S, S]."""
    volume, label = read_volume(Path(row["path"])), read_volume(Path(row["label"]))
    extent = settings["extent_mm"] or 50.0
    sight, plain = sights(settings, volume)
    for part in findings(Volume((label.data > 0).astype(np.uint8), label.affine), {"nodule": 1}, 0.0):
        for _ in range(20):  # a nodule at the pleura may leave no room on one side
            centre = np.array(part.centroid_mm)
            centre[:2] += random.uniform(-OFF, OFF, 2) * extent
            mask = patch_at(Volume((label.data > 0).astype(np.float32), label.affine), centre, extent, plain)
            shown = (mask > 127).any(axis=0)  # in whichever plane
            if shown.any():
                yield patch_at(volume, centre, extent, sight), box(shown)
                break


def measure(folder: Path, models: list[TrainedClassifier], settings: dict[str, Any]) -> list[Row]:
    """A row per nodule."""
    folds = read_folds(folder / "divide/folds.tsv")
    random = np.random.default_rng(0)
    rows: list[Row] = []
    for row in read_cases(sorted((folder / "convert").glob("shard-*.tsv"))):
        fold = folds.get(row["case"])
        fit = [m for m in models if (fold is None or m.fold == fold) and row["case"] not in m.training]
        for pixels, inside in patches(row, settings, random) if fit else ():
            image = normalise(torch.from_numpy(pixels[np.newaxis]))[0]
            with torch.inference_mode():
                called = int(fit[0].network(image[None]).argmax())
            network = fit[0].network
            maps = {
                "grad_cam": grad_cam(network, image, called),
                "occlusion": occlusion(network, image, called),
            }
            shares = {name: f"{heat_share(heat, inside):.4f}" for name, heat in maps.items()}
            row_of = {"case": row["case"], "split": row["split"], "called": fit[0].classes[called]}
            rows.append({**row_of, "chance": f"{inside.mean():.4f}", **shares})
    return rows


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--classifier", default="")
    options = parser.parse_args()
    fitted = options.results / "fit"
    name = options.classifier or min(path.name for path in fitted.iterdir())
    paths = sorted((fitted / name).glob("fold-*/model.pt"))
    models = [load_classifier(path, torch.device("cpu")) for path in paths]
    manifest = next(iter(sorted((options.results / "slice").glob("shard-*.manifest.json"))))
    settings = json.loads(manifest.read_text(encoding="utf-8"))["settings"]
    rows = measure(options.results, models, settings)
    means = {key: np.mean([float(row[key]) for row in rows]) for key in ("chance", "grad_cam", "occlusion")}
    facts = {
        "nodules": len(rows),
        "mean share of heat, Grad-CAM": f"{means['grad_cam']:.3f}",
        "mean share of heat, occlusion": f"{means['occlusion']:.3f}",
        "mean chance (area of the box)": f"{means['chance']:.3f}",
        "Grad-CAM above chance": f"{np.mean([float(r['grad_cam']) > float(r['chance']) for r in rows]):.0%}",
        "classifier": f"{name}, {models[0].settings.network}, {len(models)} folds",
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
