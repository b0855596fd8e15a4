from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from segmake import jobs
from segmake.cli import parse
from segmake.configuration import flags
from segmake.settings import (
    ConvertSettings,
    DataSettings,
    EvaluateSettings,
    PhantomSettings,
    PlanSettings,
    PredictSettings,
    ReportSettings,
    ResampleSettings,
    TrainSettings,
)


def job_of(command: str, words: list[str]) -> Any:
    return getattr(parse([command, *words]), command)


def fields_of(job: BaseModel, section: type[BaseModel]) -> dict[str, Any]:
    return {name: getattr(job, name) for name in section.model_fields}


NEEDED = {
    "train": ["--tables", "a.tsv", "--plan", "p.json", "--output", "m.pt"],
    "predict": ["--model", "m.pt", "--table", "t.tsv", "--output", "o.tsv"],
    "evaluate": ["--table", "t", "--predictions", "p", "--plan", "p.json", "--output", "o"],
    "summarize": ["--tables", "t", "--metrics", "m", "--output", "o"],
    "resample": ["--table", "t", "--plan", "p.json", "--output", "o"],
    "convert": ["--output", "o"],
    "phantom": ["--output", "o"],
    "plan": ["--tables", "t"],
    "report": ["--plan", "p", "--cases", "c", "--metrics", "m", "--summary", "s", "--output", "o"],
}
OTHER = {
    "train": TrainSettings(
        network="SegResNet",
        options={
            "act": ["PRELU", {"init": 0.25}],
            "norm": "a, b",
            "bias": True,
            "x": None,
            "n": -1,
            "deep": {"k": [1]},
        },
        folds=[2, 0],
        steps=17,
        minutes=1.5,
        lr=1e-05,
        weight_decay=0,
        ema=0,
        deep_supervision=False,
        batch_dice=False,
        flip=[],
        precision="bf16",
        device="cpu",
        cache_gb=0.5,
    ),
    "predict": PredictSettings(overlap=0.25, mirror=True, windows=3, precision="fp32", device="cuda"),
    "evaluate": EvaluateSettings(
        nsd_tolerance_mm={"core, left": 0.5, "2": 3}, lesion="brats2023-met", resamples=10, confidence=0.9
    ),
    "summarize": EvaluateSettings(nsd_tolerance_mm=3, resamples=11, confidence=0.5),
    "resample": ResampleSettings(order=1, locations=5),
    "convert": ConvertSettings(tolerance_mm=1e-06),
    "phantom": PhantomSettings(kind="luna", count=3, size=30, test=0),
    "plan": PlanSettings(
        folds=3,
        budget="100GFLOP",
        spacing_mm=(1, 0.5, 2.25),
        patch=(16, 32, 8),
        batch=4,
        features=[8, 16, 32],
        strides=[(1, 1, 1), (2, 2, 1), (2, 2, 2)],
        normalisation={"t1": "ct", "t 2": "none"},
        crop="none",
    ),
    "report": ReportSettings(title="Ours, \"best\": [1] {a} and 'b' = 5 %"),
}


@pytest.mark.parametrize("command", OTHER)
def test_flags_of_settings_are_parsed_back(command: str) -> None:
    wanted = OTHER[command]
    job = job_of(command, [*flags(wanted), *NEEDED[command]])
    assert fields_of(job, type(wanted)) == dict(wanted)
    first = job_of(command, [*NEEDED[command], *flags(wanted)])
    assert first == job


@pytest.mark.parametrize("command", NEEDED)
def test_without_flags_settings_have_their_defaults(command: str) -> None:
    section = type(OTHER[command])
    assert fields_of(job_of(command, NEEDED[command]), section) == dict(section())


@pytest.mark.parametrize(
    "data",
    [
        DataSettings(
            cases=Path("my data/cases, of 2026.tsv"),
            channels={"t1": "mr", "ct": "ct"},
            labels={"left, right": 1, "core": 2},
            label_map={4: 3, 7: 0},
            regions={"whole": [1, 2], "core": [2]},
        ),
        DataSettings(layout="msd", root=Path("/data/Task 01, old")),
    ],
)
def test_data_settings_are_parsed_back(data: DataSettings) -> None:
    job = job_of("convert", [*flags(data), "--output", "o", "--shard", "3", "--shards", "5"])
    assert fields_of(job, DataSettings) == dict(data)
    assert (job.shard, job.shards) == (3, 5)


@pytest.mark.parametrize("title", ["-1", "--dpi", "[1, 2]", "true", "a,b", " ", "Größe µm"])
def test_any_title_stays_as_it_is(title: str) -> None:
    words = flags(ReportSettings(title=title))
    assert job_of("report", [*NEEDED["report"], *words]).title == title


PATHS = [
    "a b/shard-00.tsv",
    "c,d/shard-01.tsv",
    "Größe µ/x.tsv",
    "[g].tsv",
    "{h}",
    "null",
    "h='i'.tsv",
    "0012",
    "/abs/1e3",
]


@pytest.mark.parametrize(
    "words",
    [
        ["--tables", *PATHS],
        [word for path in PATHS for word in ("--tables", path)],
        [f"--tables={path}" for path in PATHS],
    ],
)
def test_lists_of_paths_keep_every_character(words: list[str]) -> None:
    job = job_of("train", ["--plan", "p, q.json", *words, "--output", "x y/m.pt"])
    assert job.tables == [Path(path) for path in PATHS]
    assert (job.plan, job.output) == (Path("p, q.json"), Path("x y/m.pt"))


def test_global_flags_stand_before_the_command() -> None:
    chosen = parse(["--log", "train", "--debug", "verify", "results"])
    assert (chosen.log, chosen.debug) == (Path("train"), True)
    assert chosen.verify == jobs.VerifyJob(folder=Path("results"))
    tables = parse(["--log", "log", "train", *NEEDED["train"], "--tables", "b"]).train
    assert tables is not None
    assert tables.tables == [Path("a.tsv"), Path("b")]


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEED", "seed", "STEPS", "LOG", "DEBUG", "TRAIN", "SEGMAKE_SEED", "TRAIN__STEPS"):
        monkeypatch.setenv(name, "77")
    chosen = parse(["train", *NEEDED["train"]])
    assert (chosen.log, chosen.debug) == (None, False)
    assert chosen.train == jobs.TrainJob(tables=[Path("a.tsv")], plan=Path("p.json"), output=Path("m.pt"))
