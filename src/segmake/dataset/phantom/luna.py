"""Chest CT in HU with one to three nodules: isolated, on a vessel or against the pleura.

Nodules, vessels, heart and chest wall have the same HU; only shape tells a nodule, so thresholds fail.
"""

from __future__ import annotations

import numpy as np

from segmake.dataset.phantom import case_class
from segmake.dataset.phantom.chest import AIR, BLOOD, Chest
from segmake.dataset.phantom.grid import Acquisition, Grid, Lesion, Phantom, lay_grid, stream
from segmake.dataset.phantom.nodule import Nodule
from segmake.dataset.phantom.shapes import Tube, Waves, cover, paint, paint_tubes
from segmake.errors import InputError
from segmake.volume.volume import Affine, Array, Volume

ACQUISITIONS = (  # right-handed, for a DICOM series has no other
    Acquisition("LPS"),
    Acquisition("LPS", (1.0, 1.0, 1.6)),
    Acquisition("RAS", (1.0, 1.0, 1.25)),
    Acquisition("LIP", (1.0, 1.0, 1.2)),
    Acquisition("LPS", (1.0, 1.0, 2.0)),
)
ADULT_MM, FINEST_MM = 170.0, 2.2
HU_RANGE = (-1024, 3071)


def make(seed: int, index: int, size: int) -> Phantom:
    """One case: channel ct in HU, label 1 nodule."""
    shape, world, anatomy, chest = geometry(seed, index, size)
    grid, rng = Grid(shape, anatomy), stream(seed, "luna", index, "chest")
    image = np.full((1, *shape), AIR, dtype=np.float32)
    chest.paint_body(image, grid, rng)
    chest.paint_lungs(image, grid, rng)
    vessels = chest.vessels(rng)
    paint_tubes(image, grid, vessels, [BLOOD])
    nodules = draw_nodules(seed, index, chest, vessels)
    label = np.zeros((1, *shape), dtype=np.uint8)
    for nodule, _ in nodules:
        _place(image, label, grid, nodule)
    scan = Volume(_scan(image[0], grid, stream(seed, "luna", index, "scan", size))[np.newaxis], world)
    to_world = world @ np.linalg.inv(anatomy)
    lesions = tuple(_truth(nodule, kind, to_world) for nodule, kind in nodules)
    return Phantom(scan, Volume(label, world), lesions)


def geometry(seed: int, index: int, size: int) -> tuple[tuple[int, int, int], Affine, Affine, Chest]:
    """Shape of the grid, its affine to world mm, its affine to anatomy mm, and the chest in it."""
    rng = stream(seed, "luna", index, "grid")
    scale = min(ADULT_MM, size * FINEST_MM / 2) * float(rng.uniform(0.92, 1.0))
    extent = np.array([2.0, 1.62, 1.85]) * scale * rng.uniform(0.98, 1.06, 3)
    centre = np.array([0.0, 160.0, -250.0]) + rng.uniform(-20, 20, 3)
    shape, world = lay_grid(ACQUISITIONS[index % len(ACQUISITIONS)], extent, size, centre)
    anatomy = np.array(world)
    anatomy[:3, 3] -= centre + rng.uniform(-0.03, 0.03, 3) * scale
    return shape, world, anatomy, Chest(scale)


def draw_nodules(seed: int, index: int, chest: Chest, vessels: list[Tube]) -> list[tuple[Nodule, str]]:
    """The nodules of one case with their class; in a malignant case the first is malignant."""
    rng = stream(seed, "luna", index, "nodules")
    malignant_case = case_class("luna", index) == "malignant"
    found: list[tuple[Nodule, str]] = []
    for number in range(int(rng.integers(1, 4))):
        malignant = malignant_case and (number == 0 or bool(rng.random() < 0.4))
        diameter = float(rng.uniform(11, 19) if malignant else rng.uniform(8, 15))
        taken = [(nodule.middle, nodule.reach_mm) for nodule, _ in found]
        middle = _find_place(rng, chest, vessels, 0.5 * diameter, taken)
        if middle is not None:
            kind = "malignant" if malignant else "benign"
            found.append((Nodule.draw(rng, middle, diameter, malignant), kind))
    if not found:
        raise InputError(f"no place for a nodule in case {index}; use a larger size")
    return found


def _find_place(
    rng: np.random.Generator,
    chest: Chest,
    vessels: list[Tube],
    radius_mm: float,
    taken: list[tuple[Array, float]],
) -> Array | None:
    """A place inside a lung, touching the pleura or on a vessel or neither, clear of other nodules."""
    scale = chest.scale_mm
    points = rng.uniform(-1, 1, (3, 4000)) * np.array([[0.75], [0.5], [0.85]]) * scale
    where = rng.choice(["inside", "pleura", "vessel"])
    if where == "vessel":
        twigs = [tube.end for tube in vessels if tube.radius_mm < 0.03 * scale]
        points = np.concatenate([np.stack(twigs, axis=1), points], axis=1)
    depth = -chest.lungs(points)
    good = depth > 1.1 * radius_mm
    if where == "pleura":
        touching = np.abs(depth - radius_mm) < 0.1 * radius_mm
        good = touching if touching.any() else good
    for middle, reach in taken:
        good &= np.linalg.norm(points - middle[:, None], axis=0) > reach + 1.6 * radius_mm + 4
    choices = np.flatnonzero(good)
    if not len(choices):
        return None
    pick = int(choices[0]) if where == "vessel" else int(rng.choice(choices))
    result: Array = points[:, pick]
    return result


def _place(image: Array, label: Array, grid: Grid, nodule: Nodule) -> None:
    part = grid.around(nodule.middle, nodule.reach_mm + grid.voxel_mm)
    if part is not None:
        box, local = part
        distance = nodule.distance(local)
        paint(image[(slice(None), *box)], cover(distance, grid.voxel_mm), [nodule.hu])
        label[(0, *box)][distance < 0] = 1


def _scan(image: Array, grid: Grid, rng: np.random.Generator) -> Array:
    """Add the noise of a CT (correlated and white), round to int16 HU within the scanner's range."""
    noise = rng.uniform(8, 16) * rng.standard_normal(image.shape, dtype=np.float32)
    noise += rng.uniform(6, 12) * Waves.draw(rng, 3.5 * grid.voxel_mm).on(grid)
    hu: Array = np.clip(np.round(image + noise), *HU_RANGE).astype(np.int16)
    return hu


def _truth(nodule: Nodule, kind: str, to_world: Affine) -> Lesion:
    volume_ml, centroid = nodule.volume_and_centroid()
    x, y, z = (float(value) for value in to_world[:3, :3] @ centroid + to_world[:3, 3])
    return Lesion((x, y, z), volume_ml, kind)
