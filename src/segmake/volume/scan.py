"""What a reader gives: the voxels, what it repaired or wondered about, and what the source said of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from segmake.volume.volume import Volume


@dataclass(frozen=True)
class Note:
    """One sentence for the case's row: a repair that was made, or a warning about what was left as it is.

    The text names numbers and files without their folders: rows leave the house.
    """

    kind: Literal["repair", "warning"]
    text: str


@dataclass(frozen=True)
class Scan:
    """A volume as read from its source, in its own orientation."""

    volume: Volume
    notes: tuple[Note, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    """Technical DICOM attributes by keyword, by an allow-list: nothing that identifies a person."""
