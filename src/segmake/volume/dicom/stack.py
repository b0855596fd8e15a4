"""Frames put in order along their normal, and checked to be one even stack.

Nothing is decided from file names, instance numbers, SliceThickness or a warning of a library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segmake.errors import InputError
from segmake.volume.dicom.frames import Frame
from segmake.volume.dicom.headers import MARKS
from segmake.volume.scan import Note
from segmake.volume.volume import Affine, Array

LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
ONE_PLACE_MM = 1e-4  # two positions nearer than that are the same
SAME_PLACE = 0.01  # of the slice distance
EVEN = 0.05  # of the slice distance: positions rounded to a decimal are evened, more is a fault
ROUNDING_MM = 1e-3  # scanners round positions to about a micrometre; not worth a note
TURNED = 1e-3  # difference of direction cosines
SPACING = 1e-4  # relative difference of pixel spacings


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames in order along their normal, evenly spaced.

    affine: (column, row, slice) -> world mm, RAS+; its third axis is the real step from slice to slice, so
    with a tilted gantry it is not perpendicular to the others.
    """

    frames: tuple[Frame, ...]
    affine: Affine
    notes: tuple[Note, ...] = ()


def stack_frames(frames: Sequence[Frame], where: str) -> Stack:
    """Sort and check the frames of one series.

    where: what the messages call the series.

    Raises:
        InputError: mixed sizes, spacings or orientations, repeated positions, a missing slice, uneven steps.
    """
    _check_alike(frames, where)
    normal = frames[0].normal
    ordered = sorted(frames, key=lambda frame: float(normal @ frame.position_mm))
    positions = np.array([frame.position_mm for frame in ordered])
    if len(ordered) == 1:
        return _single(ordered[0])
    _check_repeats(ordered, positions @ normal, where)
    _check_gaps(ordered, positions @ normal, where)
    steps = np.arange(len(ordered))[:, np.newaxis]
    step = (positions[-1] - positions[0]) / (len(ordered) - 1)
    notes = _check_line(ordered, positions - (positions[0] + steps * step), float(normal @ step), where)
    return Stack(tuple(ordered), affine_of(ordered[0], step), notes)


def affine_of(first: Frame, step_mm: Array) -> Affine:
    """Affine (RAS+) of a stack from its first frame and the step to the next (LPS); PS3.3, C.7.6.2.1.1."""
    between_rows, between_columns = first.spacing_mm
    axes = (first.row * between_columns, first.column * between_rows, step_mm, first.position_mm)
    affine = np.eye(4)
    affine[:3] = np.stack(axes, axis=1) * LPS_TO_RAS[:, np.newaxis]
    return affine


def _single(frame: Frame) -> Stack:
    """A stack of one: its thickness stands in for the slice distance."""
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        try:
            size = abs(float(frame.mark(keyword)))
        except ValueError:
            continue
        if 0 < size < np.inf:
            said = f"{size:g} mm is {keyword}"
            break
    else:
        size, said = 1.0, "1 mm is a guess, for its header does not say any"
    note = Note("warning", f"{frame.name} is a single slice; its depth of {said}")
    return Stack((frame,), affine_of(frame, frame.normal * size), (note,))


def _check_alike(frames: Sequence[Frame], where: str) -> None:
    first = frames[0]
    for other in frames[1:]:
        if other.size != first.size:
            raise InputError(
                f"{where}: slices differ in size: {first.name} has {first.size[1]}x{first.size[0]} pixels, "
                f"{other.name} {other.size[1]}x{other.size[0]}; keep one size"
            )
        turned = max(np.abs(other.row - first.row).max(), np.abs(other.column - first.column).max())
        if turned > TURNED:
            raise InputError(
                f"{where}: slices lie in two orientations: {other.name} is turned against {first.name} "
                f"by {_degrees(first, other):.3g} degrees; keep one of the stacks"
            )
        if not np.allclose(other.spacing_mm, first.spacing_mm, rtol=SPACING, atol=0):
            raise InputError(
                f"{where}: slices differ in pixel spacing: {first.name} has "
                f"{first.spacing_mm[0]:.6g}x{first.spacing_mm[1]:.6g} mm, "
                f"{other.name} {other.spacing_mm[0]:.6g}x{other.spacing_mm[1]:.6g} mm; keep one"
            )


def _degrees(a: Frame, b: Frame) -> float:
    """Angle of the turn that takes one frame's axes to the other's."""
    own, other = (np.stack([f.row, f.column, f.normal]) for f in (a, b))
    return float(np.rad2deg(np.arccos(np.clip((np.trace(own @ other.T) - 1) / 2, -1, 1))))


def _check_repeats(ordered: Sequence[Frame], along: Array, where: str) -> None:
    gaps = np.diff(along)
    apart = gaps[gaps > ONE_PLACE_MM]
    if not apart.size:
        raise InputError(
            f"{where}: all {len(ordered)} slices lie at one position ({ordered[0].name} to "
            f"{ordered[-1].name}); they are no volume{_marks(ordered) or ': leave them out'}"
        )
    same = np.flatnonzero(gaps < SAME_PLACE * _usual(apart))
    if same.size:
        pair = ordered[same[0]], ordered[same[0] + 1]
        raise InputError(
            f"{where}: {pair[1].name} lies where {pair[0].name} does ({len(ordered)} slices at "
            f"{len(ordered) - same.size} positions){_marks(pair) or '; remove one of them'}"
        )


def _marks(frames: Sequence[Frame]) -> str:
    """What tells repeated slices apart, if anything: an echo, a b-value, a time."""
    for keyword in MARKS:
        values = list(dict.fromkeys(frame.mark(keyword) for frame in frames))
        if len(values) > 1:
            shown = "" if keyword == "AcquisitionTime" else f" ({', '.join(v or 'none' for v in values[:4])})"
            return f", told apart by {keyword}{shown}; give each {keyword} a folder of its own"
    return ""


def _usual(gaps: Array) -> float:
    """The distance of most slices: the lower median, as missing slices only widen gaps."""
    return float(np.sort(gaps)[(len(gaps) - 1) // 2])


def _check_gaps(ordered: Sequence[Frame], along: Array, where: str) -> None:
    gaps = np.diff(along)
    usual = _usual(gaps)
    off = np.flatnonzero(np.abs(gaps - usual) > 2 * EVEN * usual)  # both ends may be rounded
    if not off.size:
        return
    at = off[0]
    pair = f"{ordered[at].name} and {ordered[at + 1].name}"
    more = f" (and {off.size - 1} more such places)" if off.size > 1 else ""
    missing = gaps[off] / usual
    if (np.abs(missing - np.rint(missing)) <= 2 * EVEN).all() and missing.min() > 1:
        count = round(missing[0]) - 1
        raise InputError(
            f"{where}: {'a slice is' if count == 1 else f'{count} slices are'} missing between {pair}: they "
            f"are {gaps[at]:.4g} mm apart, the others {usual:.4g} mm{more}; add what is missing"
        )
    raise InputError(
        f"{where}: slices are unevenly spaced, {gaps.min():.4g} to {gaps.max():.4g} mm apart: {pair} are "
        f"{gaps[at]:.4g} mm apart, most others {usual:.4g} mm{more}; give an even reconstruction"
    )


def _check_line(ordered: Sequence[Frame], off_mm: Array, step: float, where: str) -> tuple[Note, ...]:
    """Every slice must lie near its place on a line of even steps. off_mm: [N, 3] distances from it."""
    distance = np.linalg.norm(off_mm, axis=1)
    worst = int(distance.argmax())
    name = ordered[worst].name
    if distance[worst] > EVEN * step:
        raise InputError(
            f"{where}: {name} lies {distance[worst]:.4g} mm off the even line of slices {step:.4g} mm apart; "
            "remove it or give an even reconstruction"
        )
    if distance[worst] <= ROUNDING_MM:
        return ()
    text = f"slice positions evened to {step:.6g} mm steps, by up to {distance[worst]:.2g} mm ({name})"
    return (Note("repair", text),)
