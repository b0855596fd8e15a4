"""Models that segmake did not train: an entry of `models`, and what the sub-command `external` is given."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from segmake.section import Section

KEYS = ("external", "nnunet")
"""Either of them makes an entry of `models` one of another program."""


class ExternalSettings(Section):
    """Label maps of another program, scored and compared like those of a trained model."""

    external: Path | None = None
    """Folder of label maps that were made elsewhere, each called as its case."""
    nnunet: Path | None = None
    """Folder of a trained nnU-Net v2 (trainer__plans__configuration), run through nnU-Net's own predictor."""
    command: list[str] = Field(["nnUNetv2_predict_from_modelfolder"], min_length=1)
    """How that predictor is called here; nnU-Net is no part of segmake's environment."""

    @model_validator(mode="after")
    def _one_of_both(self) -> ExternalSettings:
        if (self.external is None) == (self.nnunet is None):
            raise ValueError(
                "a model of another program is either external: FOLDER or nnunet: FOLDER; give one"
            )
        return self


class ExternalJob(ExternalSettings):
    """Take the label maps of another program in, checked against the cases of a table."""

    table: Path
    """Table written by convert."""
    plan: Path
    """Plan that knows the labels."""
    output: Path
    """Table to write, one row per case; the label maps go beside it."""
    threads: PositiveInt = 1
    """Processor cores this job may use."""
    on_error: Literal["stop", "exclude"] = "stop"
    """What a failed case means: stop (after the other cases are done) or exclude it."""
