import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml

from segmake.documentation import AUGMENTED, conda_environment, key_table, kind_name, main, schema
from segmake.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[2]
GENERATED = ("config/README.md", "config/schema.json", "workflow/envs/segmake.yaml")


def test_generated_files_are_in_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
    (tmp_path / "requirements.lock").write_text(lock, encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["documentation", str(tmp_path)])
    main()
    for name in GENERATED:
        kept = (CHECKOUT / name).read_text(encoding="utf-8")
        assert (tmp_path / name).read_text(encoding="utf-8") == kept, f"{name} is old: run `make docs`"


def test_the_table_has_a_row_for_every_key() -> None:
    rows = [line.split(" | ") for line in key_table().splitlines() if line.startswith("| `")]
    keys = [row[0].strip("| `") for row in rows]
    sections = {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if hasattr(field.annotation, "model_fields")
    }
    wanted = [name for name in Settings.model_fields if name not in sections]
    for name, section in sections.items():
        wanted += list(section.model_fields)
        if name in AUGMENTED:
            wanted += list(AUGMENTED[name].model_fields)
    assert keys == wanted
    assert {len(row) for row in rows} == {4}
    assert all(row[3].strip(" |") for row in rows if row[0] not in ("| `models`",))


def test_a_row_reads_as_a_sentence() -> None:
    assert "| `test` | integer | `2` | How many of the cases are held out as split `test`. |" in key_table()
    assert "| `device` | `auto` or `cpu` or `cuda` | `auto` | auto: CUDA when there is one. |" in key_table()
    assert "| `minutes` | number or null | `null` |" in key_table()


def test_the_schema_is_closed_and_describes_keys() -> None:
    content = json.loads(schema())
    assert content["additionalProperties"] is False
    assert content["properties"]["seed"]["description"] == "Seed of everything random."
    steps = content["$defs"]["TrainSettings"]["properties"]["steps"]
    assert (steps["default"], steps["exclusiveMinimum"]) == (2000, 0)


def test_the_conda_environment_has_the_pins_of_the_lock() -> None:
    text = conda_environment("# a comment\nnumpy==2.1.0\n\ntorch==2.9.0\n")
    content = yaml.safe_load(text)
    assert content["channels"] == ["conda-forge"]
    assert content["dependencies"] == ["python =3.11", "pip", {"pip": ["numpy==2.1.0", "torch==2.9.0"]}]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "integer"),
        (float | None, "number or null"),
        (Literal["a", 3], "`a` or `3`"),
        (Annotated[bool, "x"], "true or false"),
        (dict[str, list[int]], "mapping of text to list of integers"),
        (tuple[int, int, int], "list of 3 integers"),
        (list[tuple[float, float]] | None, "list of lists of 2 numbers or null"),
        (dict[str, Any], "mapping of text to anything"),
        (list[Literal["x", "y"]], "list of `x` or `y`"),
        (Path, "path"),
    ],
)
def test_types_in_words(kind: Any, words: str) -> None:
    assert kind_name(kind) == words
