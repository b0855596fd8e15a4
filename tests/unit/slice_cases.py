"""A slice folder made by hand: arrays, records and a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segmake.tables import hash_path, write_table
from segmake.volume.store import save_patches
from segmake.volume.volume import Array

FIRST = ("case", "path", "key", "sha256", "seconds", "status", "reason")


def write_slices(folder: Path, cases: Sequence[Mapping[str, Any]], shard: str = "00") -> Path:
    """Write a shard of slice. A case: case, images [N, C, size, size], patches (N), other columns."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for case in cases:
        name, images = case["case"], case["images"]
        save_patches(folder / f"{name}.b2nd", images)
        digest = hash_path(folder / f"{name}.b2nd")
        own = {key: str(value) for key, value in case.items() if key not in ("case", "images", "patches")}
        columns = {"group": name, "site": "", "split": "train", "class": "", "patches": str(len(images))}
        columns |= {"channels": str(images.shape[1]), "width_px": "64", "height_px": "64", "metadata": "PNG"}
        columns |= own
        fixed = {"case": name, "path": f"{name}.b2nd", "key": f"key of {name}", "sha256": digest}
        record = {**fixed, "stage": "slice", "seconds": 0.1, "files": {f"{name}.b2nd": digest}}
        record |= {"columns": columns, "details": {"patches": list(case["patches"])}}
        (folder / f"{name}.json").write_text(json.dumps(record))
        rows.append({**fixed, "seconds": "0.1", "status": "ok", "reason": "", **columns})
    write_table(folder / f"shard-{shard}.tsv", rows, FIRST)
    return folder / f"shard-{shard}.tsv"


def patch(class_: str = "", number: int = 0, **values: Any) -> dict[str, Any]:
    """Details of one patch."""
    return {"patch": str(number), "lesion": "", "class": class_, "dhash": "", **values}


def grey(value: int, count: int = 1, size: int = 16) -> Array:
    """Patches of one grey value, uint8 [count, 1, size, size]."""
    return np.full((count, 1, size, size), value, dtype=np.uint8)
