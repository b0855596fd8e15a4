"""What slice is given: its files, and the settings of the data and of the patches."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import NonNegativeInt, PositiveInt, model_validator

from segmake.classification import SliceSettings
from segmake.settings import DataSettings, OnError


class SliceJob(DataSettings, SliceSettings):
    """Turn the cases of one shard, images or volumes, into 2D patches with class and patient."""

    table: Path | None = None
    """Table written by convert; without it (`source` images) the data section's own images are taken."""
    predictions: Path | None = None
    """prediction: table written by predict or postprocess."""
    phantoms: Path | None = None
    """Table written by phantom, whose records know each lesion and its class."""
    output: Path
    """Table to write, one row per case; the cases' files go beside it."""
    pseudonymise: Path | None = None
    """images: key file by which the names of cases and patients are hidden."""
    shard: NonNegativeInt = 0
    """images: number of this shard."""
    shards: PositiveInt = 1
    """images: number of shards the cases are divided into."""
    threads: PositiveInt = 1
    """Processor cores this job may use."""
    on_error: OnError = "stop"
    """What a failed case means: stop (after the other cases are done) or exclude it."""

    @model_validator(mode="after")
    def _the_source_is_given(self) -> Self:
        if self.source != "images" and self.table is None:
            raise ValueError(f"slice.source {self.source} needs --table, which convert writes; give it")
        if self.source == "prediction" and self.predictions is None:
            raise ValueError("slice.source prediction needs --predictions, which predict writes; give it")
        if self.source == "lesions" and self.lesions is None and self.phantoms is None:
            raise ValueError("slice.source lesions needs slice.lesions, a table of places; give it")
        return self
