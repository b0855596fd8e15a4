"""What the sub-commands are given that look at results: verify, explain, diff, describe and crate."""

from __future__ import annotations

from pathlib import Path

from pydantic import PositiveInt
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
    """Show how two runs differ: settings, data, versions, models, scores, figures (exit code 1 if they do)."""

    before: CliPositionalArg[Path]
    """Results folder."""
    after: CliPositionalArg[Path]
    """Results folder to compare with it."""
    lines: PositiveInt = 12
    """Differences of a kind that are written out."""


class DescribeJob(DescribeSettings):
    """Write methods text, model cards and checklists from what the manifests and tables say."""

    folder: CliPositionalArg[Path] = Path()
    """Results folder."""
    results: list[Path] = []
    """Results to take into account; all that the folder holds where none is named."""
    output: Path = Path("describe/methods.md")
    """Methods text to write; the other texts go beside it."""


class CrateJob(DescribeSettings):
    """Write the results folder's RO-Crate: every job of the run, with what it read and made."""

    folder: CliPositionalArg[Path] = Path()
    """Results folder."""
    results: list[Path] = []
    """Results to take into account; all that the folder holds where none is named."""
    workflow: Path | None = None
    """Snakefile; it and its rules are copied into the crate."""
    output: Path = Path("ro-crate-metadata.json")
    """Metadata file to write, in the results folder."""
