"""Where our definitions and MONAI's coincide, so must the numbers.

Dice, IoU and the surface Dice over sub-voxel surface elements are the same definitions. MONAI's Hausdorff
distance runs over boundary voxels, ours over the surface between voxels: equal for moved and nested boxes.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from segmake.metrics.counts import count
from segmake.metrics.overlap import dice, iou
from segmake.metrics.surface import hd_mm, nsd, surface_distances
from segmake.metrics.surfels import surfel_areas_mm2

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")
    monai = pytest.importorskip("monai.metrics")
    from monai.metrics.utils import create_table_neighbour_code_to_surface_area

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:monai")  # MONAI warns of itself
SPACINGS = [(1.0, 1.0, 1.0), (0.8, 1.5, 3.0)]


def batch(mask):
    return torch.from_numpy(mask)[None, None]


def random_masks(seed, density):
    """Two masks with an empty margin (MONAI's treatment of the image border is its own)."""
    masks = np.random.default_rng(seed).random((2, 10, 11, 12)) < density
    return np.pad(masks, ((0, 0), (2, 2), (2, 2), (2, 2)))


@pytest.mark.parametrize("spacing_mm", [*SPACINGS, (0.7, 3.0, 0.2)])
def test_surface_elements_have_the_reference_areas(spacing_mm):
    """All 256 neighbourhoods; MONAI numbers the eight voxels the other way round."""
    theirs, _ = create_table_neighbour_code_to_surface_area(spacing_mm)
    mirrored = [int(f"{code:08b}"[::-1], 2) for code in range(256)]
    assert surfel_areas_mm2(spacing_mm) == pytest.approx(theirs.numpy()[mirrored], abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_dice_and_iou(seed):
    prediction, truth = random_masks(seed, 0.3)
    counts = count(prediction, truth)
    assert dice(counts) == pytest.approx(float(monai.compute_dice(batch(prediction), batch(truth))), abs=1e-6)
    assert iou(counts) == pytest.approx(float(monai.compute_iou(batch(prediction), batch(truth))), abs=1e-6)


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize("density", [0.02, 0.2, 0.7])
def test_surface_dice(spacing_mm, density):
    prediction, truth = random_masks(4, density)
    theirs = monai.compute_surface_dice(
        batch(prediction),
        batch(truth),
        [1.1],
        include_background=True,
        spacing=spacing_mm,
        use_subvoxels=True,
    )
    assert nsd(surface_distances(prediction, truth, spacing_mm), 1.1) == pytest.approx(
        float(theirs), abs=1e-6
    )


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize("case", ["moved", "nested", "apart"])
def test_hausdorff_distance_of_boxes(spacing_mm, case):
    truth, prediction = np.zeros((2, 24, 24, 24), dtype=bool)
    truth[4:12, 5:13, 6:14] = True
    if case == "moved":
        prediction = np.roll(truth, (3, -2, 1), (0, 1, 2))
    elif case == "nested":
        prediction[6:11, 6:10, 9:12] = True
    else:
        prediction[16:22, 5:13, 6:14] = True
    theirs = monai.compute_hausdorff_distance(
        batch(prediction), batch(truth), include_background=True, spacing=spacing_mm
    )
    assert hd_mm(surface_distances(prediction, truth, spacing_mm)) == pytest.approx(float(theirs), rel=1e-6)
