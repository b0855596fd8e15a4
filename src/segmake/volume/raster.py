"""PNG, JPEG and TIFF as images of one slice (Pillow)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from segmake.errors import InputError, SegmakeError
from segmake.source import open_source, shown
from segmake.volume.scan import Note, Scan
from segmake.volume.volume import Array, Volume

FORMATS = ("PNG", "JPEG", "TIFF")
GREY = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])  # columns run to the left, rows to posterior, as DICOM's axes do


def read_raster(path: Path) -> Scan:
    """Read an image file as [C, X, Y, 1]: x along its columns, y down its rows; pages of a TIFF are z.

    Voxels count as 1 mm: what such files say of resolution is about paper.

    Raises:
        InputError: the file is missing, damaged, too large, or its colours are those of a printer.
    """
    try:
        with open_source(path) as stream, warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            _check_sums(stream)
            with Image.open(stream, formats=FORMATS) as image:
                pages, notes = _pages(image, path)
    except SegmakeError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{shown(path)} is no PNG, JPEG or TIFF image; copy or export it again") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise InputError(f"{shown(path)} is too large to be an image of a slice: {error}; tile it") from error
    except Exception as error:  # decoders fail in many ways on damaged bytes
        raise InputError(f"{shown(path)} is damaged: {_line(error)}; copy or export it again") from error
    notes += [Note("warning", f"{path.name} may be damaged: {_line(doubt.message)}") for doubt in doubts]
    return Scan(Volume(np.stack(pages, axis=-1), AFFINE), tuple(dict.fromkeys(notes)))


def _line(said: object) -> str:
    """The first line of what Pillow says."""
    return str(getattr(said, "strerror", None) or said).strip().partition("\n")[0].rstrip(".")


def _check_sums(stream: Any) -> None:
    """Verify the checksums of a PNG (Pillow's decoder does not); nothing for other formats."""
    with Image.open(stream, formats=FORMATS) as image:
        if image.format == "PNG":
            image.verify()
    stream.seek(0)


def _pages(image: Image.Image, path: Path) -> tuple[list[Array], list[Note]]:
    """All pages [C, X, Y], and what was done to them."""
    pages: list[Array] = []
    notes: list[Note] = []
    count = getattr(image, "n_frames", 1)
    for page in range(count):
        image.seek(page)
        data, found = _decoded(image, path)
        notes += found
        pages.append(data)
        if data.shape != pages[0].shape or data.dtype != pages[0].dtype:
            raise InputError(
                f"page {page + 1} of {shown(path)} is {data.shape} {data.dtype}, the first is "
                f"{pages[0].shape} {pages[0].dtype}; give pages that differ files of their own"
            )
    return pages, notes


def _decoded(image: Image.Image, path: Path) -> tuple[Array, list[Note]]:
    """One page as [C, X, Y], turned as its EXIF orientation asks."""
    notes = []
    if image.mode not in GREY and any(";16" in str(tile) for tile in getattr(image, "tile", ())):
        notes.append(Note("warning", "colours of 16 bits were read with 8"))
    turned = image.getexif().get(ExifTags.Base.Orientation, 1)  # may decode, and forget the tiles
    if turned not in (0, 1):
        notes.append(Note("repair", f"the image was turned as its EXIF orientation {turned} asks"))
    upright = ImageOps.exif_transpose(image)
    pixels, more = _plain(upright, path)
    data = np.asarray(pixels)
    if data.dtype == bool:
        data = data.astype(np.uint8)
    data = data.astype(data.dtype.newbyteorder("="), copy=False)
    if data.ndim == 2:
        data = data[..., np.newaxis]
    return data.transpose(2, 1, 0), notes + more


def _plain(image: Image.Image, path: Path) -> tuple[Image.Image, list[Note]]:
    """The image in grey or RGB."""
    if image.mode in GREY or image.mode == "RGB":
        return image, []
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode[:-1]), [Note("repair", "the alpha channel was dropped")]
    if image.mode in ("P", "PA"):
        return image.convert("RGB"), [Note("repair", "the palette was turned to RGB")]
    raise InputError(f"{shown(path)} has {image.mode} colours; export it as grey or RGB")
