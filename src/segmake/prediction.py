"""The settings of `predict`, what `predict` and `export` are given, and what a label is called in DICOM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, StringConstraints, model_validator

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
    mirror_axes: list[Literal["x", "y", "z"]] = []
    """Other axes for `mirror` than the model's flip axes."""
    skip_empty: bool = True
    """Leave windows of air out (CT, and images masked by their body): such voxels are background."""
    windows: PositiveInt | None = None
    """Windows per network call; where not set 1 on a CPU, 4 on a GPU."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 autocast where the hardware has it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: CUDA when there is one."""
    backend: Literal["auto", "torch", "openvino"] = "auto"
    """What runs networks on a CPU. auto: OpenVINO where it is installed (extra `openvino`) and the job is
    long enough to earn back its start."""
    memory_gb: PositiveFloat = 4.0
    """Memory that the job plans for: larger volumes are cut up, and fewer cases overlap. The rule asks the
    scheduler for a quarter more."""
    uncertainty: bool = False
    """Also write maps of entropy and of the models' disagreement, and the Dice that they let expect."""
    probabilities: bool = False
    """Also write the probability of each label (each region, where there are regions) as a byte, 0 to 255."""
    lesions: bool = False
    """Also write a table of the separate parts of each label: volume, place and diameters."""
    lesion_ml: NonNegativeFloat = 0.0
    """Parts below this volume are not listed in that table."""
    dicom_seg: Literal["binary", "labelmap"] = "binary"
    """Type of a DICOM-SEG: binary opens everywhere; labelmap is new in DICOM and smaller with many labels."""
    codes: dict[str, LabelCode] = {}
    """Label name -> its `category` and `type` in DICOM (each [value, scheme, meaning]), `color` (#RRGGBB)."""


class PredictJob(PredictSettings):
    """Predict label maps on the native grid, for a table of cases or for one scan."""

    trust: str | None = None
    """Network outside of MONAI (package.module.Class) that the models may import."""
    model: list[Path]
    """Trained models; several are averaged."""
    table: Path | None = None
    """Table written by convert: predict its cases (training cases out of fold)."""
    image: list[Path] = []
    """One scan instead of a table: per channel a file or DICOM folder, in the model's order or as t1=FILE."""
    output: Path | None = None
    """Table to write, or with --image the label map."""
    recipe: Path | None = None
    """Post-processing of one scan: the recipe.json that `tune` wrote (a bundle may bring its own)."""
    estimate: bool = False
    """Print the memory and time that it would take, from headers and one window, and predict nothing."""
    threads: PositiveInt = 1
    """Processor cores this job may use."""
    on_error: Literal["stop", "exclude"] = "stop"
    """What a failed case means: stop (after the other cases are done) or exclude it."""

    @model_validator(mode="after")
    def _table_or_image(self) -> PredictJob:
        if (self.table is None) == (not self.image):
            raise ValueError("predict takes either --table or --image; give exactly one of them")
        if self.output is None and not self.estimate:
            raise ValueError("predict writes to --output; give it, or --estimate to predict nothing")
        return self

    @property
    def target(self) -> Path:
        """The output, which is there unless all is estimated."""
        return self.output or Path()


class ExportJob(Section):
    """Write trained models as a MONAI bundle that runs elsewhere."""

    model: list[Path]
    """Trained models; several are averaged."""
    output: Path
    """Folder of the bundle to write."""
    recipe: Path | None = None
    """Post-processing that belongs to the models: the recipe.json that `tune` wrote."""
    onnx: bool = False
    """Also write models/model.onnx (extra `export`)."""
    trust: str | None = None
    """Network from another package (package.module.Class) that the models may import."""
