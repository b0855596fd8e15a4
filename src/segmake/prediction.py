"""The group of settings `predict`, and what a label is called in the objects of a hospital."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, StringConstraints

from segmake.section import Section

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Concept = tuple[Annotated[str, StringConstraints(min_length=1, max_length=16)], Word, Word]
"""Code value, coding scheme, meaning: ["10200004", "SCT", "Liver"]."""


class LabelCode(Section):
    """What a label means, for DICOM; what is left out comes from a table of common names."""

    category: Concept | None = None
    """Kind of thing: value, scheme and meaning of a code of DICOM's CID 7150."""
    type: Concept | None = None
    """The thing itself: value, scheme and meaning, such as 10200004, SCT, Liver."""
    color: Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")] | None = None
    """Colour that viewers are advised to show it in, such as #D55E00."""


class PredictSettings(Section):
    """Models + cases -> label maps on the native grid."""

    overlap: NonNegativeFloat = Field(0.5, lt=1)
    """Overlap of neighbouring windows as a fraction of the patch."""
    mirror: bool = False
    """Average over mirrored copies along the model's flip axes (2^axes times slower)."""
    windows: PositiveInt = 2
    """Windows per network call."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 autocast where the hardware has it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: CUDA when there is one."""
    dicom_seg: Literal["binary", "labelmap"] = "binary"
    """Type of a DICOM-SEG: binary opens everywhere; labelmap is new in DICOM and smaller with many labels."""
    codes: dict[str, LabelCode] = {}
    """Label name -> `category` and `type` (each [value, scheme, meaning]) and `color` (#RRGGBB) in DICOM objects."""
