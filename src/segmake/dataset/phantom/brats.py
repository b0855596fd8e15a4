"""MR heads with a glioma: t1, t1ce, t2, flair with folded cortex, bias fields, Rician noise and look-alikes.

Brightness alone does not find the tumour: fat and lesions of the white matter are as bright as oedema on
FLAIR, vessels and sinuses as bright as the rim after contrast, ventricles as bright as necrosis on T2.
"""

from __future__ import annotations

import numpy as np

from segmake.dataset.phantom.grid import Acquisition, Grid, Lesion, Phantom, lay_grid, rotation, stream
from segmake.dataset.phantom.shapes import Tube, Waves, cover, ellipsoid, paint, paint_tubes
from segmake.dataset.phantom.tumour import Tumour, brain, labels_of, ventricles
from segmake.volume.volume import Affine, Array, Volume

ACQUISITIONS = (
    Acquisition("RAS"),
    Acquisition("LPS", (1.0, 1.0, 1.5)),
    Acquisition("LPS", (1.0, 1.0, 1.2), oblique_deg=13.0),
    Acquisition("PSR", (1.0, 1.0, 1.8)),
    Acquisition("RAS", (1.0, 1.0, 2.5)),
    Acquisition("LPS"),
)
TISSUES = {  # t1, t1ce, t2, flair: relative signal at 3 T
    "fat": (0.95, 0.95, 0.80, 0.72),
    "bone": (0.10, 0.10, 0.08, 0.08),
    "marrow": (0.45, 0.47, 0.32, 0.30),
    "muscle": (0.42, 0.50, 0.28, 0.34),
    "csf": (0.17, 0.18, 0.98, 0.13),
    "grey": (0.47, 0.50, 0.58, 0.60),
    "white": (0.70, 0.72, 0.43, 0.47),
    "eye": (0.15, 0.16, 0.95, 0.20),
    "air": (0.01, 0.01, 0.01, 0.01),
    "vessel": (0.35, 0.98, 0.14, 0.22),
    "scar": (0.58, 0.60, 0.74, 0.86),
    "edema": (0.45, 0.47, 0.76, 0.80),
    "rim": (0.43, 0.96, 0.64, 0.72),
    "necrosis": (0.24, 0.27, 0.88, 0.42),
}
DEEP_GREY = (
    ((9.0, -12.0, 2.0), (7.5, 14.0, 8.0)),
    ((25.0, 4.0, 0.0), (6.0, 16.0, 9.0)),
    ((14.0, 18.0, 7.0), (4.0, 9.0, 8.0)),
)


def make(seed: int, index: int, size: int) -> Phantom:
    """One case: channels t1, t1ce, t2, flair; labels 1 necrosis, 2 oedema, 4 enhancing rim."""
    shape, world, anatomy = geometry(seed, index, size)
    grid, tumour = Grid(shape, anatomy), Tumour.draw(seed, index)
    image = np.zeros((4, *shape), dtype=np.float32)
    _head(image, grid, seed, index)
    _brain(image, grid, tumour, seed, index)
    _lookalikes(image, grid, seed, index)
    bodies = tumour.bodies(grid)
    _lesion(image, grid, bodies)
    label = labels_of(bodies)
    truth = _truth(tumour, world @ np.linalg.inv(anatomy))
    scan = Volume(_scan(image, grid, seed, index, size), world)
    return Phantom(scan, Volume(label[np.newaxis], world), (truth,))


def geometry(seed: int, index: int, size: int) -> tuple[tuple[int, int, int], Affine, Affine]:
    """Shape of the grid, its affines to world mm and to anatomy mm (the head lies slightly turned)."""
    rng = stream(seed, "brats", index, "grid")
    acquisition = ACQUISITIONS[index % len(ACQUISITIONS)]
    extent = np.array([172.0, 212.0, 172.0]) * rng.uniform(0.98, 1.1, 3)
    centre = rng.uniform(-15, 15, 3)
    shape, world = lay_grid(acquisition, extent, size, centre)
    pose = np.eye(4)
    pose[:3, :3] = rotation(rng.standard_normal(3), float(rng.uniform(0, 6)))
    pose[:3, 3] = centre + rng.uniform(-3, 3, 3) + (0.0, 0.0, 6.0)
    return shape, world, np.linalg.inv(pose) @ world


def _head(image: Array, grid: Grid, seed: int, index: int) -> None:
    """Scalp, skull, and below the brain muscle, bone and air."""
    rng = stream(seed, "brats", index, "head")
    points, width = grid.points, grid.voxel_mm
    longer = points.copy()
    longer[2] = np.where(points[2] < 0, points[2] * 0.55, points[2])  # the head goes on into the neck
    skin = ellipsoid(longer, (0.0, 0.0, 0.0), (78.0, 95.0, 78.0)) + 1.2 * Waves.draw(rng, 60).on(grid)
    hull = brain(points)
    clutter = Waves.draw(rng, 22).on(grid)
    paint(image, cover(skin, width), TISSUES["muscle"])
    paint(image, cover(np.maximum(skin, -(skin + 6.5)), width), TISSUES["fat"])
    paint(image, cover(np.maximum(skin + 6.5, np.maximum(1.0 - clutter, hull - 30)), width), TISSUES["air"])
    paint(image, cover(np.maximum(skin + 6, 0.9 + clutter), width), TISSUES["fat"])
    paint(image, cover(np.maximum(hull - 11.0, skin + 6.0), width), TISSUES["bone"])
    paint(image, cover(np.abs(hull - 7.0) - 1.6, width), TISSUES["marrow"])
    paint(image, cover(hull - 3.0, width), TISSUES["csf"])
    for side in (-31.0, 31.0):
        eye = ellipsoid(points, (side, 74.0, -38.0), (12.0, 12.0, 12.0))
        paint(image, cover(eye, width), TISSUES["eye"])


def _brain(image: Array, grid: Grid, tumour: Tumour, seed: int, index: int) -> None:
    """White matter, cortex folded along the zero set of a random field, deep grey, ventricles, midline."""
    rng = stream(seed, "brats", index, "brain")
    width, depth = grid.voxel_mm, -brain(grid.points)
    moved = tumour.push(grid.points)
    folds = np.abs(Waves.draw(rng, 25, 64).on(grid)) * 4.2  # about mm: the field climbs by 2 pi / 25 a mm
    sulcus = np.minimum(folds + np.maximum(depth - 13, 0) * 0.3, depth)
    sulcus = np.minimum(sulcus, np.abs(moved[0]) + np.maximum(18 - np.abs(moved[2] - 10), 0) * 0.4)
    paint(image, cover(-depth, width), TISSUES["white"])
    paint(image, cover(np.maximum(-depth, sulcus - 4.2), width), TISSUES["grey"])
    _cerebellum(image, grid, depth, rng)
    for (x, y, z), radii in DEEP_GREY:
        nuclei = np.minimum(ellipsoid(moved, (x, y, z), radii), ellipsoid(moved, (-x, y, z), radii))
        paint(image, 0.8 * cover(nuclei, width), TISSUES["grey"])
    paint(image, cover(np.maximum(-depth, sulcus - 1.1), width), TISSUES["csf"])
    paint(image, cover(ventricles(moved), width), TISSUES["csf"])


def _cerebellum(image: Array, grid: Grid, depth: Array, rng: np.random.Generator) -> None:
    """Finer folds below and behind, and the brain stem."""
    width = grid.voxel_mm
    body = np.maximum(ellipsoid(grid.points, (0.0, -38.0, -42.0), (48.0, 33.0, 20.0)), 1.0 - depth)
    leaves = np.maximum(body + 4, np.abs(Waves.draw(rng, 11).on(grid)) * 1.8 - 1.0)
    paint(image, cover(np.maximum(body - 1.5, -depth), width), TISSUES["csf"])
    paint(image, cover(body, width), TISSUES["grey"])
    paint(image, 0.7 * cover(leaves, width), TISSUES["white"])
    stem = np.maximum(ellipsoid(grid.points, (0.0, -10.0), (11.0, 9.0)), grid.points[2] + 22)
    paint(image, cover(np.maximum(stem, -depth), width), TISSUES["white"])


def _lookalikes(image: Array, grid: Grid, seed: int, index: int) -> None:
    """Bright things that are no tumour: venous sinus, vessels, white-matter lesions."""
    rng = stream(seed, "brats", index, "lookalikes")
    points, width = grid.points, grid.voxel_mm
    sinus = np.maximum(np.abs(points[0]) - 3.5, np.abs(brain(points) - 0.5) - 3.0)
    paint(image, cover(np.maximum(sinus, -5 - points[2]), width), TISSUES["vessel"])
    for _ in range(int(rng.integers(8, 17))):
        side = float(rng.choice((-1.0, 1.0)))
        centre = (side * rng.uniform(15, 40), rng.uniform(-50, 50), rng.uniform(0, 36))
        scar = ellipsoid(points, centre, rng.uniform(2.5, 8.0, 3))
        paint(image, cover(scar, width), TISSUES["scar"])
    tubes = [tube for _ in range(14) for tube in _vessel(rng)]
    paint_tubes(image, grid, tubes, TISSUES["vessel"])


def _vessel(rng: np.random.Generator) -> list[Tube]:
    """A winding vessel: a smooth random walk inside the brain."""
    here = rng.uniform(-1, 1, 3) * (45, 60, 40)
    ahead = rng.standard_normal(3)
    radius = float(rng.uniform(0.9, 1.9))
    tubes = []
    for _ in range(9):
        ahead = ahead / np.linalg.norm(ahead) + 0.45 * rng.standard_normal(3)
        there = here + 7 * ahead / np.linalg.norm(ahead)
        if brain(there) > 0:
            break
        tubes.append(Tube(here, there, radius))
        here = there
    return tubes


def _lesion(image: Array, grid: Grid, bodies: tuple[Array, Array, Array]) -> None:
    whole, core, necrosis = bodies
    width = grid.voxel_mm
    paint(image, 0.92 * cover(whole, max(width, 2.5)), TISSUES["edema"])
    paint(image, cover(core, width), TISSUES["rim"])
    paint(image, cover(necrosis, width), TISSUES["necrosis"])


def _scan(image: Array, grid: Grid, seed: int, index: int, size: int) -> Array:
    """Signal -> what the scanner stores: texture, gain and bias per channel, Rician noise; int16."""
    rng = stream(seed, "brats", index, "scan", size)
    texture = Waves.draw(rng, 9).on(grid) + Waves.draw(rng, 35).on(grid)
    scan = np.empty(image.shape, dtype=np.int16)
    for channel, signal in enumerate(image):
        gain = rng.uniform(350, 1100)
        bias = np.exp(0.18 * Waves.draw(rng, 260, 24).on(grid))
        noise = rng.standard_normal((2, *grid.shape), dtype=np.float32) * rng.uniform(0.03, 0.055)
        real = signal * bias * (1 + 0.035 * texture) + noise[0]
        scan[channel] = np.round(gain * np.hypot(real, noise[1]))
    return scan


def _truth(tumour: Tumour, to_world: Affine) -> Lesion:
    """Volume and centroid of the whole tumour by quadrature of its analytic shape."""
    step, count = 1.5, int(np.ceil(2.2 * tumour.radius_mm))
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = tumour.centre - step * (count - 1) / 2
    grid = Grid((count, count, count), affine)
    inside = cover(tumour.bodies(grid)[0], step).astype(np.float64)
    centre = to_world[:3, :3] @ ((grid.points * inside).sum(axis=(1, 2, 3)) / inside.sum()) + to_world[:3, 3]
    x, y, z = (float(value) for value in centre)
    return Lesion((x, y, z), float(inside.sum()) * step**3 / 1000, "tumour")
