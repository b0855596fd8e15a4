"""The command line: one sub-command per stage, flags from `segmake.jobs`, one stage imported when it runs.

The only place where a SegmakeError is caught: its sentence goes to standard error; the exit code is 2, or 75
when training was asked to stop and can go on.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, get_args

from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    CliApp,
    CliSubCommand,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from segmake import jobs
from segmake.configuration import explain
from segmake.errors import SegmakeError, explained
from segmake.provenance import write_manifest

log = logging.getLogger("segmake")


def _described(job: type[BaseModel]) -> Any:
    """A sub-command whose help line is the first sentence of its job's docstring."""
    return Field(description=(job.__doc__ or "").partition("\n")[0])


class Segmake(BaseSettings):
    """Folders of medical scans to trained models, predictions, honest scores and figures.

    convert -> plan -> resample -> train -> predict -> evaluate -> report
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        cli_prog_name="segmake",
        cli_implicit_flags=True,
        cli_hide_none_type=True,
    )

    phantom: CliSubCommand[jobs.PhantomJob] = _described(jobs.PhantomJob)
    index: CliSubCommand[jobs.IndexJob] = _described(jobs.IndexJob)
    convert: CliSubCommand[jobs.ConvertJob] = _described(jobs.ConvertJob)
    plan: CliSubCommand[jobs.PlanJob] = _described(jobs.PlanJob)
    resample: CliSubCommand[jobs.ResampleJob] = _described(jobs.ResampleJob)
    train: CliSubCommand[jobs.TrainJob] = _described(jobs.TrainJob)
    predict: CliSubCommand[jobs.PredictJob] = _described(jobs.PredictJob)
    external: CliSubCommand[jobs.ExternalJob] = _described(jobs.ExternalJob)
    tune: CliSubCommand[jobs.TuneJob] = _described(jobs.TuneJob)
    postprocess: CliSubCommand[jobs.PostprocessJob] = _described(jobs.PostprocessJob)
    export: CliSubCommand[jobs.ExportJob] = _described(jobs.ExportJob)
    evaluate: CliSubCommand[jobs.EvaluateJob] = _described(jobs.EvaluateJob)
    summarize: CliSubCommand[jobs.SummarizeJob] = _described(jobs.SummarizeJob)
    compare: CliSubCommand[jobs.CompareJob] = _described(jobs.CompareJob)
    slice: CliSubCommand[jobs.SliceJob] = _described(jobs.SliceJob)
    divide: CliSubCommand[jobs.DivideJob] = _described(jobs.DivideJob)
    fit: CliSubCommand[jobs.FitJob] = _described(jobs.FitJob)
    classify: CliSubCommand[jobs.ClassifyJob] = _described(jobs.ClassifyJob)
    score: CliSubCommand[jobs.ScoreJob] = _described(jobs.ScoreJob)
    delong: CliSubCommand[jobs.DelongJob] = _described(jobs.DelongJob)
    froc: CliSubCommand[jobs.FrocJob] = _described(jobs.FrocJob)
    examples: CliSubCommand[jobs.ExamplesJob] = _described(jobs.ExamplesJob)
    figures: CliSubCommand[jobs.FiguresJob] = _described(jobs.FiguresJob)
    report: CliSubCommand[jobs.ReportJob] = _described(jobs.ReportJob)
    status: CliSubCommand[jobs.StatusJob] = _described(jobs.StatusJob)
    view: CliSubCommand[jobs.ViewJob] = _described(jobs.ViewJob)
    verify: CliSubCommand[jobs.VerifyJob] = _described(jobs.VerifyJob)
    explain: CliSubCommand[jobs.ExplainJob] = _described(jobs.ExplainJob)
    diff: CliSubCommand[jobs.DiffJob] = _described(jobs.DiffJob)
    describe: CliSubCommand[jobs.DescribeJob] = _described(jobs.DescribeJob)
    crate: CliSubCommand[jobs.CrateJob] = _described(jobs.CrateJob)
    log: Path | None = None
    """Write every message to this file; standard error then shows only problems (and a bar on a terminal)."""
    debug: bool = False
    """Show tracebacks and debug messages."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings passes all of them by name
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take flags only: an environment variable called `seed` must not change a result."""
        return (init_settings,)


def start() -> NoReturn:
    """Be the `segmake` command: run it and end this process.

    The garbage collector looks at nothing that the imports make, and at nothing that is left in the end:
    with torch both are many, and a user waits for it.
    A process that trained together with others leaves at once: threads of torch's gloo may still hold
    tensors, and the interpreter's own ending aborts on them now and then, after all is written.
    """
    gc.disable()
    try:
        code = main()
    except SystemExit as end:  # argparse, and processes that leave the manifest to the first one
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    gc.freeze()
    training = sys.modules.get("segmake.learning.distributed")
    if training and training.together():
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; the exit code: 0 done, 2 explained, 75 stopped in time, 1 a fault of ours.

    `diff` ends with 1 where runs differ.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    _log_to_stderr(logging.DEBUG if debug else logging.INFO)
    try:
        chosen = parse(words or ["--help"])
        if chosen.log:
            _log_to_file(chosen.log)
        _run(chosen)
    except SegmakeError as error:
        log.error("segmake: %s", error, exc_info=debug)
        return error.exit_code
    except KeyboardInterrupt:
        log.error("segmake: interrupted; run the same command again to go on")
        return 130
    except Exception as error:
        if said := explained(error):
            log.error("segmake: %s", said, exc_info=debug)
            return SegmakeError.exit_code
        log.exception("segmake: this is a fault of segmake, please report it with the lines below")
        return 1
    return 0


def parse(words: Sequence[str]) -> Segmake:
    """The command line as checked models, exactly one of them set.

    Raises:
        SegmakeError: a flag is missing or has a bad value (argparse itself exits with 2 on unknown ones).
    """
    try:
        return CliApp.run(Segmake, cli_args=_gather_paths(words))
    except ValidationError as error:
        raise SegmakeError(explain(error, Segmake, "the command line")) from error
    except SettingsError as error:  # a mapping or list that is no JSON
        flag = re.search(r"for (?:\w+\.)?(\w+)", str(error))
        raise SegmakeError(
            f"the command line: --{flag[1] if flag else ''} is no mapping that can be read; write mappings "
            "as JSON in quotes, such as '{\"tumour\": 1}'"
        ) from error


def _run(chosen: Segmake) -> None:
    """Import the one stage that was asked for, run it, and leave a manifest beside its output."""
    given = {name: job for name, job in chosen if isinstance(job, BaseModel)}
    if not given:
        raise SegmakeError("no sub-command was given; see `segmake --help`")
    stage, job = given.popitem()
    started = time.perf_counter()
    module = importlib.import_module(f"segmake.stages.{stage}")
    if not gc.isenabled():  # see `start`
        gc.freeze()
        gc.enable()
    facts = module.run(job)
    write_manifest(stage, job, time.perf_counter() - started, facts)


def _log_to_stderr(level: int) -> None:
    logging.raiseExceptions = False  # a log that cannot be written stops no work
    for handler in [*log.handlers]:
        log.removeHandler(handler)
        with suppress(OSError):
            handler.close()
    logging.basicConfig(format="%(message)s", stream=sys.stderr, force=True)
    logging.getLogger().handlers[0].setLevel(level)
    log.setLevel(logging.DEBUG)


def _log_to_file(path: Path) -> None:
    """Every message goes to the file, only problems to standard error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.WARNING)
    file = logging.FileHandler(path, mode="w", encoding="utf-8", errors="backslashreplace")
    file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    file.setLevel(logging.DEBUG)
    log.addHandler(file)


def _gather_paths(words: Sequence[str]) -> list[str]:
    """Write every list of paths as one JSON word: `--tables a b` works, commas in paths survive."""
    command = Segmake.model_fields.get(next((word for word in words if word in Segmake.model_fields), ""))
    lists = {
        f"--{name}"
        for job in (get_args(command.annotation) if command else ())
        if isinstance(job, type) and issubclass(job, BaseModel)
        for name, field in job.model_fields.items()
        if field.annotation == list[Path]
    }
    gathered: dict[str, list[str]] = {}
    result: list[str] = []
    current = ""
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            current = name if name in lists else ""
            if current and equals:
                gathered.setdefault(current, []).append(value)
        if current and not word.startswith("--"):
            gathered.setdefault(current, []).append(word)
        elif not current:
            result.append(word)
    for name, values in gathered.items():
        # "./" keeps a folder called 0012 from being read as a number
        paths = [value if value.startswith("/") else f"./{value}" for value in values]
        result += [name, json.dumps(paths, ensure_ascii=False)]
    return result


if __name__ == "__main__":
    start()
