"""The settings of the report, and what report and view are given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import CliPositionalArg

from segmake.section import Section


class ReportSettings(Section):
    """Tables and figures -> one HTML page, with details of cases and the viewer beside it."""

    title: str = "segmake report"
    """Heading of the page."""


class ReportJob(ReportSettings):
    """Write the HTML page from the tables and the figures."""

    plan: Path | None = None
    """The plan, where volumes are segmented."""
    cases: list[Path] = []
    """Tables written by convert."""
    tables: list[Path] = []
    """Tables written by resample, evaluate and classify, for the cases that failed there."""
    predictions: list[Path] = []
    """Tables written by predict or postprocess, for the viewer."""
    metrics: list[Path] = []
    """evaluate/<model>/metrics.tsv of each model."""
    summary: list[Path] = []
    """evaluate/<model>/summary.tsv of each model."""
    subgroups: list[Path] = []
    """evaluate/<model>/subgroups.tsv of each model."""
    comparison: list[Path] = []
    """evaluate/comparison.tsv, where there are several models."""
    ranking: list[Path] = []
    """evaluate/ranking.tsv, where there are several models."""
    history: list[Path] = []
    """train/<model>/fold-<k>/history.csv of each training, and fit/<classifier>/... of each classifier's."""
    slices: list[Path] = []
    """Tables written by slice."""
    guards: Path | None = None
    """Table of guards written by divide."""
    scores: list[Path] = []
    """score/<classifier>/summary.tsv of each classifier; what score wrote beside it is read too."""
    contest: list[Path] = []
    """score/comparison.tsv, where there are several classifiers."""
    figures: Path | None = None
    """figures.tsv; without it the page has no figures."""
    methods: Path | None = None
    """Methods text written by describe; its references and checklists beside it are read too."""
    output: Path
    """Page to write; quality.html, viewer.html and their files, and cases/, go beside it."""


class ViewJob(Section):
    """Serve a results folder to this machine alone, for the viewer; stop with Ctrl-C."""

    folder: CliPositionalArg[Path]
    """Results folder (the configuration's workdir)."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port to listen on at 127.0.0.1; 0: any that is free."""
    open: bool = False
    """Also open the report in the browser."""
