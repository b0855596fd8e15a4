"""A manifest beside every result: what made it, from what, with which versions and settings."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel

from segmake.tables import hash_path, write_text

PACKAGES = (
    "segmake",
    "snakemake",
    "torch",
    "monai",
    "numpy",
    "scipy",
    "nibabel",
    "SimpleITK",
    "blosc2",
    "edt",
    "connected-components-3d",
    "matplotlib",
)


def manifest_path(output: Path) -> Path:
    """Where the manifest of a result is."""
    return output.with_suffix(".manifest.json")


def write_manifest(
    stage: str, job: BaseModel, seconds: float, facts: Mapping[str, object] | None = None
) -> None:
    """Write the manifest of a job beside its `output`, if it wrote one, with what the stage returned."""
    output: Path | None = getattr(job, "output", None)
    told = getattr(job, "show", False) or getattr(job, "estimate", False)
    if output is None or not output.exists() or told:
        return
    manifest = {
        "stage": stage,
        "output": output.name,
        "sha256": hash_path(output),
        "command": shlex.join(["segmake", *sys.argv[1:]]),
        "python": platform.python_version(),
        "packages": package_versions(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "settings": job.model_dump(mode="json", exclude_defaults=False),
        "inputs": {str(path): hash_path(path) for path in _input_files(job, output)},
        "started": datetime.fromtimestamp(datetime.now(UTC).timestamp() - seconds, UTC).isoformat(
            timespec="seconds"
        ),
        "seconds": round(seconds, 2),
        **(facts or {}),
    }
    write_text(manifest_path(output), json.dumps(manifest, indent=1) + "\n")


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that decide results (nothing is imported for this)."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def processor_name() -> str:
    """Processor model where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _input_files(job: BaseModel, output: Path) -> list[Path]:
    """Every existing file a job's fields name, apart from its output.

    A folder counts where several paths are listed (a DICOM series); a single one is a whole data set, whose
    cases the ledger knows.
    """
    found: set[Path] = set()
    for value in job.__dict__.values():
        if isinstance(value, list):
            found |= {path for path in value if isinstance(path, Path) and path.exists()}
        elif isinstance(value, Path) and value.is_file():
            found.add(value)
    return sorted(found - {output})
