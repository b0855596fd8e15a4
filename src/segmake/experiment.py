"""What a configuration asks for: settings with their paths found, the cases of each shard, the models.

All that the rules know before anything has run, and the flags that jobs are given. Read again by every
cluster job: nothing heavy is imported here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from segmake.configuration import external_settings, find, flags, load_settings, train_settings
from segmake.dataset.folds import count_folds
from segmake.dataset.layouts import Dataset
from segmake.dataset.load import load_dataset
from segmake.dataset.privacy import check_place
from segmake.dataset.sheet import Case, shard_name, shard_of
from segmake.external import ExternalSettings
from segmake.section import Section
from segmake.settings import DataSettings, Settings, TrainSettings
from segmake.tables import hash_path

S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Experiment:
    """A checked configuration and the cases it is about. shards: the cases of each, by the shard's name."""

    settings: Settings
    dataset: Dataset
    models: Mapping[str, TrainSettings]
    shards: Mapping[str, Sequence[Case]]
    external: Mapping[str, ExternalSettings] = field(default_factory=dict)

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
            }
        )
        key = settings.convert.pseudonymise
        if key:
            check_place(key, results or settings.workdir)
        dataset = load_dataset(settings.data, settings.phantom, key)
        models = train_settings(settings, count_folds(settings.plan, dataset.cases))
        shards: dict[str, list[Case]] = {}
        for case in dataset.cases:
            name = shard_name(shard_of(case.name, settings.shards), settings.shards)
            shards.setdefault(name, []).append(case)
        found = {name: _located(model, folders, "replay", "init_from") for name, model in models.items()}
        others = {
            name: _located(model, folders, "external", "nnunet")
            for name, model in external_settings(settings).items()
        }
        return cls(settings, dataset, found, dict(sorted(shards.items())), others)

    @property
    def names(self) -> list[str]:
        """All models that are scored and compared, the trained ones first."""
        return [*self.models, *self.external]

    @property
    def data(self) -> DataSettings:
        """The data section, with what the layout says of channels, labels and regions."""
        names = ("channels", "labels", "regions")
        return self.settings.data.model_copy(update={name: getattr(self.dataset, name) for name in names})

    def data_flags(self, shard: str) -> list[str]:
        """Where a convert job finds its cases."""
        if self.data.layout == "phantom":
            return ["--cases", f"phantom/shard-{shard}.tsv", *flags(self.data, leave_out=("layout",))]
        return [*flags(self.data), "--shard", str(int(shard)), "--shards", str(self.settings.shards)]

    def source_digest(self, shard: str) -> str:
        """Changes when a case of the shard, or one of its files, does: then the shard is looked at again."""
        lines = []
        for case in self.shards[shard]:
            lines.append(repr(case))
            if self.data.layout != "phantom":
                for path in case.sources():
                    status = path.stat() if path.exists() else None
                    lines.append(f"{status.st_size} {status.st_mtime_ns}" if status else "missing")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def sheet_columns(self) -> list[str]:
        """The case sheet, where it has columns that subgroups are made of (pseudonymised cases keep none)."""
        extra = {name for case in self.dataset.cases for name in case.extra}
        wanted = extra & set(self.settings.evaluate.subgroups)
        return [str(self.data.cases)] if self.data.cases and wanted else []

    def train_flags(self, model: str, fold: str) -> list[str]:
        """Settings of a training; of an earlier run to repeat, the same model and fold."""
        chosen = self.models[model]
        if chosen.replay is not None:
            earlier = chosen.replay / f"train/{model}/fold-{fold}/model.pt"
            chosen = chosen.model_copy(update={"replay": earlier})
        return flags(chosen, leave_out=("folds",))

    def start_digest(self, model: str) -> str:
        """Changes when the weights that a training starts from do."""
        start = self.models[model].init_from
        return hash_path(start)[:16] if start else ""

    def external_digest(self, model: str) -> str:
        """Changes when a file of another program's folder does."""
        folder = self.external[model].external or self.external[model].nnunet or Path()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        lines = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def trust(self, model: str) -> list[str]:
        """A network outside of MONAI may be imported where the configuration names it."""
        network = self.models[model].network
        return ["--trust", network] if "." in network else []


def _located(section: S, folders: Sequence[Path], *names: str) -> S:
    """Settings with the paths of these names found."""
    return section.model_copy(update={name: find(getattr(section, name), folders) for name in names})
