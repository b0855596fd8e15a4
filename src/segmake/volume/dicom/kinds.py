"""What a DICOM file is when it is no slice of a scan: localiser, report, presentation state and so on."""

from __future__ import annotations

from segmake.volume.dicom.headers import Header, text

STORAGE = "1.2.840.10008.5.1.4.1.1."
SEGMENTATION = {STORAGE + "66.4", STORAGE + "66.7"}
STRUCTURES = {STORAGE + "481.3"}
CUT = "cut short, for it is an image without pixels"
SECONDARY = STORAGE + "7"
# By the beginning of the SOP class (PS3.6, annex A), the longer first.
KINDS = {
    "66.4": "a segmentation (a label map, give it as label)",
    "66.7": "a segmentation (a label map, give it as label)",
    "66": "raw or registration data",
    "30": "a parametric map",
    "67": "a table of real-world values",
    "68": "a surface",
    "88.67": "a dose report",
    "88.59": "a list of key objects",
    "88": "a structured report",
    "11": "a presentation state",
    "481.3": "a set of contours (RTSTRUCT, give it as label)",
    "481": "a radiotherapy object",
    "104": "an enclosed document",
    "9": "a waveform",
    "4.2": "a spectrum",
}


def is_secondary(header: Header) -> bool:
    """Whether the file is a secondary capture (a screen shot, a film, a picture made of a scan)."""
    found = header.sop_class
    return found == SECONDARY or found.startswith(SECONDARY + ".")


def why_no_slice(header: Header) -> str:
    """The reason why a file can be no slice of a scan; empty when it can."""
    kind = header.sop_class.removeprefix(STORAGE)
    for prefix, reason in KINDS.items():
        if kind == prefix or kind.startswith(prefix + "."):
            return reason
    image_type = text(header.data, "ImageType").upper().split("\\")
    if "LOCALIZER" in image_type:
        return "a localiser"
    if header.pixels_at is not None:
        return ""
    return (
        CUT if header.sop_class.startswith(STORAGE) or not header.sop_class else "a DICOM file without pixels"
    )


def label_kind(header: Header) -> str:
    """`segmentation` or `structures` for files that hold labels, else empty."""
    kind = header.sop_class
    if kind in SEGMENTATION:
        return "segmentation"
    return "structures" if kind in STRUCTURES else ""
