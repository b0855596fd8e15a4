"""2-D images that have no place in the patient: mammograms, radiographs."""

from __future__ import annotations

import numpy as np

from segmake.volume.dicom.headers import Header, numbers, text
from segmake.volume.scan import Note
from segmake.volume.volume import Affine

LETTERS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "H": (2, 1), "F": (2, -1)}


def picture_affine(header: Header) -> tuple[Affine, tuple[Note, ...]]:
    """Affine of an image of one slice, first pixel at the origin; a warning when its scale is unknown.

    PatientOrientation tells where rows and columns point (PS3.3, C.7.6.1.1.1); without it columns run to the
    left and rows to the back. The pixel size is PixelSpacing, else that at the detector.
    """
    spacing = None
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        spacing = numbers(header.data, keyword, 2, header.name)
        if spacing is not None and spacing.min() > 0:
            break
        spacing = None
    notes: tuple[Note, ...] = ()
    if spacing is None:
        spacing = np.ones(2)
        notes = (Note("warning", f"{header.name} does not say its pixel size; taken as 1 mm"),)
    (along_row, row_sign), (along_column, column_sign) = _directions(text(header.data, "PatientOrientation"))
    affine = np.zeros((4, 4))
    affine[along_row, 0] = row_sign * spacing[1]
    affine[along_column, 1] = column_sign * spacing[0]
    affine[3 - along_row - along_column, 2] = 1.0
    affine[3, 3] = 1.0
    return affine, notes


def _directions(orientation: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """World axis (RAS) and sign of increasing column index, and of increasing row index."""
    letters = [LETTERS.get(part[:1].upper()) for part in orientation.split("\\")]
    if len(letters) == 2 and letters[0] and letters[1] and letters[0][0] != letters[1][0]:
        return letters[0], letters[1]
    return LETTERS["L"], LETTERS["P"]
