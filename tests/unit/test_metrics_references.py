"""The numbers of others, on random and on real masks: DeepMind's surface-distance, SciPy, SimpleITK.

surface-distance defines HD95, NSD and the average surface distance as we do. It sorts and adds in double
precision, we measure far points on a map in single precision: equal to 1e-6, but where an area reaches the
95 % exactly or a distance the tolerance; there it is a matter of rounding which side it falls on.
"""

from __future__ import annotations

import warnings

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.distance import dice as scipy_dissimilarity
from scipy.spatial.distance import directed_hausdorff

from segmake import metrics
from segmake.metrics.surface import assd_mm, hd_mm, nsd, surface_distances

SPACINGS = [(1.0, 1.0, 1.0), (0.7, 1.3, 3.1), (5.0, 0.8, 0.8)]


@pytest.fixture(scope="module")
def reference():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("surface_distance", reason="pip install surface-distance")


def both(reference, prediction, truth, spacing_mm, tolerance_mm):
    """HD, HD95, NSD and ASSD as they and as we compute them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls SciPy by names that are going away
        theirs = reference.compute_surface_distances(truth, prediction, spacing_mm)
    areas = theirs["surfel_areas_gt"].sum(), theirs["surfel_areas_pred"].sum()
    means = reference.compute_average_surface_distance(theirs)
    expected = [
        reference.compute_robust_hausdorff(theirs, 100),
        reference.compute_robust_hausdorff(theirs, 95),
        reference.compute_surface_dice_at_tolerance(theirs, tolerance_mm),
        np.average(means, weights=areas),
    ]
    ours = surface_distances(prediction, truth, spacing_mm)
    return expected, [hd_mm(ours), hd_mm(ours, 95.0), nsd(ours, tolerance_mm), assd_mm(ours)]


def blobs(seed, shape=(30, 28, 26)):
    """Two smooth masks that mostly agree."""
    rng = np.random.default_rng(seed)
    field, change = (ndimage.gaussian_filter(rng.standard_normal(shape), sigma) for sigma in (3, 2))
    return field + 0.3 * change > 0.02, field > 0.02


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize("seed", range(3))
def test_smooth_masks_score_as_in_surface_distance(reference, spacing_mm, seed):
    prediction, truth = blobs(seed)
    expected, ours = both(reference, prediction, truth, spacing_mm, 1.15)
    assert ours == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize("density", [0.003, 0.03, 0.4])
def test_noise_scores_as_in_surface_distance(reference, spacing_mm, density):
    prediction, truth = np.random.default_rng(5).random((2, 22, 21, 20)) < density
    expected, ours = both(reference, prediction, truth, spacing_mm, 1.15)
    assert ours == pytest.approx(expected, rel=1e-6)


@pytest.mark.data
def test_real_masks_score_as_in_surface_distance(reference, shared_data):
    paths = sorted((shared_data / "hippocampus/labelsTr").glob("hippocampus_*.nii.gz"))[:6]
    if not paths:
        pytest.skip("the hippocampus data set is not beside this checkout")
    for path in paths:
        labels = np.asarray(nib.load(path).dataobj)
        moved = ndimage.shift(labels, (1, -2, 0), order=0)
        for value in (1, 2):
            expected, ours = both(reference, moved == value, labels == value, (1.0, 1.0, 1.0), 1.15)
            assert ours == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_overlap_is_that_of_scipy_and_simpleitk(seed):
    prediction, truth = blobs(seed)
    measured = sitk.LabelOverlapMeasuresImageFilter()
    measured.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (prediction, truth)))
    assert metrics.dice(prediction, truth) == pytest.approx(measured.GetDiceCoefficient(), rel=1e-12)
    assert metrics.iou(prediction, truth) == pytest.approx(measured.GetJaccardCoefficient(), rel=1e-12)
    assert metrics.recall(prediction, truth) == pytest.approx(1 - measured.GetFalseNegativeError(), rel=1e-12)
    assert metrics.dice(prediction, truth) == pytest.approx(
        1 - scipy_dissimilarity(prediction.ravel(), truth.ravel())
    )


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_the_hausdorff_distance_of_solid_boxes_is_that_of_scipy_and_simpleitk(spacing_mm):
    """They take voxels for points, we take the surface between them: for moved boxes that is the same."""
    truth = np.zeros((26, 24, 22), dtype=bool)
    truth[3:12, 4:14, 5:12] = True
    prediction = np.roll(truth, (6, -3, 4), (0, 1, 2))
    images = [sitk.GetImageFromArray(mask.T.astype(np.uint8)) for mask in (prediction, truth)]
    for image in images:
        image.SetSpacing(spacing_mm)
    measured = sitk.HausdorffDistanceImageFilter()
    measured.Execute(*images)
    ours = metrics.hd(prediction, truth, spacing_mm)
    assert ours == pytest.approx(measured.GetHausdorffDistance(), rel=1e-6)
    points = [np.argwhere(mask) * spacing_mm for mask in (prediction, truth)]
    assert ours == pytest.approx(max(directed_hausdorff(*points)[0], directed_hausdorff(*points[::-1])[0]))
