"""Between the YAML configuration, the settings models and the command line.

One place turns a configuration into checked settings, checked settings into flags for a job, and a failed
check into one sentence.
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from segmake.classification import FitSettings
from segmake.errors import ConfigError
from segmake.external import KEYS as EXTERNAL_KEYS
from segmake.external import ExternalSettings
from segmake.settings import Settings, TrainSettings

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T", TrainSettings, FitSettings)
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MUST = "it must be "
BRANCH = re.compile(r"constrained-|literal\[")
"""What pydantic adds to a place for each type that a value might have had."""


def load_settings(config: Mapping[str, Any]) -> Settings:
    """Check a whole configuration, the models' overrides included.

    Raises:
        ConfigError: one sentence per broken rule; an unknown key names the nearest valid one.
    """
    settings = check(Settings, config, "the configuration")
    if not settings.models and not settings.classifiers:
        raise ConfigError(
            "models is empty; name at least one, such as {unet: {network: DynUNet}}, or one of classifiers"
        )
    for name in settings.models:
        if not MODEL_NAME.fullmatch(name):
            raise ConfigError(f"a model name is letters, digits and . _ -, got '{name}' in models; rename it")
        if not is_external(settings, name):
            model_settings(settings, name)
    external_settings(settings)
    if isinstance(settings.plan.folds, int) and settings.plan.splits is None:
        train_settings(settings, settings.plan.folds)
    return settings


def train_settings(settings: Settings, folds: int) -> dict[str, TrainSettings]:
    """Train settings of every model that is trained, with the plan's folds and the configuration's seed.

    A model with several seeds or numbers of cases stands here as several, see `expand`.

    Raises:
        ConfigError: a model names a fold that the plan does not have, or two would have the same name.
    """
    found: dict[str, TrainSettings] = {}
    for name in settings.models:
        if is_external(settings, name):
            continue
        expanded = expand(
            name, _of_experiment(model_settings(settings, name), settings, f"models.{name}", folds)
        )
        if taken := sorted(found.keys() & expanded.keys()):
            raise ConfigError(f"two models would be called '{taken[0]}'; rename one of them in models")
        found |= expanded
    return found


def fit_settings(settings: Settings, folds: int) -> dict[str, FitSettings]:
    """Fit settings of every classifier, with the folds there are and the configuration's seed.

    Raises:
        ConfigError: a classifier names a fold that there is not, or two would have the same name.
    """
    found: dict[str, FitSettings] = {}
    for name, own in settings.classifiers.items():
        origin = f"classifiers.{name}"
        if not MODEL_NAME.fullmatch(name):
            raise ConfigError(f"a name is letters, digits and . _ -, got '{name}' in classifiers; rename it")
        merged = settings.fit.model_dump(exclude_unset=True) | own
        fit = _of_experiment(check(FitSettings, merged, origin), settings, origin, folds)
        for seed in fit.seeds or [fit.seed]:
            called = name if seed == fit.seed else f"{name}.seed-{seed}"
            if called in found:
                raise ConfigError(
                    f"two classifiers would be called '{called}'; rename one, or list seeds once"
                )
            found[called] = fit.model_copy(update={"seed": seed, "seeds": []})
    return found


def _of_experiment(model: T, settings: Settings, origin: str, folds: int) -> T:
    """Settings of a training with the configuration's seed and all folds, where it has none of its own."""
    if "seed" not in model.model_fields_set:
        model = model.model_copy(update={"seed": settings.seed})
    if "folds" not in model.model_fields_set:
        return model.model_copy(update={"folds": list(range(folds))})
    if max(model.folds) >= folds:
        section = "train" if isinstance(model, TrainSettings) else "fit"
        raise ConfigError(
            f"{origin} trains folds {model.folds}, but the plan has {folds}, numbered 0 to {folds - 1}; "
            f"change {section}.folds or plan.folds"
        )
    return model


def is_external(settings: Settings, model: str) -> bool:
    """Whether an entry of `models` is one of another program."""
    return bool(set(EXTERNAL_KEYS) & settings.models[model].keys())


def external_settings(settings: Settings) -> dict[str, ExternalSettings]:
    """The entries of `models` that segmake does not train.

    Raises:
        ConfigError: an entry has other keys than these, or both of them.
    """
    names = [name for name in settings.models if is_external(settings, name)]
    return {name: check(ExternalSettings, settings.models[name], f"models.{name}") for name in names}


def expand(name: str, model: TrainSettings) -> dict[str, TrainSettings]:
    """One model for each of its seeds and numbers of cases; a name tells what differs from the model itself.

    `unet` with seed 0, seeds [0, 1] and cases [10, all] becomes unet.cases-10, unet, unet.cases-10.seed-1 and
    unet.seed-1: so seeds can be added later without training again what is there.

    Raises:
        ConfigError: a seed or a number of cases is listed twice.
    """
    seeds = model.seeds or [model.seed]
    for listed, key in ((seeds, "seeds"), (model.cases, "cases")):
        if len(set(listed)) < len(listed):
            raise ConfigError(f"models.{name} lists one of {key} twice, got {listed}; name each once")
    expanded = {}
    for seed, cases in itertools.product(seeds, model.cases):
        ends = [f".cases-{cases}"] if cases != "all" else []
        ends += [f".seed-{seed}"] if seed != model.seed else []
        made = model.model_copy(update={"seed": seed, "seeds": [], "cases": [cases]})
        expanded["".join([name, *ends])] = made
    return expanded


def replicates(models: Mapping[str, TrainSettings]) -> list[list[str]]:
    """Groups of models that differ by nothing but their seed."""
    groups: dict[str, list[str]] = {}
    for name, model in models.items():
        groups.setdefault(model.model_dump_json(exclude={"seed"}), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def model_settings(settings: Settings, model: str) -> TrainSettings:
    """Train settings of one model: `train`, overridden by its entry in `models`."""
    merged = settings.train.model_dump(exclude_unset=True) | settings.models[model]
    return check(TrainSettings, merged, f"models.{model}")


def check(model: type[M], values: Mapping[str, Any], origin: str) -> M:
    """Validate values, or explain in plain sentences what is wrong with them."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(explain(error, model, origin)) from error


def explain(error: ValidationError, model: type[BaseModel], origin: str) -> str:
    """One sentence per failed check: the rule, what was received, what to do."""
    rules: dict[tuple[str, str], list[str]] = {}
    for entry in error.errors():
        received, rule, advice = _parts(entry, model, origin)
        rules.setdefault((received, advice), []).append(rule)
    # A value that might have had several types breaks a rule of each.
    return "; ".join(f"{head}{_either(rule)}{end}" for (head, end), rule in rules.items())


def _either(rules: list[str]) -> str:
    return " or ".join(dict.fromkeys(rules)).replace(f" or {MUST}", " or ")


def _parts(entry: Any, model: type[BaseModel], origin: str) -> tuple[str, str, str]:
    """What was received, the rule that it breaks, and what to do."""
    where = ".".join(str(part) for part in entry["loc"] if not BRANCH.match(str(part))) or "settings"
    if entry["type"] == "extra_forbidden":
        valid = _fields_at(model, entry["loc"][:-1])
        near = difflib.get_close_matches(str(entry["loc"][-1]), valid, n=1, cutoff=0.0)
        hint = f"did you mean '{near[0]}'?" if near else "remove it"
        return f"{origin} has an unknown key '{where}'", "", f"; {hint} (valid: {', '.join(valid)})"
    if entry["type"] == "missing":
        return f"{origin} needs '{where}'", "", "; give it a value"
    message = entry["msg"].removeprefix("Value error, ").replace("Input should be ", MUST)
    message = message.partition(", unable to parse")[0]
    advice = "" if ";" in message else "; correct it"
    if entry["type"] == "value_error" and isinstance(entry["input"], Mapping):
        return f"{origin}: ", message, advice  # a check of several settings, which names them
    seen = "empty" if entry["input"] is None else repr(entry["input"])
    return f"{origin}: {where} is {seen}: ", message, advice


def _fields_at(model: type[BaseModel], path: Collection[Any]) -> list[str]:
    """Names of the fields of the section at this path."""
    for part in path:
        field = model.model_fields.get(str(part))
        kinds = [field.annotation, *get_args(field.annotation)] if field else []
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)


def flags(settings: BaseModel, *, leave_out: Collection[str] = ()) -> list[str]:
    """Command-line words that repeat these settings where they differ from the defaults.

    Only differences, so that a printed command stays readable; the manifest beside the result holds all.
    """
    words: list[str] = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if name in leave_out or value is None or value == field.get_default(call_default_factory=True):
            continue
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        elif (text := _text(value)).startswith("-"):
            words.append(f"--{name}={text}")
        else:
            words += [f"--{name}", text]
    return words


def _text(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, separators=(",", ":"))
    return str(value)


def find(path: Path | None, folders: Collection[Path]) -> Path | None:
    """First of `folders` in which a relative path exists, else as if in the first of them."""
    if path is None or path.is_absolute():
        return path
    candidates = [(folder / path).resolve() for folder in folders]
    return next((candidate for candidate in candidates if candidate.exists()), candidates[0])
