"""Volumes of one case put on one grid, by graded tolerance.

Rounding is nothing; a small distance is snapped and noted; another grid is resampled where the policy
allows; the same grid somewhere else stops the case, because then a header is wrong.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from segmake.errors import GeometryError
from segmake.volume.geometry import grid_distance_mm
from segmake.volume.regrid import resample_onto, vote_onto
from segmake.volume.repairs import Repaired, snap
from segmake.volume.scan import Note
from segmake.volume.volume import Volume

OUTSIDE_SHARE = 0.03
"""Share of a grid outside of a channel's field of view from which on it is warned about."""
FAR_MM, FAR_DEGREES = 30.0, 20.0
"""Movements that a registration within one examination hardly finds."""


class Policy(Protocol):
    """What may be done so that the files of a case lie on one grid: these fields of ConvertSettings."""

    @property
    def tolerance_mm(self) -> float:
        """Corners this close are snapped."""

    @property
    def regrid(self) -> Literal["different", "always", "never"]:
        """Which grids are resampled."""

    @property
    def register(self) -> Literal["none", "rigid"]:
        """Whether channels are registered to the first."""

    @property
    def tilt(self) -> Literal["correct", "stop"]:
        """What the reader does about gantry tilt."""


def align_channel(volume: Volume, reference: Volume, policy: Policy, origin: str) -> Repaired:
    """A channel on the grid of the first one.

    Raises:
        GeometryError: it lies elsewhere and the policy forbids to resample it.
    """
    if policy.register == "rigid":
        return _register(volume, reference, policy, origin)
    apart = grid_distance_mm(volume, reference)
    if apart <= policy.tolerance_mm:
        return snap(volume, reference, apart)
    if policy.regrid == "never":
        raise GeometryError(
            f"{_rule(policy)}, but {origin} does not ({differ(volume, reference)}); "
            "resample it onto the first channel's grid, or set convert.regrid: different"
        )
    if policy.regrid == "different" and like(volume, reference):
        raise GeometryError(
            f"{_rule(policy)}, but {origin} has the first channel's shape and spacing and lies elsewhere "
            f"({differ(volume, reference)}); its header is probably wrong: correct it, or set "
            "convert.regrid: always to trust it, or convert.register: rigid to align it"
        )
    return _resample(volume, reference, f"linear, {differ(volume, reference)}")


def _resample(volume: Volume, reference: Volume, how: str) -> Repaired:
    data, outside = resample_onto(volume, reference.shape, reference.affine)
    notes = [Note("repair", f"resampled onto the first channel's grid ({how})")]
    if outside > OUTSIDE_SHARE:
        notes.append(Note("warning", f"{outside:.0%} of the grid is outside of its field of view"))
    return Volume(data, reference.affine), tuple(notes)


def _register(volume: Volume, reference: Volume, policy: Policy, origin: str) -> Repaired:
    from segmake.volume.registration import movement, register_rigid  # SimpleITK, rarely needed

    try:
        transform = register_rigid(volume, reference)
    except GeometryError as error:
        raise GeometryError(f"{origin} {error}") from error
    shift, angle = movement(transform, volume)
    moved = Volume(volume.data, transform @ volume.affine)
    if grid_distance_mm(moved, reference) <= policy.tolerance_mm:
        return Volume(volume.data, reference.affine), ()
    how = f"linear, moved by {shift:.2f} mm and {angle:.2f} degrees by rigid registration"
    aligned, notes = _resample(moved, reference, how)
    if shift > FAR_MM or angle > FAR_DEGREES:
        notes = (*notes, Note("warning", f"registration moved it far ({shift:.0f} mm, {angle:.0f} degrees)"))
    return aligned, notes


def align_label(label: Volume, image: Volume, policy: Policy, origin: str) -> Repaired:
    """A label map on the grid of its image; resampled (by vote) only when the policy says always.

    Raises:
        GeometryError: it lies elsewhere.
    """
    apart = grid_distance_mm(label, image)
    if apart <= policy.tolerance_mm:
        return snap(label, image, apart)
    if policy.regrid != "always":
        raise GeometryError(
            f"{_rule(policy)}, but {origin} does not ({differ(label, image)}); give the label map that "
            "belongs to the first channel, or set convert.regrid: always to resample it"
        )
    data = vote_onto(label.data[0], label.affine, image.shape, image.affine)[np.newaxis]
    before, after = (_millilitres(volume) for volume in (label, Volume(data, image.affine)))
    text = (
        f"resampled onto the image's grid (by vote, {differ(label, image)}), "
        f"{before:.4g} ml of labels became {after:.4g} ml"
    )
    return Volume(data, image.affine), (Note("repair", text),)


def like(a: Volume, b: Volume) -> bool:
    """Whether two grids have the same shape and spacing (to a thousandth)."""
    return a.shape == b.shape and np.allclose(a.spacing_mm, b.spacing_mm, rtol=1e-3, atol=0)


def differ(a: Volume, b: Volume) -> str:
    """How a grid differs from another, for a sentence."""
    if a.shape != b.shape:
        return f"{a.shape} against {b.shape}"
    if not like(a, b):
        return f"{_millimetres(a)} against {_millimetres(b)} mm"
    return f"{grid_distance_mm(a, b):.4g} mm apart"


def _millimetres(volume: Volume) -> str:
    return "x".join(f"{size:.4g}" for size in volume.spacing_mm)


def _millilitres(label: Volume) -> float:
    return np.count_nonzero(label.data) * float(np.prod(label.spacing_mm)) / 1000


def _rule(policy: Policy) -> str:
    return f"all files of a case must lie on one grid within {policy.tolerance_mm:g} mm"
