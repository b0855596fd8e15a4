"""Every setting of the pipeline: name, type, default, unit, help and check.

A section per stage, in data order. The YAML key is the field is the command-line flag. Sections are
closed: an unknown key is an error that names the nearest valid one. `config/README.md` and
`config/schema.json` are generated from this file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from segmake.auditing import DescribeSettings
from segmake.classification import (
    ClassifySettings,
    DivideSettings,
    FitSettings,
    ScoreSettings,
    SliceSettings,
)
from segmake.drawing import ExamplesSettings, FiguresSettings
from segmake.postprocessing import PostprocessSettings
from segmake.prediction import PredictSettings as PredictSettings  # for all who know settings alone
from segmake.presenting import ReportSettings
from segmake.section import Section
from segmake.training import Axis as Axis
from segmake.training import TrainSettings as TrainSettings

Modality = Literal["ct", "mr", "pet", "xray", "other"]
Pictures = Literal["imagefolder", "inbreast", "listed", "npz"]
"""Folder layouts of 2D images."""
Layout = Literal["msd", "nnunet", "brats", "pairs", "luna16", "lidc", "bids", "dicom"] | Pictures
"""Folder layouts that `segmake index` knows."""
OnError = Literal["stop", "exclude"]
Order = Annotated[
    Literal[0, 1, 3], BeforeValidator(lambda value: {"0": 0, "1": 1, "3": 3}.get(str(value), value))
]
"""Spline order; the command line gives it as text."""


class DataSettings(Section):
    """Which cases there are, and what their channels and labels mean."""

    cases: Path | None = None
    """Case sheet (TSV). Give either this or `layout`."""
    layout: Literal["msd", "nnunet", "brats", "pairs", "bids", "phantom"] | Pictures | None = None
    """Folder layout to index in place instead of a sheet (the others: `segmake index` writes a sheet)."""
    root: Path | None = None
    """Folder that `layout` indexes."""
    channels: dict[str, Modality] = {}
    """Channel name -> modality, which decides normalisation. Read from the layout when empty."""
    labels: dict[str, PositiveInt] = {}
    """Label name -> integer value in the label maps. Read from the layout when empty."""
    label_map: dict[int, NonNegativeInt] = {}
    """Source label value -> value to use instead, applied on conversion (BraTS: {4: 3})."""
    regions: dict[str, list[PositiveInt]] = {}
    """Region name -> label values; regions may overlap and are trained with sigmoid heads."""
    ignore: PositiveInt | None = None
    """Label value of voxels that nobody judged: they count neither in training nor in scores."""

    @model_validator(mode="after")
    def _labels_have_values_of_their_own(self) -> DataSettings:
        if len(set(self.labels.values())) < len(self.labels):
            raise ValueError(
                f"each of data.labels needs a value of its own, got {self.labels}; merge equal ones"
            )
        if self.ignore in self.labels.values():
            raise ValueError(f"data.ignore {self.ignore} is a value of data.labels {self.labels}; remove one")
        return self

    @model_validator(mode="after")
    def _regions_use_known_labels(self) -> DataSettings:
        known = set(self.labels.values())
        for name, values in self.regions.items():
            if not values or (known and not set(values) <= known):
                raise ValueError(
                    f"region '{name}' must list values of data.labels {sorted(known)}, got {values}"
                )
        return self


class PhantomSettings(Section):
    """Synthetic volumes with exact truth, for the demo and the tests."""

    kind: Literal["brats", "luna"] = "brats"
    """brats: four MR channels with a tumour; luna: chest CT with nodules."""
    count: PositiveInt = 12
    """Number of cases."""
    size: PositiveInt = Field(64, ge=24)
    """Largest number of voxels along an axis."""
    test: NonNegativeInt = 2
    """How many of the cases are held out as split `test`."""


class IntakeSettings(Section):
    """How the files of a case come onto one grid."""

    tolerance_mm: PositiveFloat = 0.05
    """Grids of a case's files whose corners are this close count as one: snapped to the first, and logged."""
    regrid: Literal["different", "always", "never"] = "different"
    """Channels on another grid are resampled onto the first: those of another shape or spacing (different),
    all (always; labels too, voted), or none: the case stops (never)."""
    register: Literal["none", "rigid"] = "none"
    """rigid: align the other channels to the first by a rigid registration (mutual information)."""
    tilt: Literal["correct", "stop"] = "correct"
    """DICOM gantry tilt: resample to an orthogonal grid, or stop the case."""


class ConvertSettings(IntakeSettings):
    """Any scan -> canonical NIfTI (RAS+, one grid per case, checked)."""

    pseudonymise: Path | None = None
    """Key file, kept outside the results (made when missing): case and group names become keyed hashes."""
    dates: Literal["drop", "shift"] = "drop"
    """DICOM dates in the sidecar: left out, or shifted by whole days, the same for all of a patient
    (needs `pseudonymise`)."""

    @model_validator(mode="after")
    def _shifting_needs_a_key(self) -> Self:
        if self.dates == "shift" and self.pseudonymise is None:
            raise ValueError("dates: shift needs the key file of pseudonymise; give one, or drop the dates")
        return self


class PlanSettings(Section):
    """Folds, grid, patch, network shape and normalisation; null lets the data decide."""

    folds: Annotated[int, Field(ge=2)] | Literal["leave-one-site-out"] = 5
    """Number of cross-validation folds (split by group, stratified), or one fold per site.
    `splits` decides it where given."""
    splits: Path | None = None
    """Own folds: a TSV with columns case and fold, or a JSON list of {"train": [...], "val": [...]}."""
    allow_duplicates: bool = False
    """Go on although two cases hold the same voxels or a patient is in train and test."""
    budget: str = "8GB"
    """What one training step may cost: memory for a GPU ("8GB") or compute for a CPU ("100GFLOP")."""
    spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    """Pin the target voxel spacing (x, y, z)."""
    patch: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    """Pin the patch size in voxels."""
    batch: PositiveInt | None = None
    """Pin the number of patches per step."""
    features: list[PositiveInt] | None = None
    """Pin the feature maps per resolution stage."""
    strides: list[tuple[PositiveInt, PositiveInt, PositiveInt]] | None = None
    """Pin the stride into each resolution stage (the first is 1, 1, 1)."""
    normalisation: dict[str, Literal["zscore", "ct", "minmax", "none"]] = {}
    """Pin the intensity scheme of a channel."""
    crop: Literal["nonzero", "none"] = "nonzero"
    """Crop each case to its non-zero box before resampling."""

    @model_validator(mode="after")
    def _folds_have_one_source(self) -> Self:
        if self.splits is not None and self.folds == "leave-one-site-out":
            raise ValueError("plan.splits and plan.folds leave-one-site-out exclude each other; give one")
        return self


class ResampleSettings(Section):
    """NIfTI + plan -> cropped, resampled, normalised, compressed arrays."""

    order: Order = 3
    """Spline order for images (labels are always voted per class, linearly)."""
    locations: PositiveInt = 10_000
    """Foreground voxels remembered per class for sampling."""


class EvaluateSettings(Section):
    """Label maps + truth -> case x label x metric, with a status."""

    nsd_tolerance_mm: PositiveFloat | dict[str, PositiveFloat] = 1.0
    """Surface distance up to which a surface point counts as right (NSD), such as the variability of raters:
    one number, or one for each label and region by name."""
    lesion: Literal["none", "overlap", "brats2023", "brats2023-men", "brats2023-met"] = "none"
    """Scores per lesion too: found by any overlap, or by the rule of the BraTS 2023 challenge (glioma,
    sub-Saharan Africa and paediatrics; -men: meningioma; -met: metastases)."""
    resamples: PositiveInt = 2000
    """Bootstrap resamples of patients for the confidence intervals."""
    confidence: PositiveFloat = Field(0.95, lt=1)
    """Coverage of the confidence intervals; tests between models use what is left as their level."""
    permutations: PositiveInt = 10_000
    """Sign patterns drawn for the paired permutation test (all of them up to 15 patients)."""
    subgroups: list[str] = ["site", "size"]
    """Scores of parts of the cases: columns of the case sheet, and `size` (thirds by true volume)."""


class Settings(Section):
    """The whole configuration, sections in data order."""

    workdir: Path = Path("results/demo")
    """Folder of this experiment; every path inside it is relative to it."""
    seed: NonNegativeInt = 0
    """Seed of everything random."""
    shards: PositiveInt = 2
    """Jobs per batch stage, and up to as many more for new cases; a stable hash of its name gives a case its
    shard."""
    on_error: OnError = "stop"
    """What a failed case means: stop (after the shard's other cases are done) or exclude it."""
    container: str | None = None
    """Image that jobs run in with --software-deployment-method apptainer, such as /shared/segmake.sif."""
    data: DataSettings = DataSettings()
    phantom: PhantomSettings = PhantomSettings()
    convert: ConvertSettings = ConvertSettings()
    plan: PlanSettings = PlanSettings()
    resample: ResampleSettings = ResampleSettings()
    models: dict[str, dict[str, Any]] = {"unet": {}}
    """Model name -> train settings that differ for it; several are compared in one DAG. {}: no 3D branch."""
    train: TrainSettings = TrainSettings()
    predict: PredictSettings = PredictSettings()
    postprocess: PostprocessSettings = PostprocessSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    slice: SliceSettings = SliceSettings()
    divide: DivideSettings = DivideSettings()
    classifiers: dict[str, dict[str, Any]] = {}
    """Classifier name -> fit settings that differ for it. {}: no 2D branch."""
    fit: FitSettings = FitSettings()
    classify: ClassifySettings = ClassifySettings()
    score: ScoreSettings = ScoreSettings()
    examples: ExamplesSettings = ExamplesSettings()
    figures: FiguresSettings = FiguresSettings()
    describe: DescribeSettings = DescribeSettings()
    report: ReportSettings = ReportSettings()
