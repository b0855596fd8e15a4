"""What one DICOM file says of itself, and where its pixels begin; or why it is no DICOM file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np
import pydicom
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from segmake.errors import InputError
from segmake.source import printable, shown
from segmake.volume.dicom.tags import ALLOWED
from segmake.volume.volume import Array

GROUPS = (
    *("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence"),
    *("PixelValueTransformationSequence", "FrameContentSequence", "TemporalPositionSequence"),
    *("MREchoSequence", "MRDiffusionSequence", "MRTimingAndRelatedParametersSequence"),
    *("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "PETFrameTypeSequence"),
    *("CTReconstructionSequence", "CTExposureSequence", "CTXRayDetailsSequence"),
    *("CardiacSynchronizationSequence", "FrameAnatomySequence"),
    *("UnassignedSharedConvertedAttributesSequence", "UnassignedPerFrameConvertedAttributesSequence"),
)
MARKS = (
    *("StackID", "EchoTime", "EffectiveEchoTime", "EchoNumbers", "DiffusionBValue", "InversionTime"),
    *("InversionTimes", "FlipAngle", "TemporalPositionIdentifier", "TemporalPositionIndex"),
    *("TemporalPositionTimeOffset", "TriggerTime", "NominalPercentageOfCardiacPhase"),
    *("NominalCardiacTriggerDelayTime", "FrameReferenceTime", "ComplexImageComponent", "FrameType"),
    *("ImageType", "ConvolutionKernel", "KVP", "SliceThickness", "AcquisitionNumber", "AcquisitionTime"),
)
"""What tells apart images at one place: echoes, b-values, times, reconstructions."""
WANTED = (
    *("SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesDescription", "PatientID"),
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation"),
    *("PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PatientOrientation", "ImagerPixelSpacing"),
    *("ModalityLUTSequence", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)
TELLING = (
    *("SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesDescription", "PatientID", "Modality"),
    *("ImageType", "NumberOfFrames", "ImagePositionPatient", "ImageOrientationPatient"),
)
"""What a file must say legibly to be sorted among others."""
TAGS = [*dict.fromkeys((*WANTED, *MARKS, *ALLOWED))]
PIXELS = {b"\x7f\xe0\x00\x10", b"\xe0\x7f\x10\x00"}  # (7FE0,0010), big and little endian


@dataclass(frozen=True, eq=False)
class Header:
    """A DICOM file with pixels or without: its wanted attributes and where its pixels lie."""

    path: Path
    data: Dataset
    syntax: UID
    pixels_at: int | None
    """Offset of the pixel bytes in the file; None where there are none."""
    pixels_vr: str = ""

    @property
    def name(self) -> str:
        """File name, as it can be printed."""
        return shown(Path(self.path.name))

    @property
    def series(self) -> str:
        """SeriesInstanceUID."""
        return text(self.data, "SeriesInstanceUID")

    @property
    def sop_class(self) -> str:
        """SOPClassUID: what kind of object this is."""
        return text(self.data, "SOPClassUID") or str(self.data.file_meta.get("MediaStorageSOPClassUID", ""))

    @property
    def frames(self) -> int:
        """Number of frames; some files of one frame say 0."""
        return whole(self.data, "NumberOfFrames", 1) or 1


@dataclass(frozen=True)
class Other:
    """A file that is no DICOM file, or a damaged one, with the reason."""

    path: Path
    reason: str
    damaged: bool = False

    @property
    def name(self) -> str:
        """File name, as it can be printed."""
        return shown(Path(self.path.name))


@contextmanager
def quiet() -> Iterator[None]:
    """Read attributes as they are: nothing here depends on what pydicom would warn about."""
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        yield


def read_header(path: Path) -> Header | Other:
    """Header of a DICOM file; for any other file the reason why it is none."""
    try:
        with path.open("rb") as stream:
            head = stream.read(132)
            if reason := _foreign(path, head):
                return Other(path, reason)
            return _checked(_parsed(path, stream, head))
    except OSError as error:
        return Other(path, f"not readable ({error.strerror or error})", damaged=True)
    except InputError as error:
        said = str(error).partition(": ")[2].partition(";")[0]  # without the file's name and the advice
        return Other(path, f"damaged DICOM ({said})", damaged=True)
    except Exception as error:  # pydicom fails in many ways on damaged bytes
        return Other(path, f"damaged DICOM ({briefly(error)})", damaged=True)


def briefly(error: Exception) -> str:
    """The first sentence of what pydicom says; the others are advice to programmers."""
    return printable(str(error).partition(". ")[0].rstrip(".") or type(error).__name__)


def _checked(header: Header) -> Header | Other:
    """No file has more frames than bytes: whoever asked for each of them would wait for ever."""
    if 0 < header.frames <= header.path.stat().st_size:
        return header
    return Other(header.path, f"damaged DICOM (it says {header.frames} frames)", damaged=True)


def _foreign(path: Path, head: bytes) -> str:
    """Why a file is no DICOM file, from its name and first bytes; empty when it may be one."""
    if path.name.upper() == "DICOMDIR":
        return "an index of a disk"
    if not head:
        return "empty"
    bare = head[:2] == b"\x08\x00" and head[3:4] == b"\x00"  # a data set without the preamble
    return "" if head[128:132] == b"DICM" or bare else "no DICOM file"


def _parsed(path: Path, stream: BufferedReader, head: bytes) -> Header:
    stream.seek(0)
    bare = head[128:132] != b"DICM"
    data = pydicom.dcmread(stream, stop_before_pixels=True, force=bare, specific_tags=list(TAGS))
    for keyword in TELLING:
        data.get(keyword)
    data.file_meta.get("MediaStorageSOPClassUID")
    syntax = UID(str(data.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian)))
    if syntax == DeflatedExplicitVRLittleEndian:
        return Header(path, data, syntax, 0 if "Rows" in data else None)
    element = stream.read(12)  # the reader stops at the beginning of the pixel element
    if element[:4] in PIXELS:
        explicit = not syntax.is_implicit_VR
        vr = element[4:6].decode("ascii", "replace") if explicit else "OW"
        return Header(path, data, syntax, stream.tell() - (0 if explicit else 4), vr)
    return Header(path, data, syntax, None)


def _value(data: Dataset, keyword: str) -> object:
    """Value of an attribute, which is parsed only now."""
    try:
        return data.get(keyword)
    except Exception as error:
        raise InputError(_damaged(data, keyword, error)) from error


def _damaged(data: Dataset, keyword: str, reason: object) -> str:
    source = getattr(data, "filename", None)  # the items of sequences have none
    name = shown(Path(Path(str(source)).name)) if source else "a frame"
    said = briefly(reason) if isinstance(reason, Exception) else reason
    return f"{name}: {keyword} is damaged ({said}); copy or export it again"


def text(data: Dataset, keyword: str) -> str:
    """Value as text, several joined by a backslash as in the file; empty when there is none."""
    value = _value(data, keyword)
    if value is None:
        return ""
    said = "\\".join(map(str, value)) if isinstance(value, MultiValue | list) else str(value)
    return printable(said.strip(" \0"))


def items(data: Dataset, keyword: str) -> list[Dataset]:
    """Items of a sequence; none when it is absent."""
    value = _value(data, keyword)
    if value is not None and not isinstance(value, Sequence):
        raise InputError(_damaged(data, keyword, "it is no sequence"))
    return list(value or ())


def whole(data: Dataset, keyword: str, default: int) -> int:
    """A whole number, or the default when the file does not say."""
    value = text(data, keyword)
    try:
        return int(float(value)) if value else default
    except (ValueError, OverflowError) as error:
        raise InputError(_damaged(data, keyword, f"{value[:40]!r} is no number")) from error


def numbers(data: Dataset, keyword: str, count: int, where: str) -> Array | None:
    """Float64 values of an attribute; None when it is absent or empty.

    Raises:
        InputError: it holds something else than `count` finite numbers.
    """
    value = text(data, keyword)
    if not value:
        return None
    try:
        found = np.array([float(part) for part in value.split("\\")])
    except ValueError:
        found = np.empty(0)
    if found.shape != (count,) or not np.isfinite(found).all():
        raise InputError(f"{where}: {keyword} is {value!r}, not {count} finite numbers; repair the header")
    return found
