"""Files generated from others: `make docs`.

config/README.md and config/schema.json come from the settings, workflow/envs/segmake.yaml from the lock.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from segmake.prediction import LabelCode
from segmake.recipe import AugmentSettings, Graded, ViewSettings
from segmake.settings import Settings
from segmake.tables import write_text

HEAD = """# Configuration of this Snakemake workflow

Generated from `src/segmake/settings.py` by `make docs`; a test keeps it in step. `config.yaml` is the demo,
used when you name no data of your own. For your data write an overlay of a few lines, such as
`hippocampus.yaml`, and run `snakemake --cores all --configfile overlay.yaml`; single keys go on the
command line: `--config train='{steps: 100}'`.

Rules
- A key that is not listed here is an error, and the message names the nearest valid one.
- A relative path counts from the folder snakemake is started in, else from the overlay's folder, else from
  the workflow's.
- `models` maps a name to the `train` keys that differ for it; each model gets its own folders and scores.
- Editors that read the first line `# yaml-language-server: $schema=schema.json` complete and check the keys.
"""
AUGMENTED: dict[str, type[Graded]] = {"train": AugmentSettings, "fit": ViewSettings}
"""Sections with a group `augment`."""


def main() -> None:
    """Write the files into the checkout that is named on the command line."""
    checkout = Path(sys.argv[1])
    write_text(checkout / "config/README.md", key_table())
    write_text(checkout / "config/schema.json", schema())
    lock = (checkout / "requirements.lock").read_text(encoding="utf-8")
    write_text(checkout / "workflow/envs/segmake.yaml", conda_environment(lock))


def conda_environment(lock: str) -> str:
    """Conda environment with the packages of the lock; its post-deploy script adds segmake itself."""
    pins = "".join(f"      - {line}\n" for line in lock.splitlines() if line and not line.startswith("#"))
    head = "# Generated from requirements.lock by `make docs`.\nchannels:\n  - conda-forge\ndependencies:\n"
    return f"{head}  - python =3.11\n  - pip\n  - pip:\n{pins}"


def schema() -> str:
    """JSON schema of the configuration, for editors."""
    return json.dumps(Settings.model_json_schema(), indent=1) + "\n"


def key_table() -> str:
    """Markdown: a table of keys per section, sections in data order."""
    return HEAD + "".join(_sections())


def _sections() -> Iterator[str]:
    sections = {name: _section(field) for name, field in Settings.model_fields.items()}
    top = {name: field for name, field in Settings.model_fields.items() if sections[name] is None}
    yield "\n## Top level\n\n" + _table(top)
    for name, model in sections.items():
        if model is not None:
            yield f"\n## {name}\n\n{(model.__doc__ or '').strip()}\n\n" + _table(model.model_fields)
            if name in AUGMENTED:
                yield from _augmentation(name, AUGMENTED[name])


def _augmentation(section: str, group: type[Graded]) -> Iterator[str]:
    """The group of keys that a section's `augment` takes, and its presets."""
    yield f"\n### {section}.augment\n\n{inspect.getdoc(group)}\n\n" + _table(group.model_fields)
    yield "\n" + "".join(f"- `{name}`: {_preset(values)}\n" for name, values in group.presets.items())


def _preset(values: Mapping[str, Any]) -> str:
    """What a preset changes."""
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items()) or "the numbers above"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _table(fields: dict[str, FieldInfo]) -> str:
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in fields.items():
        default = _plain(field.get_default(call_default_factory=True))
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {kind_name(field.annotation)} | `{default}` | {meaning} |")
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> str:
    if isinstance(value, Graded):
        return str(value.preset)
    if isinstance(value, Path):
        return str(value)
    return json.dumps(value) if not isinstance(value, str) else value


def kind_name(kind: Any) -> str:
    """A type in a reader's words, such as "integer or null"."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return kind_name(inner[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(kind_name(entry) for entry in inner)
    if origin is dict:
        return f"mapping of {kind_name(inner[0])} to {kind_name(inner[1])}"
    if origin is tuple:
        return f"list of {len(inner)} {_plural(kind_name(inner[0]))}"
    if origin is list:
        return f"list of {_plural(kind_name(inner[0]))}"
    if kind in AUGMENTED.values():
        return "preset or mapping"
    if kind is LabelCode:
        return "mapping"
    words = {int: "integer", float: "number", bool: "true or false", str: "text", Path: "path"}
    return {NoneType: "null", Any: "anything"}.get(kind) or words.get(kind) or re.sub(r"\W+", " ", str(kind))


def _plural(words: str) -> str:
    if words.startswith("list of "):
        return words.replace("list", "lists", 1)
    return words if words.endswith("`") else f"{words}s"


if __name__ == "__main__":
    main()
