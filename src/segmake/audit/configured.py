"""What a configuration asks of a job today, beside what the job was given then."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segmake.audit.manifests import Made
from segmake.configuration import expand, is_external, load_settings, model_settings
from segmake.errors import ConfigError, InputError
from segmake.section import Section
from segmake.settings import Settings

SECTION = {"tune": "postprocess", "summarize": "evaluate", "compare": "evaluate", "crate": "describe"}
"""Sections of stages that have none of their own."""
SEEDED = frozenset({"phantom", "plan", "resample", "tune", "summarize", "compare", "divide", "score"})
"""Stages that take the configuration's own seed."""
SCORING = frozenset({"resamples", "confidence", "permutations", "subgroups"})
MEASURING = frozenset({"nsd_tolerance_mm", "lesion"})
UNASKED: Mapping[str, frozenset[str]] = {
    "evaluate": SCORING,
    "summarize": MEASURING | {"permutations"},
    "compare": MEASURING | {"subgroups"},
    "train": frozenset({"folds", "seeds"}),
    "fit": frozenset({"folds", "seeds"}),
}
"""Settings of a section that a stage is not given."""


def read_configuration(paths: Sequence[Path]) -> Settings:
    """The settings of configuration files, the later ones over the earlier ones as Snakemake merges them.

    Raises:
        InputError: a file cannot be read.
        ConfigError: a setting is wrong.
    """
    import yaml

    merged: dict[str, Any] = {}
    for path in paths:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"the configuration {path} cannot be read: {error}; give a YAML file") from error
        if not isinstance(content, dict):
            raise InputError(f"the configuration {path} is no mapping of settings; give a YAML file of them")
        merged = _over(merged, content)
    return load_settings(merged)


def changed_settings(made: Made, settings: Settings) -> dict[str, tuple[Any, Any]]:
    """Setting -> what the job was given and what the configuration asks for now, where they differ."""
    asked = _asked(made, settings)
    return {
        name: (made.settings[name], value)
        for name, value in asked.items()
        if name in made.settings and json.dumps(made.settings[name]) != json.dumps(value)
    }


def _asked(made: Made, settings: Settings) -> dict[str, Any]:
    """What the configuration says of a job's settings."""
    section = _section(made, settings)
    found = section.model_dump(mode="json") if section is not None else {}
    if made.stage in ("convert", "plan"):  # a layout may say the rest
        found |= settings.data.model_dump(mode="json", include=settings.data.model_fields_set)
    if made.stage in SEEDED:
        found["seed"] = settings.seed
    return {name: value for name, value in found.items() if name not in UNASKED.get(made.stage, ())}


def _section(made: Made, settings: Settings) -> Section | None:
    """The section of a job's stage; of a training that of its model.

    Raises:
        ConfigError: the configuration has no such model any more.
    """
    if made.stage == "train":
        return _of_model(made.path.parent.parent.name, settings)
    if made.stage == "fit":
        given = settings.classifiers.get(made.path.parent.parent.name)
        if given is None:
            raise ConfigError(f"the configuration has no classifier {made.path.parent.parent.name} any more")
        merged = settings.fit.model_dump(exclude_unset=True) | given
        fit = type(settings.fit).model_validate(merged)
        return fit if "seed" in fit.model_fields_set else fit.model_copy(update={"seed": settings.seed})
    found = getattr(settings, SECTION.get(made.stage, made.stage), None)
    return found if isinstance(found, Section) else None


def _of_model(name: str, settings: Settings) -> Section:
    """Train settings of a model, by the name that its seed and number of cases give it."""
    for entry in settings.models:
        if not is_external(settings, entry) and (name == entry or name.startswith(f"{entry}.")):
            model = model_settings(settings, entry)
            if "seed" not in model.model_fields_set:
                model = model.model_copy(update={"seed": settings.seed})
            expanded = expand(entry, model)
            if name in expanded:
                return expanded[name]
    raise ConfigError(f"the configuration has no model {name} any more; it would not be trained")


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two mappings merged, deeply."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
