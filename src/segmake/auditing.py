"""What the sub-commands are given that look at results: verify, explain, diff, describe and crate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import PositiveInt, model_validator
from pydantic_settings import CliPositionalArg

from segmake.section import Section


class DescribeSettings(Section):
    """Manifests and tables -> methods text, model cards and reporting checklists."""

    authors: list[str] = []
    """Who made the models, for cards and for the crate."""
    license: str = ""
    """Licence of the models and results: an SPDX identifier such as CC-BY-4.0."""
    answers: dict[str, str] = {}
    """What you say to an item of a checklist that no table knows, such as {claim-14: two radiologists in
    consensus}; the items are in describe/checklists.tsv."""


class _OfRun(DescribeSettings):
    """A job about a whole results folder, which writes into it."""

    folder: CliPositionalArg[Path] = Path()
    """Results folder."""
    results: list[Path] = []
    """Results to take into account; all that the folder holds where none is named."""


class VerifyJob(Section):
    """Check every recorded file of a results folder against its checksum, or repeat its trainings."""

    folder: CliPositionalArg[Path]
    """Results folder (the configuration's workdir), or a folder in it."""
    train: bool = False
    """Repeat the first steps of every training in the folder and compare the weights."""
    steps: PositiveInt = 10
    """How many."""
    figures: bool = False
    """Draw every figure again from the tables and compare the bytes."""
    threads: PositiveInt = 4
    """Files that are read at a time."""


class ExplainJob(Section):
    """Say what made a file, from what, and why it would be made again."""

    file: CliPositionalArg[Path]
    """A file of a results folder."""
    config: list[Path] = []
    """Configuration files to compare its settings with, in the order that snakemake is given them."""
    depth: PositiveInt = 8
    """How many steps of the chain to show."""


class DiffJob(Section):
    """Show how two runs differ: settings, data, versions, models, scores, figures (exit code 1 where so)."""

    before: CliPositionalArg[Path]
    """Results folder."""
    after: CliPositionalArg[Path]
    """Results folder to compare with it."""
    lines: PositiveInt = 12
    """Differences of a kind that are written out."""


class DescribeJob(_OfRun):
    """Write methods text, model cards and checklists from what the manifests and tables say."""

    output: Path = Path("describe/methods.md")
    """Methods text to write, in the results folder where not set; the other texts go beside it."""

    @model_validator(mode="before")
    @classmethod
    def _output_is_in_the_folder(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {"output": Path(values.get("folder", "")) / "describe/methods.md", **values}


class CrateJob(_OfRun):
    """Write the results folder's RO-Crate: every job of the run, with what it read and made."""

    workflow: Path | None = None
    """Snakefile; it and its rules are copied into the crate."""
    output: Path = Path("ro-crate-metadata.json")
    """Metadata file to write, in the results folder where not set."""

    @model_validator(mode="before")
    @classmethod
    def _output_is_in_the_folder(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {"output": Path(values.get("folder", "")) / "ro-crate-metadata.json", **values}
