"""What a configuration asks for: settings with their paths found, the cases of each shard, the models.

All that the rules know before anything has run, and the flags that jobs are given. Read again by every
cluster job: nothing heavy is imported here.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from segmake.classification import FitSettings
from segmake.configuration import (
    external_settings,
    find,
    fit_settings,
    flags,
    load_settings,
    train_settings,
)
from segmake.dataset.folds import BY_SITE, count_folds, fold_sites
from segmake.dataset.layouts import Dataset
from segmake.dataset.load import load_dataset
from segmake.dataset.privacy import check_place
from segmake.dataset.sheet import Case, on_disk, shard_name
from segmake.errors import ConfigError, explained
from segmake.external import ExternalSettings
from segmake.section import Section
from segmake.settings import DataSettings, Settings, TrainSettings
from segmake.tables import hash_path
from segmake.training import LearnSettings

S = TypeVar("S", bound=Section)
PROBED = 20
SLOW_SECONDS = 2e-4
AT_ONCE = 32
"""The first files of a shard are timed; where one takes longer than that, so many are asked at a time."""


@dataclass(frozen=True)
class Experiment:
    """A checked configuration and the cases it is about. shards: the cases of each, by the shard's name."""

    settings: Settings
    dataset: Dataset
    models: Mapping[str, TrainSettings]
    shards: Mapping[str, Sequence[Case]]
    external: Mapping[str, ExternalSettings] = field(default_factory=dict)
    classifiers: Mapping[str, FitSettings] = field(default_factory=dict)

    @classmethod
    def load(cls, config: Mapping[str, Any], folders: Sequence[Path], results: Path | None) -> Experiment:
        """Check a configuration and index its cases.

        folders: where a relative path may count from, in order; results: the results folder if it is not
        the configuration's workdir.

        Raises:
            ConfigError: a setting is wrong.
            InputError: the cases break a rule.
        """
        settings = load_settings(config)
        settings = settings.model_copy(
            update={
                "data": _located(settings.data, folders, "cases", "root"),
                "convert": _located(settings.convert, folders, "pseudonymise"),
                "plan": _located(settings.plan, folders, "splits"),
                "slice": _located(settings.slice, folders, "lesions"),
            }
        )
        key = settings.convert.pseudonymise
        if key:
            check_place(key, results or settings.workdir)
        dataset = load_dataset(settings.data, settings.phantom, key)
        models = train_settings(settings, count_folds(settings.plan, dataset.cases))
        shards: dict[str, list[Case]] = {}
        for case in dataset.cases:
            name = shard_name(case.shard(settings.shards), settings.shards)
            shards.setdefault(name, []).append(case)
        found = {name: _located(model, folders, "replay", "init_from") for name, model in models.items()}
        others = {
            name: _located(model, folders, "external", "nnunet")
            for name, model in external_settings(settings).items()
        }
        classifiers = {}
        if settings.classifiers:
            _check_slicing(settings, [*models, *others])
            fits = fit_settings(settings, count_folds(settings.plan, dataset.cases))
            classifiers = {name: _located(fit, folders, "replay", "init_from") for name, fit in fits.items()}
        return cls(settings, dataset, found, dict(sorted(shards.items())), others, classifiers)

    @property
    def names(self) -> list[str]:
        """All models that are scored and compared, the trained ones first."""
        return [*self.models, *self.external]

    @property
    def known(self) -> list[str]:
        """Shards of cases that are learned from or scored; new cases have others."""
        number = self.settings.shards
        return [shard for shard in self.shards if int(shard) < number] or list(self.shards)

    @property
    def data(self) -> DataSettings:
        """The data section, with what the layout says of channels, labels and regions."""
        names = ("channels", "labels", "regions")
        return self.settings.data.model_copy(update={name: getattr(self.dataset, name) for name in names})

    def data_flags(self, shard: str, phantoms: Sequence[str] = ()) -> list[str]:
        """Where a convert job finds its cases; phantoms: the table of phantoms, where they are made first."""
        if self.data.layout == "phantom":
            return ["--cases", *phantoms, *flags(self.data, leave_out=("layout",))]
        return [*flags(self.data), "--shard", str(int(shard)), "--shards", str(self.settings.shards)]

    def source_digest(self, shard: str) -> str:
        """Changes when a case of the shard, or one of its files, does: then the shard is looked at again."""
        cases = self.shards[shard]
        lines = [repr(case) for case in cases]
        if self.settings.data.layout != "phantom":
            lines += _stamps([path for case in cases for path in case.paths()])
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    @property
    def sliced_model(self) -> str:
        """The model whose predictions are cut into patches."""
        return self.settings.slice.model or self.names[0]

    def slice_flags(self, shard: str, files: Mapping[str, str]) -> list[str]:
        """Where a slice job finds its cases: the user's own images, or tables of earlier stages."""
        if self.settings.slice.source == "images":
            key = self.settings.convert.pseudonymise
            return self.data_flags(shard) + (["--pseudonymise", str(key)] if key else [])
        words = [word for name, path in files.items() for word in (f"--{name}", path)]
        return words + flags(self.data, leave_out=("cases", "layout", "root", "label_map", "regions"))

    def slice_digest(self, shard: str) -> str:
        """Changes when the images of a shard do, or the table of places."""
        slicing = self.settings.slice
        images = self.source_digest(shard) if slicing.source == "images" else ""
        return images + (hash_path(slicing.lesions)[:16] if slicing.lesions else "")

    def divide_flags(self, planned: Sequence[str]) -> list[str]:
        """Where the folds of the patches come from: the plan, the user's own, or how many to make."""
        plan = self.settings.plan
        if planned:
            return ["--plan", *planned]
        if plan.splits is not None:
            return ["--splits", str(plan.splits)]
        return ["--folds", str(plan.folds)]

    def sheet_columns(self) -> list[str]:
        """The case sheet, where it has columns that subgroups are made of (pseudonymised cases keep none)."""
        extra = {name for case in self.dataset.cases for name in case.extra}
        wanted = extra & set(self.settings.evaluate.subgroups)
        return [str(self.data.cases)] if self.data.cases and wanted else []

    def train_flags(self, model: str, fold: str) -> list[str]:
        """Settings of a training; of an earlier run to repeat, the same model and fold."""
        return _learning_flags(self.models[model], f"train/{model}/fold-{fold}/model.pt")

    def fit_flags(self, classifier: str, fold: str) -> list[str]:
        """Settings of a classifier's training, and its classes."""
        words = _learning_flags(self.classifiers[classifier], f"fit/{classifier}/fold-{fold}/model.pt")
        classes = self.settings.slice.classes
        return [*words, "--classes", json.dumps(classes)] if classes else words

    def start_digest(self, model: str) -> str:
        """Changes when the weights that a training starts from do."""
        return _start_digest(self.models[model])

    def fit_digest(self, classifier: str) -> str:
        """Changes when the weights that a classifier starts from do."""
        return _start_digest(self.classifiers[classifier])

    def external_digest(self, model: str) -> str:
        """Changes when a file of another program's folder does."""
        folder = self.external[model].external or self.external[model].nnunet or Path()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        lines = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def sites(self) -> list[str]:
        """The site of each fold, where folds are by site: the plan keeps their numbers, whatever fails."""
        return fold_sites(self.dataset.cases) if self.settings.plan.folds == BY_SITE else []

    def trust(self, model: str) -> list[str]:
        """A network outside of MONAI may be imported where the configuration names it."""
        network = self.models[model].network
        return ["--trust", network] if "." in network else []


def _check_slicing(settings: Settings, models: Sequence[str]) -> None:
    """Raise a ConfigError when the patches would be made of what is not there."""
    slicing = settings.slice
    if slicing.source == "images" and (models or settings.data.layout == "phantom"):
        raise ConfigError(
            "slice.source images are 2D images of their own, without a 3D branch; set models: {}, or slice "
            "volumes with another slice.source"
        )
    if slicing.source == "prediction" and (not models or slicing.model not in ("", *models)):
        raise ConfigError(
            f"slice.source prediction needs one of models as slice.model, got '{slicing.model}' and "
            f"{', '.join(models) or 'no models'}; name one"
        )
    if not models and settings.plan.folds == BY_SITE:
        raise ConfigError(f"plan.folds {BY_SITE} needs the 3D branch; give a number of folds, or plan.splits")


def check_writable(folder: Path) -> None:
    """Make the results folder, or raise a ConfigError when nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"workdir: {explained(error) or error}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(
            f"workdir: {folder} may not be written by this user, or lies on a read-only disk; change its "
            "permissions, or choose another workdir"
        )


def _stamps(paths: Sequence[Path]) -> list[str]:
    """Stamps of files; many are asked at a time where the disk takes long to answer (a network folder)."""
    started = time.perf_counter()
    found = [_stamp(path) for path in paths[:PROBED]]
    if time.perf_counter() - started < SLOW_SECONDS * PROBED:
        return found + [_stamp(path) for path in paths[PROBED:]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [*found, *pool.map(_stamp, paths[PROBED:])]


def _stamp(path: Path) -> str:
    """Size and time of the file or folder behind a path, by one question to the disk where it is there."""
    with suppress(OSError):
        try:
            status = path.stat()
        except FileNotFoundError:
            status = on_disk(path).stat()
        return f"{status.st_size} {status.st_mtime_ns}"
    return "missing"


def _learning_flags(settings: LearnSettings, earlier: str) -> list[str]:
    """Settings of a training; earlier: the model of a run to repeat, in its workdir."""
    if settings.replay is not None:
        settings = settings.model_copy(update={"replay": settings.replay / earlier})
    return flags(settings, leave_out=("folds",))


def _start_digest(settings: LearnSettings) -> str:
    return hash_path(settings.init_from)[:16] if settings.init_from else ""


def _located(section: S, folders: Sequence[Path], *names: str) -> S:
    """Settings with the paths of these names found."""
    return section.model_copy(update={name: find(getattr(section, name), folders) for name in names})
