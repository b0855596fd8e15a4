"""Folders of empty files, for layouts are read by name alone."""

from __future__ import annotations

from pathlib import Path

from segmake.dataset.layouts import Dataset


def touch(root: Path, *names: str) -> Path:
    """Make empty files and the folders above them; a name that ends in / is a folder."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            (root / name).mkdir(exist_ok=True)
        else:
            (root / name).touch()
    return root


def told(found: Dataset, root: Path) -> list[tuple[str, str, list[str], str | None]]:
    """Name, split, channel files and label of each case, relative to root."""
    return [
        (
            case.name,
            case.split,
            [f"{name}={path.relative_to(root)}" for name, path in case.channels.items()],
            str(case.label.relative_to(root)) if case.label else None,
        )
        for case in found.cases
    ]
