"""2D images as patches: one slice, grey or RGB, windowed and resized whole."""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal

import numpy as np

from segmake.errors import InputError
from segmake.prepare.framing import find_window, frame_whole, to_bytes, to_grey
from segmake.volume.scan import Scan
from segmake.volume.volume import Array, Volume

Colours = Literal["auto", "grey", "rgb"]
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""How bright red, green and blue look (ITU-R BT.601)."""
FORMATS = {"jpg": "JPEG", "tif": "TIFF", "dcm": "DICOM"}


def picture_patch(
    image: Volume, window: tuple[float, float] | None, modality: str, size: int, colours: Colours
) -> Array:
    """An image [C, X, Y, 1] as a patch, uint8 [1 or 3, size, size]: not stretched, black beside it.

    window: intensities that become black and white; None: see `find_window`.

    Raises:
        InputError: it has several slices or pages, or neither one channel nor three.
    """
    data = image.data
    count, _, _, depth = data.shape
    if depth != 1:
        raise InputError(f"a 2D image has one slice or page, got {depth}; split it, or take it as a volume")
    if count not in (1, 3):
        raise InputError(f"a 2D image is grey or has three colours, got {count} channels; export it so")
    pictures = data[..., 0].transpose(0, 2, 1)
    window = window or find_window(pictures, modality)
    width_mm, height_mm, _ = image.spacing_mm
    return np.stack(
        [
            to_bytes(frame_whole(to_grey(picture, window), (height_mm, width_mm), size))
            for picture in _coloured(pictures, colours)
        ]
    )


def describe(scan: Scan, path: PurePath) -> str:
    """What a class must not be told from: format, bits, photometric interpretation, maker."""
    data, tags = scan.volume.data, scan.tags
    name = path.name.lower().partition("#")[0]
    kind = "DICOM" if tags else FORMATS.get(name.rpartition(".")[2], name.rpartition(".")[2].upper())
    words = [
        kind,
        f"{8 * data.dtype.itemsize} bit",
        tags.get("PhotometricInterpretation") or ("grey" if len(data) == 1 else "colour"),
        tags.get("Manufacturer", ""),
        tags.get("ManufacturerModelName", ""),
    ]
    return ", ".join(word for word in words if word)


def _coloured(pictures: Array, colours: Colours) -> Array:
    """The channels that are wanted of [1 or 3, rows, columns]."""
    if colours == "rgb":
        return np.broadcast_to(pictures, (3, *pictures.shape[1:]))
    if len(pictures) == 1:
        return pictures
    if (pictures[0] == pictures[1]).all() and (pictures[0] == pictures[2]).all():
        return pictures[:1]
    if colours == "auto":
        return pictures
    grey = np.tensordot(LUMA, pictures.astype(np.float32), 1)[np.newaxis]
    return np.asarray(np.rint(grey).astype(pictures.dtype) if pictures.dtype.kind in "iu" else grey)
