"""The settings of the 2D branch: slice -> divide -> fit -> classify -> score, and what its jobs are given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from segmake.recipe import ViewSettings
from segmake.section import Section
from segmake.training import LearnSettings

Level = Literal["patch", "lesion", "patient"]
Guard = Literal["duplicates", "shortcut", "patients", "group"]
"""Honesty guards: near-duplicate images across folds, class predictable from image size or metadata, a
patient in two folds, no column of patients."""


Aggregate = Literal["mean", "max", "noisy-or"]
"""Many probabilities -> one; noisy-or: 1 - prod(1 - p)."""


class SliceSettings(Section):
    """Volumes or images -> 2D patches with class and patient, all of one size."""

    source: Literal["images", "axial", "label", "lesions", "prediction"] = "images"
    """images: the 2D images of the data section as they are; axial: axial slices of the volumes; label: round
    the lesions of the true label map; lesions: round the places of `slice.lesions`; prediction: round the
    parts that a model of `models` found."""
    lesions: Path | None = None
    """Table of places in the volumes: LUNA16's annotations.csv or candidates.csv, or columns case, coordX,
    coordY, coordZ (world mm, LPS), diameter_mm and class. With `prediction` it says what each part is."""
    classes: list[str] = []
    """Classes in order, such as [benign, malignant]; those that occur, sorted, where not set."""
    class_map: dict[str, str] = {}
    """Class in the source -> class to use instead, such as {"0": normal, "1": pneumonia}; several may become
    one."""
    unmatched: str = "none"
    """label, prediction: class of a part that lies in no place of `slice.lesions` (as LUNA16 has it: its
    centre within the place's radius); empty: such parts are left out."""
    smallest_ml: NonNegativeFloat = 0.0
    """label, prediction: smaller parts are left out."""
    most: PositiveInt = 100
    """label, prediction: so many parts of a case at most, the largest ones."""
    model: str = ""
    """prediction: which of `models` (the first where not set)."""
    size: PositiveInt = Field(224, ge=16)
    """Side of a patch in pixels."""
    extent_mm: PositiveFloat | None = None
    """Side of a patch round a lesion in mm; where not set 50. Axial slices and images are taken whole."""
    planes: Literal["axial", "neighbours", "orthogonal"] = "axial"
    """What the channels of a patch from a volume are: its axial slice, that and its two neighbours, or the
    three orthogonal slices through its middle."""
    window: dict[str, tuple[float, float]] = {}
    """Channel -> intensities that become black and white. Where not set -1000 to 400 for CT, the range of the
    pixel values for 8-bit images, else the 0.5th to 99.5th percentile of each image."""
    every: PositiveInt = 1
    """axial: take every n-th slice."""
    colours: Literal["auto", "grey", "rgb"] = "auto"
    """images: as they are (pictures whose three colours are equal are grey), or all of one kind."""

    @model_validator(mode="after")
    def _what_is_named_is_there(self) -> Self:
        if self.source == "axial" and self.planes == "orthogonal":
            raise ValueError(
                "slice.planes orthogonal are three slices through a place, but slice.source axial takes "
                "whole slices; choose neighbours"
            )
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"slice.classes {self.classes} name a class twice; name each once")
        named = {*self.class_map.values(), *([self.unmatched] if self.source == "prediction" else [])}
        if self.classes and (unknown := sorted(named - {*self.classes, ""})):
            raise ValueError(
                f"slice.classes {self.classes} lack {', '.join(unknown)}, which class_map or unmatched name; "
                "add it there"
            )
        for name, (low, high) in self.window.items():
            if not low < high:
                raise ValueError(
                    f"slice.window {name} must rise from black to white, got {low:g} to {high:g}"
                )
        return self


class DivideSettings(Section):
    """Folds of the patches (those of the 3D branch where it has any), and whether they are honest."""

    allow: list[Guard] = []
    """Guards that only warn: a patient or near-duplicate images in two folds, and a class that follows from
    the size or metadata of its image, stop unless they are listed here."""
    join: bool = False
    """Cases with near-duplicate images share a fold, as those of one patient do."""


class FitSettings(LearnSettings):
    """One classifier on one fold. `classifiers:` overrides these per classifier."""

    network: str = "resnet18"
    """A classification network of MONAI by name (resnet18, resnet50, densenet121, efficientnet-b0,
    seresnet50, vit ...), one of timm (extra `zoo`: vgg16, inception_v3, convnext_tiny ...), or
    package.module.Class."""
    batch: PositiveInt = 32
    """Patches per step."""
    optimizer: Literal["adamw", "adam", "sgd"] = "adam"
    """sgd has Nesterov momentum."""
    multi_label: bool = False
    """Classes do not exclude each other: a case's class is a list such as effusion|nodule, or empty."""
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    """Cross entropy (binary for each class of multi_label); focal: Lin et al., ICCV 2017, gamma 2."""
    balance: Literal["none", "weights", "sampling"] = "none"
    """Against rare classes: weigh the loss by inverse frequency, or draw every class equally often."""
    smoothing: NonNegativeFloat = Field(0.0, lt=1)
    """Label smoothing."""
    flip: list[Literal["x", "y"]] = ["x"]
    """Axes (columns, rows) that augmentation and test-time mirroring may flip."""
    augment: ViewSettings = ViewSettings()
    """How strongly patches are changed: none, light, default or strong, or the keys of `fit.augment`."""
    freeze: Literal["none", "encoder"] = "none"
    """encoder: only the last layer learns."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor of the learning rate from each stage of the network to the one before it."""
    patience: NonNegativeInt = 0
    """Stop after so many looks at validation patches (every 100 steps) without a better AUC, and publish the
    best weights; 0: never, and the last ones are published."""


class ClassifySettings(Section):
    """Classifiers + patches -> class probabilities per patch."""

    samples: NonNegativeInt = 0
    """Passes with random dropout for an uncertainty (0: the disagreement of the folds alone)."""
    mirror: bool = False
    """Average over patches mirrored along `fit.flip` (2^axes times slower)."""
    explain: NonNegativeInt = 0
    """Patches of each shard whose Grad-CAM is drawn: the most certain wrong and right ones."""
    occlusion: bool = False
    """Draw occlusion maps of them too (slow)."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 autocast where the hardware has it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: CUDA when there is one."""


class ScoreSettings(Section):
    """Class probabilities -> calibrated probabilities, decisions and scores of patches, lesions, patients."""

    positive: str = ""
    """Class that a two-class task is about; where not set the last of `slice.classes`."""
    aggregate: Aggregate = "mean"
    """How the patches of a lesion become one probability, or those of a patient without lesions."""
    aggregate_lesions: Aggregate = "max"
    """How the lesions of a patient become one probability."""
    calibrate: bool = True
    """Scale the logits by a temperature fitted on out-of-fold patches (Guo et al., ICML 2017)."""
    threshold: Literal["youden", "sensitivity", "half"] = "youden"
    """How a decision threshold is chosen on out-of-fold predictions: Youden's index, the highest one with at
    least `sensitivity`, or 0.5."""
    sensitivity: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Least sensitivity of the threshold `sensitivity`."""
    bins: PositiveInt = 10
    """Bins of the expected calibration error and the reliability diagram."""
    resamples: PositiveInt = 2000
    """Bootstrap resamples of patients for the intervals."""
    confidence: PositiveFloat = Field(0.95, lt=1)
    """Coverage of the intervals."""


class DivideJob(DivideSettings):
    """Assign folds to the cases of all patches and look for leaks and shortcuts."""

    tables: list[Path]
    """Tables written by slice."""
    plan: Path | None = None
    """Plan whose folds to take; where not given they are made of the patches' groups and classes."""
    splits: Path | None = None
    """Own folds: a TSV with columns case and fold, or a JSON list of {"train": [...], "val": [...]}."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Number of folds to make."""
    output: Path
    """Table to write: case, group, split, fold."""
    guards: Path
    """Table to write: a row per guard."""
    seed: NonNegativeInt = 0
    """Seed of the folds."""


class FitJob(FitSettings):
    """Fit one classifier on one fold; continues where a stopped run of the same job was."""

    tables: list[Path]
    """Tables written by slice."""
    division: Path
    """Table of folds written by divide."""
    fold: NonNegativeInt = 0
    """Fold whose cases are kept for validation."""
    classes: list[str] = []
    """Classes in order; those that occur, sorted, where not set."""
    output: Path
    """Model to write; history.csv and state/ go beside it."""
    threads: PositiveInt = 1
    """Processor cores this job may use."""
    gpus: NonNegativeInt = 0
    """GPUs given to this job: a process on each, dividing every batch. 0: one where `device` finds one."""
    replay_steps: PositiveInt | None = None
    """Repeat only so many of the first steps of `replay`."""


class ClassifyJob(ClassifySettings):
    """Class probabilities of the patches of one shard: training cases out of fold, others by all folds."""

    model: list[Path]
    """Models written by fit, of one classifier."""
    table: Path | None = None
    """Table written by slice."""
    folds: Path | None = None
    """Table written by divide."""
    image: list[Path] = []
    """Single pictures instead of a table."""
    decision: Path | None = None
    """decision.json that score wrote: calibrated probabilities and decisions of single pictures."""
    window: tuple[float, float] | None = None
    """Intensities that become black and white in single pictures, where `slice.window` was set."""
    trust: str | None = None
    """Network outside of MONAI and timm (package.module.Class) that the models may import."""
    output: Path | None = None
    """Table to write, one row per patch; of single pictures printed where it is not given."""
    threads: PositiveInt = 1
    """Processor cores this job may use."""

    @model_validator(mode="after")
    def _table_or_images(self) -> Self:
        if bool(self.image) == (self.table is not None) or (self.table is None) != (self.folds is None):
            raise ValueError("classify takes --table with --folds, or else --image; give one kind of them")
        if self.table is not None and self.output is None:
            raise ValueError("classify writes to --output; give it")
        return self

    @property
    def target(self) -> Path:
        """The table to write."""
        return self.output or Path()


class ScoreJob(ScoreSettings):
    """Calibrate, decide and score a classifier on the level of patches, lesions and patients."""

    tables: list[Path]
    """Tables written by classify."""
    lesions: Path | None = None
    """Table of the true places (as `slice.lesions`): marks.csv, nodules.csv and scans.csv for `froc` too."""
    phantoms: list[Path] = []
    """Tables written by phantom, whose records know the true places, instead."""
    output: Path
    """Summary to write; predictions.tsv, curves.tsv, confusion.tsv and decision.json go beside it."""
    seed: NonNegativeInt = 0
    """Seed of the bootstrap."""


class DelongJob(Section):
    """Compare the areas under the ROC curves of classifiers on the same cases (DeLong's test)."""

    predictions: list[Path]
    """score/<classifier>/predictions.tsv of each classifier: two at least, called as their folders."""
    output: Path
    """Comparison of every pair to write."""
    confidence: PositiveFloat = Field(0.95, lt=1)
    """Coverage of the intervals, and 1 - the level of the tests."""
