"""What each sub-command is given: its files and its settings, one model per stage.

`cli.py` builds the flags from these models; the rules build the same flags from the configuration with
`segmake.settings`; a stage receives the checked job and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from pydantic_settings import CliPositionalArg

from segmake.auditing import CrateJob as CrateJob
from segmake.auditing import DescribeJob as DescribeJob
from segmake.auditing import DiffJob as DiffJob
from segmake.auditing import ExplainJob as ExplainJob
from segmake.auditing import VerifyJob as VerifyJob
from segmake.classification import ClassifyJob as ClassifyJob
from segmake.classification import DelongJob as DelongJob
from segmake.classification import DivideJob as DivideJob
from segmake.classification import FitJob as FitJob
from segmake.classification import ScoreJob as ScoreJob
from segmake.drawing import ExamplesJob as ExamplesJob
from segmake.drawing import FiguresJob as FiguresJob
from segmake.external import ExternalJob as ExternalJob
from segmake.operating import StatusJob as StatusJob
from segmake.postprocessing import PostprocessJob as PostprocessJob
from segmake.postprocessing import TuneJob as TuneJob
from segmake.prediction import ExportJob as ExportJob  # beside the settings of predict
from segmake.prediction import PredictJob as PredictJob
from segmake.presenting import ReportJob as ReportJob
from segmake.presenting import ViewJob as ViewJob
from segmake.section import Section
from segmake.settings import (
    ConvertSettings,
    DataSettings,
    EvaluateSettings,
    IntakeSettings,
    Layout,
    Modality,
    OnError,
    Order,
    PhantomSettings,
    PlanSettings,
    ResampleSettings,
    TrainSettings,
)
from segmake.slicing import SliceJob as SliceJob


class Batch(Section):
    """A job over one shard of cases."""

    output: Path
    """Table to write, one row per case; the cases' files go beside it."""
    threads: PositiveInt = 1
    """Processor cores this job may use."""
    on_error: OnError = "stop"
    """What a failed case means: stop (after the other cases are done) or exclude it."""


class Sharded(Section):
    """Which part of all cases a job takes."""

    shard: NonNegativeInt = 0
    """Number of this shard."""
    shards: PositiveInt = 1
    """Number of shards the cases are divided into."""

    @model_validator(mode="after")
    def _shard_is_one_of_them(self) -> Self:
        if self.shard >= 2 * self.shards:
            raise ValueError(
                f"{self.shards} shards are numbered from 0, and as many after them hold new cases, got shard "
                f"{self.shard}; lower it"
            )
        return self


class IndexJob(IntakeSettings):
    """Write the case sheet of a known folder layout, or check every case before anything runs."""

    layout: CliPositionalArg[Layout | Literal["sheet"]]
    """Folder layout, or `sheet` for a case sheet that is to be checked."""
    root: CliPositionalArg[Path]
    """Folder to index, or the sheet."""
    output: Path | None = None
    """Sheet to write; standard output when absent."""
    check: bool = False
    """Open every file and say what would be repaired, excluded or stopped; write nothing but the sheet."""
    channels: dict[str, Modality] = {}
    """Channel name -> modality, to check against (the layout's when empty)."""
    labels: dict[str, PositiveInt] = {}
    """Label name -> integer value, to check against (the layout's when empty)."""
    label_map: dict[int, NonNegativeInt] = {}
    """Source label value -> value to use instead."""
    ignore: PositiveInt | None = None
    """Label value of voxels that nobody judged."""
    threads: PositiveInt = 1
    """Processor cores that --check may use."""


class PhantomJob(PhantomSettings, Sharded, Batch):
    """Make synthetic volumes with exact truth."""

    seed: NonNegativeInt = 0
    """Seed of everything random."""


class ConvertJob(DataSettings, ConvertSettings, Sharded, Batch):
    """Convert scans to canonical NIfTI and write a passport row per case."""


class PlanJob(PlanSettings):
    """Choose folds, grid, patch, network shape and normalisation from the passport rows."""

    tables: list[Path] = []
    """Tables written by convert."""
    output: Path = Path("plan/plan.json")
    """Plan to write (or, with --show, to read)."""
    show: bool = False
    """Print an existing plan as a table with the reason for each choice."""
    channels: dict[str, Modality] = {}
    """Channel name -> modality."""
    labels: dict[str, PositiveInt] = {}
    """Label name -> integer value."""
    regions: dict[str, list[PositiveInt]] = {}
    """Region name -> label values."""
    ignore: PositiveInt | None = None
    """Label value of voxels that nobody judged."""
    order: Order = 3
    """Spline order for images."""
    pseudonymise: Path | None = None
    """Key file by which convert hid the names that `splits` holds."""
    sites: list[str] = []
    """Sites that the folds of leave-one-site-out were counted from: one without cases left keeps its fold."""
    seed: NonNegativeInt = 0
    """Seed of the fold assignment."""


class ResampleJob(ResampleSettings, Batch):
    """Turn canonical NIfTI into training-ready arrays."""

    table: Path
    """Table written by convert."""
    plan: Path
    """Plan to follow."""
    seed: NonNegativeInt = 0
    """Seed of the choice of foreground locations."""


class TrainJob(TrainSettings):
    """Train one network on one fold; continues where a stopped run of the same job was."""

    tables: list[Path]
    """Tables written by resample."""
    plan: Path
    """Plan to follow."""
    fold: NonNegativeInt = 0
    """Fold whose cases are kept for validation."""
    output: Path
    """Model to write; history.csv and state/ go beside it."""
    threads: PositiveInt = 1
    """Processor cores this job may use."""
    gpus: NonNegativeInt = 0
    """GPUs given to this job: a process on each, dividing every batch. 0: one where `device` finds one."""
    replay_steps: PositiveInt | None = None
    """Repeat only so many of the first steps of `replay`."""


class EvaluateJob(EvaluateSettings, Batch):
    """Compare label maps with the truth, per case, label and region."""

    prediction: Path | None = None
    """Folder of predicted label maps (NIfTI, MetaImage, NRRD)."""
    truth: Path | None = None
    """Folder of true label maps, with the same file names up to the format."""
    labels: dict[str, PositiveInt] = {}
    """Label name -> value, for two folders; every value that occurs when there are no regions either."""
    regions: dict[str, list[PositiveInt]] = {}
    """Region name -> label values, for two folders."""
    ignore: PositiveInt | None = None
    """Label value of voxels that nobody judged, for two folders; the plan knows it otherwise."""
    table: Path | None = None
    """Table written by convert (the truth)."""
    predictions: Path | None = None
    """Table written by predict."""
    plan: Path | None = None
    """Plan that names labels and regions."""
    output: Path
    """Scores to write, .tsv or .parquet: case, label, metric, value, unit, status. With --table: a table with
    one row per case, beside which the scores go."""

    @model_validator(mode="after")
    def _folders_or_tables(self) -> EvaluateJob:
        folders, tables = (self.prediction, self.truth), (self.table, self.predictions, self.plan)
        given = [bool(self.labels or self.regions or self.ignore), *(path is not None for path in folders)]
        if all(tables) and not any(given):
            return self
        if all(folders) and not any(tables):
            return self
        raise ValueError(
            "evaluate takes two folders, --prediction and --truth (and perhaps --labels and --regions), or "
            "--table, --predictions and --plan; give all of one kind and none of the other"
        )


class SummarizeJob(EvaluateSettings):
    """Gather the shards' scores into metrics.tsv and summary.tsv."""

    tables: list[Path]
    """Tables written by evaluate."""
    output: Path
    """Summary to write."""
    metrics: Path
    """Long-format table of all scores to write."""
    subgroup_table: Path | None = None
    """Table of the scores of subgroups to write."""
    cases: list[Path] = []
    """Tables written by convert: columns of subgroups, and the splits of cases that failed later."""
    predictions: list[Path] = []
    """Tables written by predict, for the cases that failed there."""
    sheet: Path | None = None
    """Case sheet with further columns of subgroups."""
    seed: NonNegativeInt = 0
    """Seed of the bootstrap."""


class CompareJob(EvaluateSettings):
    """Compare models on the cases they share: differences, tests, ranks."""

    metrics: list[Path]
    """Scores of each model, written by summarize or evaluate: two at least. A model is called as the folder
    of its metrics.tsv, or as a file of another name."""
    tables: list[Path] = []
    """Tables written by evaluate, in the models' folders: patients, and the mean over labels."""
    replicates: list[list[str]] = []
    """Models that differ by nothing but their seed, in groups; the first of a group stands for the others."""
    output: Path
    """Comparison of every pair of models to write."""
    ranking: Path
    """Ranking of the models to write."""
    seed: NonNegativeInt = 0
    """Seed of the resamples."""


class FrocJob(Section):
    """Evaluate a detector's marks as LUNA16 does: FROC curve, CPM, bootstrap intervals."""

    candidates: Path
    """Marks (CSV): seriesuid, coordX, coordY, coordZ, probability."""
    annotations: Path
    """Nodules (CSV): seriesuid, coordX, coordY, coordZ, diameter_mm."""
    excluded: Path | None = None
    """Irrelevant findings, as annotations: marks on them are ignored."""
    scans: Path | None = None
    """Series UIDs, one in a row: the scans that were looked at. Without it, those that the tables name."""
    output: Path
    """Table to write."""
    curve: Path | None = None
    """Table of the whole curve to write."""
    resamples: PositiveInt = 1000
    """Bootstrap resamples of scans."""
    confidence: PositiveFloat = Field(0.95, lt=1)
    """Coverage of the intervals."""
    seed: NonNegativeInt = 0
    """Seed of the resamples."""
