"""A manifest beside every result: what made it, from what, with which versions and settings."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from glob import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from segmake.errors import InputError
from segmake.seal import is_broken, sealed
from segmake.tables import hash_path, write_text

PACKAGES = (
    "segmake",
    "snakemake",
    "torch",
    "monai",
    "openvino",
    "numpy",
    "scipy",
    "nibabel",
    "SimpleITK",
    "pydicom",
    "highdicom",
    "isal",
    "blosc2",
    "edt",
    "connected-components-3d",
    "pillow",
    "matplotlib",
)
"""What decides results."""
MADE: Mapping[str, tuple[str, ...]] = {
    "summarize": ("metrics", "subgroup_table"),
    "compare": ("ranking",),
    "froc": ("curve",),
    "divide": ("guards", "duplicates.tsv"),
    "train": ("history.csv",),
    "predict": (
        "{stem}_probabilities.nii.gz",
        "{stem}_lesions.tsv",
        "{stem}_entropy.nii.gz",
        "{stem}_disagreement.nii.gz",
    ),
    "fit": ("history.csv",),
    "classify": ("explain/{stem}/**/*",),
    "score": (
        *("predictions.tsv", "curves.tsv", "confusion.tsv", "decision.json"),
        *("marks.csv", "nodules.csv", "scans.csv"),
    ),
    "crate": ("crate/**/*",),
    "report": ("quality.html", "viewer.html", "quality/*", "cases/**/*", "viewer/**/*"),
}
"""Stage -> what it makes beside `output`: other fields of its job, or patterns of file names beside it, where
`stem` is the beginning of the output's name. A stage may also return further files, as `outputs`."""
END = ".manifest.json"
Manifest = dict[str, Any]


def manifest_path(output: Path) -> Path:
    """Where the manifest of a result is."""
    return output.with_suffix(END)


def write_manifest(
    stage: str, job: BaseModel, seconds: float, facts: Mapping[str, object] | None = None
) -> None:
    """Write the manifest of a job beside its `output`, if it wrote one, with what the stage returned.

    Where names are hidden (`pseudonymise`), so are the paths of the sheet, its folder and the key.
    """
    output: Path | None = getattr(job, "output", None)
    told = getattr(job, "show", False) or getattr(job, "estimate", False)
    if output is None or not output.exists() or told:
        return
    more = dict(facts or {})
    made = [*_beside(stage, job, output), *more.pop("outputs", [])]  # type: ignore[misc]
    hidden = _hidden_paths(job)
    settings = job.model_dump(mode="json", exclude_defaults=False)
    manifest = {
        "stage": stage,
        "output": output.name,
        "sha256": hash_path(output),
        "outputs": {_relative(path, output.parent): hash_path(path) for path in sorted(set(made))},
        "command": shlex.join(["segmake", *(_shown(word, hidden) for word in sys.argv[1:])]),
        "python": platform.python_version(),
        "packages": package_versions(),
        "commit": source_commit(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "settings": {name: hidden.get(str(value), value) for name, value in settings.items()},
        "inputs": {
            hidden.get(name, name): hash_path(path) for name, path in _input_files(job, {output, *made})
        },
        "started": datetime.fromtimestamp(datetime.now(UTC).timestamp() - seconds, UTC).isoformat(
            timespec="seconds"
        ),
        "seconds": round(seconds, 2),
        **more,
    }
    write_text(manifest_path(output), sealed(manifest))


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        InputError: it is missing, none, or was changed since it was written.
    """
    try:
        text = path.read_text(encoding="utf-8")
        manifest = json.loads(text)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no readable manifest: {error}; run its stage again") from error
    if not isinstance(manifest, dict) or is_broken(text):
        raise InputError(f"{path} was changed since it was written; run its stage again")
    return manifest


def base_folder(path: Path, output: str) -> Path:
    """Folder that the relative paths of the manifest `path` count from: the one its job was started in.

    output: path of the result as the job was given it.
    """
    folder, parts = path.absolute().parent, Path(output).parent.parts
    if Path(output).is_absolute():
        return Path.cwd()
    if not parts:
        return folder
    return folder.parents[len(parts) - 1] if folder.parts[-len(parts) :] == parts else Path.cwd()


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that decide results (nothing is imported for this)."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def source_commit() -> str:
    """Git commit of segmake's sources, `-dirty` behind it where they were changed since.

    Empty where segmake is no checkout; its version says it then.
    """
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():
        return ""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def processor_name() -> str:
    """Processor model where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _beside(stage: str, job: BaseModel, output: Path) -> list[Path]:
    """Files that a job made beside its output, manifests and hidden files left out."""
    found: set[Path] = set()
    for name in MADE.get(stage, ()):
        value = getattr(job, name, None)
        pattern = name.format(stem=escape(output.name.partition(".")[0]))
        found |= {value} if isinstance(value, Path) else set(output.parent.glob(pattern))
    return [
        path
        for path in found - {output}
        if path.is_file() and not path.name.endswith(END) and not path.name.startswith(".")
    ]


def _input_files(job: BaseModel, made: set[Path]) -> Iterable[tuple[str, Path]]:
    """Every existing file a job's fields name, apart from what it made, and the path as it was given.

    A folder counts where several paths are listed (a DICOM series); a single one is a whole data set, whose
    cases the ledger knows. `t1=FILE` names the file behind it. The key of pseudonyms is nobody's input.
    """
    found: dict[str, Path] = {}
    for field, value in job.__dict__.items():
        for path in value if isinstance(value, list) else [value]:
            if not isinstance(path, Path) or path in made or field == "pseudonymise":
                continue
            named = path if path.exists() else Path(str(path).partition("=")[2] or path)
            if named.is_file() or (isinstance(value, list) and named.exists()):
                found[str(named)] = named
    return sorted(found.items())


def _hidden_paths(job: BaseModel) -> dict[str, str]:
    """Paths outside of the results that may name persons, and what stands in their place."""
    if not getattr(job, "pseudonymise", None):
        return {}
    given = {name: getattr(job, name, None) for name in ("cases", "root", "splits", "pseudonymise")}
    outside = {n: p for n, p in given.items() if p is not None and (p.is_absolute() or ".." in p.parts)}
    return {str(path): f"<{name}>" for name, path in outside.items()}


def _shown(word: str, hidden: Mapping[str, str]) -> str:
    """A word of the command line, without a hidden path."""
    flag, equals, value = word.partition("=")
    return f"{flag}={hidden[value]}" if equals and value in hidden else hidden.get(word, word)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
