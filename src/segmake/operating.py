"""What the sub-commands are given that look at a run while it runs: status."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, NonNegativeInt
from pydantic_settings import CliPositionalArg

from segmake.section import Section


class StatusJob(Section):
    """Show what is done, running, failed and left of a run, and how long it may take."""

    folder: CliPositionalArg[Path]
    """Results folder (the configuration's workdir)."""
    as_json: bool = Field(False, alias="json")
    """Write JSON instead of tables."""
    lines: NonNegativeInt = 5
    """How many last lines of a failed job's log are shown."""
