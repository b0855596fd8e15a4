"""Stored values of frames: native pixels straight from the file's bytes, compressed ones through GDCM."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from segmake.errors import InputError
from segmake.volume.dicom.frames import size_of
from segmake.volume.dicom.headers import Header, text, whole
from segmake.volume.volume import Array

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
    data, name = header.data, header.path.name
    photometric = text(data, "PhotometricInterpretation") or GREY[1]
    if photometric not in (*GREY, *COLOUR):
        raise InputError(
            f"{name} stores its pixels as {photometric}; only grey values and RGB are read, convert it first"
        )
    allocated = whole(data, "BitsAllocated", 16)
    stored = whole(data, "BitsStored", allocated)
    if allocated not in (8, 16, 32) or not 0 < stored <= allocated:
        raise InputError(f"{name} stores {stored} of {allocated} bits a pixel; only 8, 16 and 32 are read")
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


def stored_frames(header: Header, form: Format, indices: Sequence[int]) -> list[Array]:
    """Stored values [samples, rows, columns] of some frames of one file.

    Raises:
        InputError: the file is cut short, damaged or of a format that cannot be read.
    """
    native = not header.syntax.is_compressed or header.syntax == DeflatedExplicitVRLittleEndian
    if not native:
        return [_decoded(header, form, part) for part in _fragments(header, indices)]
    parts = _native_bytes(header, form, indices)
    if form.photometric not in (*GREY, "RGB"):
        return [_decoded(header, form, part) for part in parts]
    return [_plane(header, form, part) for part in parts]


def _native_bytes(header: Header, form: Format, indices: Sequence[int]) -> list[bytes]:
    size = form.frame_bytes
    if header.syntax == DeflatedExplicitVRLittleEndian:
        content = pydicom.dcmread(header.path, specific_tags=["PixelData"]).get("PixelData") or b""
        parts = [content[index * size : (index + 1) * size] for index in indices]
    else:
        parts = []
        with header.path.open("rb") as stream:
            for index in indices:
                stream.seek((header.pixels_at or 0) + index * size)
                parts.append(stream.read(size))
    short = next((index for index, part in zip(indices, parts, strict=True) if len(part) < size), None)
    if short is not None:
        raise InputError(
            f"{header.path} is cut short: its frame {short + 1} has {len(parts[indices.index(short)])} of "
            f"{size} bytes; copy it again"
        )
    return parts


def _plane(header: Header, form: Format, part: bytes) -> Array:
    big = not header.syntax.is_little_endian
    if big and form.allocated == 8 and header.pixels_vr == "OW":  # bytes come in swapped pairs (PS3.5, A.3)
        part = np.frombuffer(part + bytes(len(part) % 2), "<u2").byteswap().tobytes()[: len(part)]
    order = ">" if big else "<"
    values: Array = np.frombuffer(part, order + form.kind)
    if form.planar or form.samples == 1:
        plane = values.reshape(form.samples, form.rows, form.columns)
    else:
        plane = values.reshape(form.rows, form.columns, form.samples).transpose(2, 0, 1)
    return _used_bits(plane, form)


def _used_bits(plane: Array, form: Format) -> Array:
    """Values of the bits stored alone: old files keep overlays in the others (PS3.5, 8.1.1)."""
    unused = form.allocated - form.stored
    if not unused or form.high not in (form.stored - 1, form.allocated - 1):
        return plane
    native = plane.astype(form.kind)  # in this machine's byte order
    if form.high == form.stored - 1:
        native <<= unused
    native >>= unused  # brings the sign along
    return native


def _fragments(header: Header, indices: Sequence[int]) -> list[bytes]:
    with header.path.open("rb") as stream:
        stream.seek(header.pixels_at or 0)
        try:
            parts = list(generate_frames(stream.read(), number_of_frames=header.frames))
            return [parts[index] for index in indices]
        except Exception as error:
            raise InputError(
                f"{header.path} is damaged: its compressed pixels do not hold {header.frames} frames; "
                "copy it again"
            ) from error


def _decoded(header: Header, form: Format, part: bytes) -> Array:
    """One frame through GDCM, as a file with nothing but pixels, so that stored values come back."""
    import SimpleITK as sitk

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "frame.dcm")
        _bare_file(header, form, part).save_as(path, enforce_file_format=True)
        try:
            image = sitk.ReadImage(path, imageIO="GDCMImageIO")
        except RuntimeError as error:
            raise InputError(
                f"{header.path} cannot be decoded ({header.syntax.name}); its pixels are damaged or of a "
                "kind that is not known: copy or export it again"
            ) from error
    values: Array = sitk.GetArrayFromImage(image)[0]
    values = values[np.newaxis] if values.ndim == 2 else values.transpose(2, 0, 1)
    if values.shape != (form.samples, form.rows, form.columns):
        raise InputError(f"{header.path} decodes to {values.shape[::-1]} pixels, not as its header says")
    return values


def _bare_file(header: Header, form: Format, part: bytes) -> Dataset:
    data = Dataset()
    data.SOPClassUID = SecondaryCaptureImageStorage
    data.SOPInstanceUID = "1.2.3"
    data.Modality = "OT"
    data.Rows, data.Columns = form.rows, form.columns
    data.SamplesPerPixel, data.PhotometricInterpretation = form.samples, form.photometric
    if form.samples > 1:
        data.PlanarConfiguration = int(form.planar)
    data.BitsAllocated, data.BitsStored, data.HighBit = form.allocated, form.stored, form.stored - 1
    data.PixelRepresentation = int(form.signed)
    native = not header.syntax.is_compressed or header.syntax == DeflatedExplicitVRLittleEndian
    data.PixelData = part if native else encapsulate([part])
    data["PixelData"].VR = "OB" if not native or form.allocated == 8 else "OW"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if native else header.syntax
    data.file_meta = meta
    return data
