"""The technical attributes that may leave a DICOM file: an allow-list, nothing that identifies a person."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

NUMBERS = frozenset(("DS", "IS", "US", "SS", "FD", "FL"))
CODE = re.compile(r"[A-Za-z0-9_ ]{1,16}")  # code strings of PS3.5, 6.2; sentences and names do not fit
NAMED = frozenset(("Manufacturer", "ManufacturerModelName", "ConvolutionKernel"))
DATES = ("StudyDate", "AcquisitionDate")
ALLOWED = (
    *("Modality", "Manufacturer", "ManufacturerModelName", "BodyPartExamined", "PatientPosition"),
    *("ImageType", "PhotometricInterpretation", "BurnedInAnnotation", "LossyImageCompression"),
    *("SliceThickness", "SpacingBetweenSlices", "PixelSpacing", "ImagerPixelSpacing", "GantryDetectorTilt"),
    *("MagneticFieldStrength", "EchoTime", "EffectiveEchoTime", "RepetitionTime", "InversionTime"),
    *("FlipAngle", "EchoTrainLength", "EchoNumbers", "ScanningSequence", "SequenceVariant"),
    *("MRAcquisitionType", "PixelBandwidth", "NumberOfAverages", "DiffusionBValue"),
    *("KVP", "XRayTubeCurrent", "Exposure", "ExposureTime", "ConvolutionKernel"),
    *("ReconstructionDiameter", "Units", "DecayCorrection"),
    *("ViewPosition", "ImageLaterality", "Laterality", "PatientOrientation", "CompressionForce"),
    *("ContrastBolusAgent", *DATES),
)
"""By keyword; of text only what names the device, and dates for `privacy` to shift or drop."""


def technical(layers: Iterable[Dataset], series: str) -> dict[str, str]:
    """Allowed attributes as text by keyword, from the first data set that has each.

    The contrast agent is told as yes or no; `source_uid` is the beginning of the SHA-256 of the series UID,
    which tells series apart without naming one.
    """
    found: dict[str, str] = {}
    for data in layers:
        for keyword in ALLOWED:
            if keyword not in found and (value := _value(data, keyword)):
                found[keyword] = value
    return {
        **dict(sorted(found.items())),
        "source_uid": hashlib.sha256(series.encode()).hexdigest()[:16],
    }


def _value(data: Dataset, keyword: str) -> str:
    if keyword not in data:
        return ""
    try:
        value = data[keyword].value
    except Exception:
        return ""  # damaged: there is nothing to tell
    if keyword == "ContrastBolusAgent":
        return "yes" if value else "no"
    parts = [str(part) for part in value] if isinstance(value, MultiValue | list) else [str(value or "")]
    fits = keyword in NAMED or keyword in DATES or all(_fits(part, keyword) for part in parts)
    return "\\".join(parts) if fits else ""


def _fits(part: str, keyword: str) -> bool:
    """Whether a value is the code or number that its attribute promises, not somebody's remark."""
    if dictionary_VR(tag_for_keyword(keyword) or 0) not in NUMBERS:
        return CODE.fullmatch(part) is not None
    try:
        float(part)
    except ValueError:
        return False
    return True
