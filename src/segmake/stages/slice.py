"""slice: takes volumes and places in them, or 2D images, makes 2D patches with class and patient.

Steps: read the case, find its places (`slice.source`), cut a patch round each, window and resize it, say what
it shows. A shard's table has a row per case, its record the place and class of each patch.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from segmake.dataset.load import load_dataset
from segmake.dataset.places import Place, nearest_place, read_places, truth_places
from segmake.dataset.sheet import Case
from segmake.dataset.veil import veil_of
from segmake.errors import CaseExcluded, InputError
from segmake.jobs import SliceJob
from segmake.ledger import Item, Outcome, Shard, read_record
from segmake.patches import JOINT
from segmake.prepare.cutting import Sight, axial_slices, nearest_slice, patch_at, slice_middle
from segmake.prepare.framing import find_window
from segmake.prepare.likeness import dhash
from segmake.prepare.pictures import describe, picture_patch
from segmake.settings import PhantomSettings
from segmake.tables import Row, read_cases
from segmake.volume.findings import findings
from segmake.volume.npz import is_npz, npz_picture
from segmake.volume.read import read_scan, read_volume
from segmake.volume.store import save_patches
from segmake.volume.volume import Array, Volume

log = logging.getLogger("segmake")

VERSION = 1
NONE = "none"
EXTENT_MM = 50.0
DECIDING = (
    *("source", "classes", "class_map", "unmatched", "smallest_ml", "most", "size", "extent_mm", "planes"),
    *("window", "every", "colours", "channels", "labels", "ignore"),
)
"""Settings that decide what a patch is."""


@dataclass(frozen=True)
class Scan:
    """A converted case, the label map that its places are parts of, and the places that are known in it."""

    row: Row
    parts: Path | None
    places: tuple[Place, ...]


def run(job: SliceJob) -> None:
    """Slice the cases of one shard."""
    if job.source == "images":
        dataset = load_dataset(job, PhantomSettings(), job.pseudonymise, told=job.shard == 0)
        job = job.model_copy(update={"channels": dataset.channels})
        items, work = _image_items(dataset.cases, job), functools.partial(_slice_image, job=job)
    else:
        items, work = _scan_items(job), functools.partial(_slice_scan, job=job)
    settings = job.model_dump(mode="json", include=set(DECIDING))
    shard = Shard("slice", VERSION, job.output, settings, job.threads, job.on_error)
    with threadpool_limits(1):  # one process per thread; the pool inherits this
        shard.run(items, work)


def _image_items(cases: Sequence[Case], job: SliceJob) -> list[Item]:
    return [_image_item(case) for case in cases if case.shard(job.shards) == job.shard]


def _image_item(case: Case) -> Item:
    """A case with its images; an image in an archive stands for itself, not for all of the archive."""
    words = (case.group, case.site, case.split, case.class_, case.problem, *case.channels)
    files = [] if case.problem else [_content(path) for path in case.channels.values()]
    return Item(case.name, (*words, *files), case, veil_of(case))


def _content(path: Path) -> str | Path:
    """What the ledger hashes for an image; what cannot be read says so when its own case is worked on."""
    if not is_npz(path):
        return path
    try:
        picture = npz_picture(path)
    except InputError as error:
        return str(error)
    return f"{picture.shape} {hashlib.sha256(picture.tobytes()).hexdigest()}"


def _slice_image(item: Item, scratch: Path, job: SliceJob) -> Outcome:
    """Make the one patch of a case that is a 2D image."""
    case: Case = item.payload
    if case.problem:
        raise CaseExcluded(case.problem)
    scans = [read_scan(path) for path in case.channels.values()]
    patch = np.concatenate(
        [
            picture_patch(scan.volume, job.window.get(name), kind, job.size, job.colours)
            for scan, (name, kind) in zip(scans, job.channels.items(), strict=True)
        ]
    )
    class_ = _class(case.class_, job)
    columns = {"group": case.group, "site": case.site, "split": case.split, "class": class_}
    width, height, _ = scans[0].volume.shape
    columns |= {"width_px": str(width), "height_px": str(height)}
    columns |= {"metadata": describe(scans[0], next(iter(case.channels.values())))}
    for kind in ("repair", "warning"):
        said = [note.text for scan in scans for note in scan.notes if note.kind == kind]
        columns[f"{kind}s"] = item.veil("; ".join(said))
    return _outcome(item, scratch, patch[np.newaxis], [{"class": class_}], columns)


def _scan_items(job: SliceJob) -> list[Item]:
    """Converted cases with what their places come from; those that nobody predicted are left out."""
    rows = read_cases([job.table] if job.table else [])
    predicted = {row["case"]: row for row in read_cases([job.predictions] if job.predictions else [])}
    known = _places(job)
    items = []
    for row in rows:
        places = tuple(known.get(row["case"], ()))
        parts, key = row["label"], row["key"]
        if job.source == "prediction":
            if row["case"] not in predicted:
                log.info("slice %s left out: no model predicted it", row["case"])
                continue
            parts, key = predicted[row["case"]]["path"], f"{key} {predicted[row['case']]['key']}"
        scan = Scan(row, Path(parts) if parts else None, places)
        items.append(Item(row["case"], (key, repr(places)), scan))
    if known and not any(item.payload.places for item in items):
        log.warning("no case of this shard has a place in %s", job.lesions or job.phantoms)
    return items


def _places(job: SliceJob) -> dict[str, list[Place]]:
    """Known places of each case: those of the user's table, else a phantom's own truth."""
    if job.lesions is not None:
        return _decided(read_places(job.lesions), job.lesions)
    if job.phantoms is None:
        return {}
    found = {}
    for row in read_cases([job.phantoms]):
        record = read_record(Path(row["path"]).parent, row["case"])
        found[row["case"]] = truth_places(record["details"]["lesions"])
    return found


def _decided(found: dict[str, list[Place]], path: Path) -> dict[str, list[Place]]:
    """The places that have a class, where the table has classes at all."""
    every = [place for places in found.values() for place in places]
    without = [place for place in every if not place.class_]
    if not without or len(without) == len(every):
        return found
    log.warning("%s: %d of %d places have no class and are left out", path.name, len(without), len(every))
    return {case: [place for place in places if place.class_] for case, places in found.items()}


def _slice_scan(item: Item, scratch: Path, job: SliceJob) -> Outcome:
    """Make the patches of a case that is a volume."""
    scan: Scan = item.payload
    volume = read_volume(Path(scan.row["path"]))
    if len(job.channels) != len(volume.data):
        raise InputError(
            f"{item.case} has {len(volume.data)} channels, data.channels names "
            f"{', '.join(job.channels) or 'none'}; name each with its modality"
        )
    windows = [
        job.window.get(name) or find_window(channel, kind)
        for channel, (name, kind) in zip(volume.data, job.channels.items(), strict=True)
    ]
    sight = Sight(windows, job.planes, job.size)
    made = _slices(scan, volume, sight, job) if job.source == "axial" else _round(scan, volume, sight, job)
    patches = np.stack([patch for patch, _ in made]) if made else _nothing(sight)
    row = scan.row
    columns = {name: row.get(name, "") for name in ("group", "site", "split")}
    kinds = sorted({details["class"] for _, details in made} - {""})
    columns |= {"class": _class(row["class"], job) if row["class"] else JOINT.join(kinds)}
    width, height, _ = volume.shape
    metadata = f"spacing {row['spacing_mm']} mm, stored {row['orientation']}"
    columns |= {"width_px": str(width), "height_px": str(height), "metadata": metadata}
    return _outcome(item, scratch, patches, [details for _, details in made], columns)


def _nothing(sight: Sight) -> Array:
    return np.zeros((0, sight.count(), sight.size, sight.size), dtype=np.uint8)


def _slices(scan: Scan, volume: Volume, sight: Sight, job: SliceJob) -> list[tuple[Array, dict[str, Any]]]:
    """Axial slices; of the case's class, or of the labels that occur in each where the case has none."""
    label = read_volume(scan.parts).data[0] if scan.parts and not scan.row["class"] else None
    made = []
    for number, patch in axial_slices(volume, sight, job.every):
        if label is None:
            class_ = scan.row["class"]
        else:
            values = set(np.unique(label[:, :, number]).tolist())
            class_ = JOINT.join(name for name, value in job.labels.items() if value in values) or NONE
        details = {"class": _class(class_, job), "slice": number}
        made.append((patch, details | _position(slice_middle(volume, number))))
    return made


def _round(scan: Scan, volume: Volume, sight: Sight, job: SliceJob) -> list[tuple[Array, dict[str, Any]]]:
    """Patches round places: those of a table, or the parts of a label map with the class of their place."""
    extent = job.extent_mm or EXTENT_MM
    found = list(scan.places) if job.source == "lesions" else _parts(scan, job)
    made = []
    for number, place in enumerate(found, start=1):
        details: dict[str, Any] = {
            "lesion": str(number),
            "class": _class(place.class_ or scan.row["class"], job),
        }
        details |= _position(place.centre_mm)
        details["slice"] = nearest_slice(volume, place.centre_mm)
        details["diameter_mm"] = None if place.diameter_mm is None else round(place.diameter_mm, 3)
        made.append((patch_at(volume, place.centre_mm, extent, sight), details))
    return made


def _parts(scan: Scan, job: SliceJob) -> list[Place]:
    """The largest parts of a label map; where places are known, with the class of the one they lie in."""
    if scan.parts is None:
        return []
    label = read_volume(scan.parts)
    mask = (label.data != 0) & (label.data != (0 if job.ignore is None else job.ignore))
    grid = Volume(mask.astype(np.uint8), label.affine)
    found = findings(grid, {"part": 1}, job.smallest_ml)
    if len(found) > job.most:
        log.warning("%s has %d parts; the largest %d are taken", scan.row["case"], len(found), job.most)
    known = bool(scan.places or job.lesions or job.phantoms)
    places = []
    for part in found[: job.most]:
        match = nearest_place(part.centroid_mm, scan.places)
        if known and match is None and not job.unmatched:
            continue
        other = job.unmatched if known else scan.row["class"]
        places.append(Place(part.centroid_mm, part.diameter_mm, match.class_ if match else other))
    return places


def _position(centre_mm: Sequence[float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in zip(("x_mm", "y_mm", "z_mm"), centre_mm, strict=True)}


def _class(name: str, job: SliceJob) -> str:
    """The class of a case or place as the settings call it.

    Raises:
        InputError: it is none of `slice.classes`.
    """
    names = [job.class_map.get(part, part) for part in name.split(JOINT) if part]
    unknown = [part for part in names if job.classes and part not in job.classes]
    if unknown:
        raise InputError(
            f"the class '{unknown[0]}' is none of slice.classes ({', '.join(job.classes)}); correct it, add "
            "it there, or map it with slice.class_map"
        )
    return JOINT.join(dict.fromkeys(part for part in names if part))


def _outcome(
    item: Item, scratch: Path, patches: Array, details: Sequence[dict[str, Any]], columns: dict[str, str]
) -> Outcome:
    """Write the patches, and what is known of each into the record."""
    save_patches(scratch / f"{item.case}.b2nd", patches)
    hashes = [dhash(patch) for patch in patches]
    told = [
        {"patch": str(index), "lesion": "", **known, "dhash": like, "pixels": _digest(patch) if like else ""}
        for index, (patch, known, like) in enumerate(zip(patches, details, hashes, strict=True))
    ]
    columns |= {"patches": str(len(patches)), "channels": str(patches.shape[1])}
    return Outcome(f"{item.case}.b2nd", columns, {"patches": told})


def _digest(patch: Array) -> str:
    """Beginning of the SHA-256 of a patch's pixels, which tells copies."""
    return hashlib.sha256(patch.tobytes()).hexdigest()[:32]
