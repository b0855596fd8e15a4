"""The house rules of docs/architecture.md, read from the source."""

import ast
import functools
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from segmake.cli import Segmake

SOURCE = Path(__file__).resolve().parents[2] / "src" / "segmake"
FILES = sorted(SOURCE.rglob("*.py"))
HEAVY = ("torch", "monai")
NOUNS = ("prepare", "learning", "inference", "metrics", "figures")
BASE = {
    *("volume", "plan", "tables", "errors"),
    *("settings", "training", "classification", "prediction", "postprocessing", "recipe"),
}
# Who may import what of ours beside itself, as written in docs/architecture.md.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "progress": set(),
    "cores": set(),
    "bracing": set(),
    "operating": {"section"},
    "operations": {"tables", "errors"},
    "device": {"errors"},
    "demand": {"tables"},
    "lease": {"errors"},
    "section": set(),
    "recipe": {"section"},
    "training": {"section", "recipe"},
    "classification": {"section", "recipe", "training"},
    "prediction": {"section"},
    "external": {"section"},
    "postprocessing": {"section", "errors"},
    "drawing": {"section"},
    "redrawing": {"drawing", "figures", "provenance", "settings", "progress", "tables", "errors"},
    "settings": {
        "section",
        "auditing",
        "drawing",
        "presenting",
        "training",
        "classification",
        "prediction",
        "postprocessing",
        "errors",
    },
    "source": {"errors"},
    "tables": {"source", "errors"},
    "plan": {"section", "settings", "tables", "errors"},
    "patches": {"ledger", "tables", "errors"},
    "slicing": {"classification", "settings"},
    "auditing": {"section"},
    "presenting": {"section"},
    "serving": {"errors"},
    "results": {"figures", "ledger", "plan", "presenting", "provenance", "tables", "errors"},
    "jobs": {
        "operating",
        "auditing",
        "drawing",
        "presenting",
        "section",
        "settings",
        "prediction",
        "postprocessing",
        "external",
        "classification",
        "slicing",
    },
    "configuration": {"classification", "settings", "external", "errors"},
    "documentation": {"prediction", "recipe", "settings", "tables"},
    "seal": set(),
    "ledger": {"cores", "seal", "tables", "errors", "progress"},
    "provenance": {"seal", "tables", "errors"},
    "experiment": {
        "classification",
        "configuration",
        "external",
        "dataset",
        "section",
        "settings",
        "training",
    }
    | {"tables", "errors"},
    "repetition": {"configuration", "jobs", "provenance", "seal", "tables", "errors"},
    "cli": {"configuration", "jobs", "errors", "provenance"},
    "volume": {"source", "errors"},
    "dataset": {"settings", "tables", "volume", "source", "errors"},
    "audit": {
        "configuration",
        "figures",
        "jobs",
        "ledger",
        "plan",
        "progress",
        "provenance",
        "seal",
        "settings",
    }
    | {"section", "tables", "errors"},
    "reporting": {"audit", "plan", "postprocessing", "provenance", "tables", "errors"},
    "prepare": BASE,
    "learning": BASE | {"cores", "device", "lease", "provenance"},
    "inference": BASE | {"learning", "device"},
    "metrics": BASE,
    "figures": BASE,
}
INFERENCE_MAY = {"segmake.learning.networks", "segmake.learning.checkpoint"}
TORCH_HOMES = (
    "learning/",
    "inference/",
    "device.py",
    "stages/train.py",
    "stages/fit.py",
    "stages/classify.py",
    "stages/predict.py",
    "stages/export.py",
)


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def part(path: Path) -> str:
    """The folder, or the module at the top, that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Full names of what a file imports, wherever in it the import stands."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)} imports relative to itself"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> list[str]:
    return [name for name in imported(path) if name.partition(".")[0] == "segmake"]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_every_module_has_its_place() -> None:
    assert {part(path) for path in FILES} - {"__init__", "stages"} == set(ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_go_one_way(path: Path) -> None:
    here = part(path)
    if here in ("stages", "__init__"):
        return
    reached = {name.split(".")[1] for name in ours(path) if name.count(".")}
    assert reached - {here} <= ALLOWED[here], f"{named(path)} imports {sorted(reached)}"


@pytest.mark.parametrize("path", sorted((SOURCE / "stages").glob("*.py")), ids=named)
def test_stages_meet_through_files_alone(path: Path) -> None:
    reached = {name.split(".")[1] for name in ours(path)}
    assert not reached & {"stages", "cli"}


def test_inference_takes_only_networks_and_checkpoints_from_learning() -> None:
    taken = {
        ".".join(name.split(".")[:3])
        for path in (SOURCE / "inference").glob("*.py")
        for name in ours(path)
        if name.startswith("segmake.learning")
    }
    assert taken <= INFERENCE_MAY


def test_nobody_imports_in_a_circle() -> None:
    graph = {part(path): set[str]() for path in FILES}
    for path in FILES:
        graph[part(path)] |= {name.split(".")[1] for name in ours(path)} & graph.keys() - {part(path)}
    while leaves := [name for name, reached in graph.items() if not reached & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert graph == {}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_torch_stays_where_networks_are(path: Path) -> None:
    heavy = [name for name in imported(path) if name.partition(".")[0] in HEAVY]
    assert not heavy or named(path).startswith(TORCH_HOMES)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    for node in functions(path):
        assert (node.end_lineno or 0) - node.lineno + 1 <= 50, f"{node.name} is too long"
        spec = node.args
        count = sum(len(group) for group in (spec.posonlyargs, spec.args, spec.kwonlyargs))
        own = bool(spec.args) and spec.args[0].arg in ("self", "cls")
        assert count - own <= 6, f"{node.name} has too many arguments"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_is_printed_asserted_or_read_from_the_environment(path: Path) -> None:
    tree = parsed(path)
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert "print" not in [function.id for function in called if isinstance(function, ast.Name)]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    words = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not words & {"getenv", "home", "expanduser"}
    if named(path) != "learning/distributed.py":  # torchrun tells a process its place that way
        assert "environ" not in words


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_module_and_public_name_has_a_docstring(path: Path) -> None:
    tree = parsed(path)
    public = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert [getattr(node, "name", "module") for node in (tree, *public) if not ast.get_docstring(node)] == []


def loaded_by(code: str) -> dict[str, list[str]]:
    """Run code in a fresh interpreter; the heavy packages it loaded, for each key it reports."""
    head = (
        "import json, sys\nfound = {}\ndef note(key): found[key] = [n for n in NAMES if n in sys.modules]\n"
    )
    text = head.replace("NAMES", repr(HEAVY)) + code + "\nprint(json.dumps(found), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    result: dict[str, list[str]] = json.loads(done.stderr.splitlines()[-1])
    return result


def test_help_loads_no_torch() -> None:
    found = loaded_by(
        """
from segmake.cli import Segmake, main
for words in [[], *([name] for name in Segmake.model_fields if name not in ("log", "debug"))]:
    try:
        main([*words, "--help"])
    except SystemExit as error:
        assert error.code == 0
    note(" ".join(words))
"""
    )
    assert len(found) == len(Segmake.model_fields) - 1  # all commands, and none
    assert not any(found.values())


STAGES = (
    *("convert", "plan", "resample", "evaluate", "summarize", "compare", "examples"),
    *("slice", "divide", "score", "delong", "figures", "report"),
    *("describe", "crate", "explain", "diff"),
    *("index", "status", "verify", "phantom", "froc", "tune", "postprocess", "external"),
)


def test_most_stages_load_no_torch() -> None:
    lines = itertools.chain.from_iterable(
        (f"import segmake.stages.{stage}", f"note('{stage}')") for stage in STAGES
    )
    assert loaded_by("\n".join(lines)) == {stage: [] for stage in STAGES}


def test_the_snakefile_loads_neither_torch_nor_readers() -> None:
    code = """
import segmake.configuration, segmake.dataset.load
note("snakefile")
found["others"] = [n for n in ("numpy", "nibabel", "SimpleITK", "pydicom", "pandas") if n in sys.modules]
"""
    assert loaded_by(code) == {"snakefile": [], "others": []}
