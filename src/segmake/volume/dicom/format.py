"""How a file stores its pixels."""

from __future__ import annotations

from dataclasses import dataclass

from segmake.errors import InputError
from segmake.volume.dicom.frames import size_of
from segmake.volume.dicom.headers import Header, text, whole

GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT")


@dataclass(frozen=True)
class Format:
    """How a file stores its pixels (PS3.3, C.7.6.3.1)."""

    rows: int
    columns: int
    samples: int
    photometric: str
    planar: bool
    allocated: int
    stored: int
    high: int
    signed: bool

    @property
    def kind(self) -> str:
        """Type of a stored value, without byte order."""
        return f"{'i' if self.signed else 'u'}{self.allocated // 8}"

    @property
    def frame_bytes(self) -> int:
        """Size of an uncompressed frame."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * self.allocated // 8


def format_of(header: Header) -> Format:
    """Pixel format of a file.

    Raises:
        InputError: a format that is no scan: colours of a palette, bit planes.
    """
    data, name = header.data, header.name
    photometric = text(data, "PhotometricInterpretation") or GREY[1]
    if photometric not in (*GREY, *COLOUR):
        raise InputError(
            f"{name} stores its pixels as {photometric}, and only grey values and RGB are read; convert it"
        )
    allocated = whole(data, "BitsAllocated", 16)
    stored = whole(data, "BitsStored", allocated)
    if allocated not in (8, 16, 32) or not 0 < stored <= allocated:
        raise InputError(
            f"{name} stores {stored} of {allocated} bits a pixel, and only 8, 16 and 32 are read; convert it"
        )
    return Format(
        *size_of(header),
        samples=whole(data, "SamplesPerPixel", 1),
        photometric=photometric,
        planar=whole(data, "PlanarConfiguration", 0) == 1,
        allocated=allocated,
        stored=stored,
        high=whole(data, "HighBit", stored - 1),
        signed=whole(data, "PixelRepresentation", 0) == 1,
    )
