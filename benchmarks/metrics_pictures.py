"""Draw the pictures of docs/metrics.md, with numbers that segmake (and in the last one MONAI) computes.

    python benchmarks/metrics_pictures.py

Writes docs/images/{overlap,surfaces,lesions,missed_lesions}.svg and docs/images/missed_lesions.tsv.
"""

from __future__ import annotations

import pathlib
import warnings
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from segmake import metrics
from segmake.figures.style import colour, house_style, to_svg
from segmake.metrics.components import components, dilate
from segmake.metrics.surface import surface_distances
from segmake.tables import write_table

IMAGES = pathlib.Path(__file__).resolve().parents[1] / "docs" / "images"
ONE_MM = (1.0, 1.0, 1.0)
TOLERANCE_MM = 2.0
TRUE, FOUND, RIGHT = colour(0), colour(1), colour(3)
RULE = metrics.RULES["brats2023"]
MISSED = (0, 10, 20, 30, 40, 50, 75, 100)


def disc(shape: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
    """Filled ellipse [X, Y, 1]."""
    x, y = np.ogrid[: shape[0], : shape[1]]
    inside: np.ndarray = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 <= 1
    return inside[..., None]


def outline(panel: Any, mask: np.ndarray, ink: str) -> None:
    """Draw the border of a slice along its voxel faces, as one path."""
    flat = np.pad(mask[..., 0], 1).astype(np.int8)
    corners: list[tuple[float, float]] = []
    for x, y in np.argwhere(np.diff(flat, axis=0)):
        corners += [(x - 0.5, y - 1.5), (x - 0.5, y - 0.5)]
    for x, y in np.argwhere(np.diff(flat, axis=1)):
        corners += [(x - 1.5, y - 0.5), (x - 0.5, y - 0.5)]
    faces = Path(corners, [Path.MOVETO, Path.LINETO] * (len(corners) // 2))
    panel.add_patch(PathPatch(faces, fill=False, edgecolor=ink, lw=1.7, capstyle="round"))


def bare(panel: Any, shape: tuple[int, ...], title: str) -> None:
    """No axes, square voxels."""
    panel.set(aspect="equal", xlim=(-1, shape[0]), ylim=(-1, shape[1]))
    panel.axis("off")
    panel.set_title(title)


def shade(panel: Any, mask: np.ndarray, ink: str, alpha: float) -> None:
    """Fill the voxels of a slice, as one path of columns."""
    flat = np.pad(mask[..., 0], ((0, 0), (1, 1))).astype(np.int8)
    edges = np.argwhere(np.diff(flat, axis=1))
    corners: list[tuple[float, float]] = []
    for (x, low), (_, high) in zip(edges[::2], edges[1::2], strict=True):
        around = ((-0.5, low), (0.5, low), (0.5, high), (-0.5, high), (-0.5, low))
        corners += [(x + dx, y - 0.5) for dx, y in around]
    boxes = Path(corners, [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY] * (len(corners) // 5))
    panel.add_patch(PathPatch(boxes, facecolor=ink, alpha=alpha, lw=0))


def overlap() -> Figure:
    """TP, FP and FN of two ellipses, and the ratios made of them."""
    shape = (30, 18)
    truth, found = disc(shape, (12, 8.5), (9, 7)), disc(shape, (17, 9), (8, 6.2))
    with house_style():
        figure = Figure(figsize=(4.6, 2.6), layout="constrained")
        panel = figure.subplots()
        for mask, fill, name in (
            (truth & found, RIGHT, "TP"),
            (found & ~truth, FOUND, "FP"),
            (truth & ~found, TRUE, "FN"),
        ):
            shade(panel, mask, fill, 0.35)
            x, y, _ = np.argwhere(mask).mean(axis=0)
            panel.text(x, y, f"{name} {int(mask.sum())}", ha="center", va="center", weight="bold")
        outline(panel, truth, TRUE)
        outline(panel, found, FOUND)
        names = {
            "Dice": metrics.dice,
            "IoU": metrics.iou,
            "precision": metrics.precision,
            "recall": metrics.recall,
        }
        text = "   ".join(f"{name} {metric(found, truth):.3f}" for name, metric in names.items())
        bare(panel, shape, "Voxels right (TP), too many (FP) and missing (FN)")
        panel.text(shape[0] / 2, -1.2, text, ha="center", va="top")
    return figure


def surfaces() -> Figure:
    """Distance of each surface point to the other surface, and what the reducers make of it."""
    shape = (34, 22)
    truth = disc(shape, (13, 10.5), (9, 8))
    found = disc(shape, (14.5, 10), (9, 7)) | disc(shape, (26, 14), (5, 2.2))
    deep = [np.repeat(mask, 200, axis=2) for mask in (found, truth)]  # a prism: its ends weigh little
    measured = surface_distances(*deep, ONE_MM)
    with house_style():
        figure = Figure(figsize=(7.2, 2.9), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
        shade(left, truth, TRUE, 0.12)
        outline(left, truth, TRUE)
        outline(left, found, FOUND)
        bare(left, shape, "Surfaces of truth and prediction")
        left.text(6, 20.2, "truth", color=TRUE, weight="bold")
        left.text(24, 17.6, "prediction", color=FOUND, weight="bold")
        for directed, ink, name in (
            (measured.to_prediction, TRUE, "truth to prediction"),
            (measured.to_truth, FOUND, "prediction to truth"),
        ):
            share = np.cumsum(directed.area_mm2) / directed.area_mm2.sum()
            right.step(directed.distance_mm, 100 * share, where="post", color=ink, label=name)
            at = directed.percentile_mm(95)
            right.plot([at], [95], "o", color=ink, ms=5)
        right.axhline(95, color="0.6", lw=0.8, ls="--")
        right.axvspan(0, TOLERANCE_MM, color="0.92", zorder=0)
        right.set(xlabel="distance to the other surface (mm)", ylabel="% of the surface", ylim=(0, 102))
        right.legend(loc="lower right")
        values = {
            "HD": metrics.hd(*deep, ONE_MM),
            "HD95": metrics.hd95(*deep, ONE_MM),
            "ASSD": metrics.assd(*deep, ONE_MM),
        }
        text = "   ".join(f"{name} {value:.2f} mm" for name, value in values.items())
        near = metrics.nsd(*deep, ONE_MM, TOLERANCE_MM)
        right.set_title(
            f"{text}\nNSD at {TOLERANCE_MM:g} mm (grey): {near:.3f}", fontsize=7.5, weight="normal"
        )
    return figure


def lesions() -> Figure:
    """Found, merged, missed and invented lesions by the rule of BraTS 2023."""
    shape = (74, 30)
    parts = [((9, 15), (6, 6)), ((32, 17), (4.5, 5)), ((42, 16), (3.5, 4)), ((63, 20), (5, 5))]
    truth = np.any([disc(shape, *part) for part in parts], axis=0)
    found = np.any(
        [disc(shape, *p) for p in (((10, 14), (6, 5)), ((33, 17), (4, 6)), ((56, 5), (3, 2.5)))], axis=0
    )
    deep = [np.repeat(mask, 5, axis=2) for mask in (found, truth)]  # five slices: large enough to be scored
    result = metrics.lesion_wise(*deep, ONE_MM, RULE)
    grown = dilate(truth, RULE.dilation)
    with house_style():
        figure = Figure(figsize=(7.2, 3.3), layout="constrained")
        panel = figure.subplots()
        shade(panel, grown, "0.5", 0.15)
        shade(panel, truth, TRUE, 0.35)
        outline(panel, found, FOUND)
        merged = components(grown)
        for lesion, dice in zip(range(1, merged.count + 1), result.dice, strict=True):
            x = np.argwhere((merged.parts == lesion) & truth)[:, 0].mean()
            note = f"Dice {dice:.2f}" if dice else "missed: 0"
            panel.text(x, 0.8 if dice else 8.5, note, ha="center", weight="bold")
        panel.text(56, 0.8, "false alarm: 0", ha="center", weight="bold")
        number = len(result.dice) + result.false_alarms
        bare(
            panel,
            shape,
            f"Lesion-wise Dice {result.lesion_wise_dice:.3f} over {number}: "
            f"{result.found} found, {result.missed} missed, {result.false_alarms} false alarm",
        )
        panel.text(0, 28.5, "blue: truth; grey: truth dilated; line: prediction", fontsize=7.5)
    return figure


def many_lesions(missed: int) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and truth: a large lesion, moved by two voxels, and 100 small ones, some missed."""
    truth = np.zeros((130, 130, 130), dtype=bool)
    x, y, z = np.ogrid[:130, :130, :130]
    truth |= (x - 65) ** 2 + (y - 65) ** 2 + (z - 65) ** 2 <= 45**2
    found = np.roll(truth, 2, 0)
    places = [(a, b) for a in range(6, 126, 12) for b in range(6, 126, 12)]
    order = np.random.default_rng(0).permutation(len(places))
    for number, place in enumerate(order):
        a, b = places[place]
        truth[a : a + 2, b : b + 2, 4:6] = True
        found[a : a + 2, b : b + 2, 4:6] = number >= missed
    return found, truth


def monai_hd95(found: np.ndarray, truth: np.ndarray) -> float:
    """HD95 of MONAI."""
    import torch
    from monai.metrics import compute_hausdorff_distance

    pair = [torch.from_numpy(mask)[None, None] for mask in (found, truth)]
    return float(compute_hausdorff_distance(*pair, include_background=True, percentile=95))


def missed_rows() -> list[dict[str, object]]:
    """Scores as more and more of 100 small lesions are missed."""
    rows: list[dict[str, object]] = []
    for missed in MISSED:
        found, truth = many_lesions(missed)
        of = metrics.lesion_wise(found, truth, ONE_MM, metrics.RULES["overlap"])
        values = {
            "monai_hd95": monai_hd95(found, truth),
            "hd95": metrics.hd95(found, truth, ONE_MM),
            "dice": metrics.dice(found, truth),
            "nsd": metrics.nsd(found, truth, ONE_MM, TOLERANCE_MM),
            "lesion_wise_dice": of.lesion_wise_dice,
            "lesion_wise_hd95": of.lesion_wise_hd95_mm,
            "lesion_sensitivity": of.found / (of.found + of.missed),
            "panoptic_quality": metrics.panoptic_quality(found, truth),
        }
        rows.append({"missed": missed} | {name: f"{value:.4f}" for name, value in values.items()})
    return rows


def missed_lesions(rows: list[dict[str, object]]) -> Figure:
    """What moves and what does not."""
    with house_style():
        figure = Figure(figsize=(7.2, 2.7), layout="constrained")
        left, right = figure.subplots(1, 2)
        ratios = ("dice", "nsd", "lesion_wise_dice", "panoptic_quality")
        for panel, names in ((left, ratios), (right, ("monai_hd95", "hd95", "lesion_wise_hd95"))):
            for i, name in enumerate(names):
                title = name.replace("_", " ").replace("monai hd95", "HD95 of MONAI").replace("hd95", "HD95")
                dashes = "--" if name == "hd95" else "-"
                y = [float(str(row[name])) for row in rows]
                panel.plot(MISSED, y, marker="o", ms=3, ls=dashes, color=colour(i), label=title)
            panel.set(xlabel="missed, of 100 small lesions beside a large one")
            panel.legend(loc="best")
        left.set(ylim=(0, 1.05), title="Ratios")
        right.set(title="Distances (mm)")
        right.set_ylim(bottom=0)
    return figure


def main() -> None:
    """Draw all."""
    warnings.simplefilter("ignore")  # of MONAI's own dependencies
    rows = missed_rows()
    figures = {
        "overlap": overlap(),
        "surfaces": surfaces(),
        "lesions": lesions(),
        "missed_lesions": missed_lesions(rows),
    }
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        (IMAGES / f"{name}.svg").write_bytes(to_svg(figure))
    write_table(IMAGES / "missed_lesions.tsv", rows)


if __name__ == "__main__":
    main()
