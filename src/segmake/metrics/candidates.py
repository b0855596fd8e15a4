"""Marks of a detector against the findings of a scan, as LUNA16 counts them.

A mark hits a nodule when it lies closer to its centre than the nodule's radius. Of several marks on one
nodule the best score counts, once; a mark that hits two nodules finds both. A mark that hits no nodule but
lies on an irrelevant finding (annotations_excluded.csv) is ignored. What is left are false positives.

Source: Setio et al., "Validation, comparison, and combination of algorithms for automatic detection of
pulmonary nodules in computed tomography images", Med Image Anal 42 (2017), and luna16.grand-challenge.org.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from segmake.errors import GeometryError
from segmake.metrics.statistics import Floats
from segmake.volume.components import components
from segmake.volume.volume import Affine, Array

MISSED = -np.inf
"""Score of a nodule without a mark: below every threshold."""


@dataclass(frozen=True, eq=False)
class Marks:
    """What a detector marked in one scan."""

    centres_mm: Floats
    """[marks, 3] in the world of the findings."""
    scores: Floats
    """[marks] Finite; larger is more certain."""


@dataclass(frozen=True, eq=False)
class Findings:
    """Nodules, or irrelevant findings, of one scan."""

    centres_mm: Floats
    """[findings, 3]"""
    diameters_mm: Floats
    """[findings]"""


@dataclass(frozen=True, eq=False)
class Matches:
    """What became of the nodules and marks of one scan."""

    nodules: Floats
    """[nodules] Score by which each was found; `MISSED` where none was."""
    false_positives: Floats
    """[false positives] Their scores."""
    doubles: int = 0
    """Further marks on nodules that were found already."""
    ignored: int = 0
    """Marks on irrelevant findings."""


def match_marks(marks: Marks, nodules: Findings, irrelevant: Findings) -> Matches:
    """Match the marks of a scan with its nodules."""
    inside = _inside(marks, nodules)
    hits = inside.any(axis=1)
    ignored = ~hits & _inside(marks, irrelevant).any(axis=1)
    best = np.where(inside, marks.scores[:, None], MISSED).max(axis=0, initial=MISSED)
    doubles = int(np.maximum(inside.sum(axis=0) - 1, 0).sum())
    return Matches(best, marks.scores[~hits & ~ignored], doubles, int(ignored.sum()))


def _inside(marks: Marks, findings: Findings) -> npt.NDArray[np.bool_]:
    """Which mark lies on which finding [marks, findings]."""
    centres = (found.reshape(-1, 3) for found in (marks.centres_mm, findings.centres_mm))
    inside: npt.NDArray[np.bool_] = cdist(*centres, "sqeuclidean") < (findings.diameters_mm / 2) ** 2
    return inside


def components_as_candidates(labels: Array, scores: Array, affine: Affine) -> Marks:
    """Take every 26-connected part of a segmentation as a mark.

    Args:
        labels: label map [X, Y, Z]; what is above 0 is foreground, whatever its value.
        scores: certainty of each voxel [X, Y, Z], such as a probability map.
        affine: voxel indices to world mm.

    Returns:
        Marks at the parts' centroids in the world of the affine (of a `Volume` RAS+; LUNA16's tables are LPS:
        negate x and y), each with the largest score inside the part.

    Raises:
        GeometryError: the shapes differ.
    """
    if labels.shape != scores.shape:
        raise GeometryError(
            f"labels and scores must lie on one grid, got {labels.shape} and {scores.shape} voxels; "
            "resample one onto the other"
        )
    found = components(labels > 0)
    places = np.nonzero(found.parts)
    parts = found.parts[places] - 1
    sizes = np.bincount(parts, minlength=found.count)
    sums = [np.bincount(parts, weights=axis, minlength=found.count) for axis in places]
    centroids = np.stack(sums, axis=1) / sizes[:, None]
    best = np.full(found.count, MISSED)
    np.maximum.at(best, parts, scores[places])
    return Marks(centroids @ affine[:3, :3].T + affine[:3, 3], best)
