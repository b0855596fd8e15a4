"""Compressed pixels (RLE, JPEG, JPEG-LS, JPEG 2000) and native YBR colours, through GDCM or pydicom."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from segmake.errors import InputError
from segmake.source import shown
from segmake.volume.dicom.format import Format
from segmake.volume.dicom.headers import Header
from segmake.volume.volume import Array


def is_compressed(header: Header) -> bool:
    """Whether each frame is compressed by itself (a deflated file is not: its frames are native)."""
    return bool(header.syntax.is_compressed) and header.syntax != DeflatedExplicitVRLittleEndian


def fragments(header: Header, indices: Sequence[int]) -> list[bytes]:
    """Compressed bytes of some frames of a file."""
    with header.path.open("rb") as stream:
        stream.seek(header.pixels_at or 0)
        try:
            parts = list(generate_frames(stream.read(), number_of_frames=header.frames))
            return [parts[index] for index in indices]
        except Exception as error:
            raise InputError(
                f"{shown(header.path)} is damaged: its compressed pixels do not hold {header.frames} frames; "
                "copy it again"
            ) from error


def decoded(header: Header, form: Format, part: bytes) -> Array:
    """Stored values [samples, rows, columns] of one frame; YBR colours become RGB."""
    try:
        bare = _bare_file(header, form, part)
        values = _run_lengths(bare) if header.syntax == RLELossless else _through_gdcm(bare)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{shown(header.path)} cannot be decoded ({header.syntax.name}); its pixels are damaged "
            "or of a kind that is not known: copy or export it again"
        ) from error
    values = values[np.newaxis] if values.ndim == 2 else values.transpose(2, 0, 1)
    if values.shape != (form.samples, form.rows, form.columns):
        raise InputError(
            f"{shown(header.path)} decodes to {values.shape[::-1]} pixels, not as its header says; "
            "copy or export it again"
        )
    return values


def _run_lengths(bare: Dataset) -> Array:
    """Pixels by pydicom, which unpacks run lengths faster than GDCM does, and those of tiny images, too."""
    return pixel_array(bare, decoding_plugin="pydicom")


def _through_gdcm(bare: Dataset) -> Array:
    """Pixels by GDCM, which wants a file; this one has no scale that could be applied."""
    import SimpleITK as sitk

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "frame.dcm")
        bare.save_as(path, enforce_file_format=True)
        values: Array = sitk.GetArrayFromImage(sitk.ReadImage(path, imageIO="GDCMImageIO"))[0]
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
    native = not is_compressed(header)
    data.PixelData = part if native else encapsulate([part])
    data["PixelData"].VR = "OB" if not native or form.allocated == 8 else "OW"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if native else header.syntax
    data.file_meta = meta
    return data
