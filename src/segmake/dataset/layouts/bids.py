"""BIDS: images in sub-*/[ses-*]/{anat,ct,pet}, label maps in derivatives (BIDS 1.10, file naming, masks)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from segmake.dataset.delimited import read_rows
from segmake.dataset.layouts.found import Dataset, ending, make_case, modality, some, stem, word
from segmake.dataset.sheet import Case
from segmake.errors import InputError
from segmake.settings import Modality

log = logging.getLogger("segmake")

DATATYPES = ("anat", "ct", "pet")
LABELS = ("dseg", "mask")
TELLING = ("ce", "inv", "echo", "part", "mt", "trc")  # entities that make another channel of a suffix
OWN_SPACES = ("orig", "individual", "scanner")  # of the entity `space`; templates lie on another grid
SITES = ("site", "site_id", "center", "centre")


class BidsName(NamedTuple):
    """A file name taken apart."""

    path: Path
    entities: dict[str, str]
    suffix: str

    @property
    def case(self) -> str:
        """Subject and session, such as "sub-01_ses-1"."""
        session = self.entities.get("ses")
        return f"sub-{self.entities['sub']}" + (f"_ses-{session}" if session else "")

    @property
    def channel(self) -> str:
        """Suffix, and what of the entities makes another image of it, such as "t1w_ce_gadolinium"."""
        told = [f"{key}_{self.entities[key]}" for key in TELLING if key in self.entities]
        return word("_".join([self.suffix, *told]))


class Kind(NamedTuple):
    """What label maps of a derivative have in common."""

    suffix: str
    pipeline: str
    desc: str
    label: str


def index_bids(root: Path) -> Dataset:
    """Index a BIDS data set.

    A case is a session of a subject, its group the participant. Channels are suffixes (with entities such
    as ce-gadolinium), of several runs or acquisitions the first by name. Labels are `_dseg` or `_mask` files
    below derivatives/, on the grid of the image (none in a template's space); of several kinds the one that
    most cases have. Their values are read from a `dseg.tsv`, a mask has the value 1. Site from
    participants.tsv. A label without an image becomes a case with a problem.

    Raises:
        InputError: participants.tsv or a dseg.tsv breaks a rule.
    """
    images: dict[str, dict[str, Path]] = {}
    for image in _image_names(root):
        found = images.setdefault(image.case, {})
        if (first := found.setdefault(image.channel, image.path)) != image.path:
            log.warning(
                "%s is left out: %s is the %s of its case", image.path.name, first.name, image.channel
            )
    derived = _derived(root)
    kind = _choose(derived)
    truth = {case: name.path for case, name in derived[kind].items()} if kind else {}
    participants = _participants(root)
    cases = [_case(name, paths, truth.get(name), participants) for name, paths in sorted(images.items())]
    for name in sorted(set(truth) - set(images)):
        problem = f"label {truth[name].name} has no image; add the image or remove the label"
        log.warning(problem)
        cases.append(replace(_case(name, {}, truth[name], participants), problem=problem))
    channels = dict.fromkeys(channel for paths in images.values() for channel in paths)
    meant: dict[str, Modality] = {name: modality(name.partition("_")[0]) for name in channels}
    return Dataset(cases, meant, _label_values(root, kind, derived[kind]) if kind else {})


def _image_names(root: Path) -> Iterator[BidsName]:
    for datatype in DATATYPES:
        for pattern in (f"sub-*/{datatype}/*", f"sub-*/ses-*/{datatype}/*"):
            for path in sorted(root.glob(pattern)):
                name = _taken_apart(path)
                if name and name.suffix not in LABELS:
                    yield name


def _taken_apart(path: Path) -> BidsName | None:
    """Entities and suffix of an image's name; None for other files."""
    *entities, suffix = stem(path).split("_")
    pairs = [entity.partition("-") for entity in entities]
    if not ending(path) or not all(between and value for _, between, value in pairs):
        return None
    found = {key: value for key, _, value in pairs}
    return BidsName(path, found, suffix) if "sub" in found else None


def _derived(root: Path) -> dict[Kind, dict[str, BidsName]]:
    """Label maps by kind and case."""
    found: dict[Kind, dict[str, BidsName]] = {}
    folder = root / "derivatives"
    for path in sorted(folder.rglob("sub-*")):
        name = _taken_apart(path)
        if not name or name.suffix not in LABELS or not _on_own_grid(name):
            continue
        parts = path.relative_to(folder).parts
        pipeline = "" if parts[0].startswith("sub-") else parts[0]
        kind = Kind(name.suffix, pipeline, name.entities.get("desc", ""), name.entities.get("label", ""))
        found.setdefault(kind, {}).setdefault(name.case, name)
    return found


def _on_own_grid(name: BidsName) -> bool:
    space = name.entities.get("space")
    return space is None or space in OWN_SPACES or space.lower() in ("t1w", "t2w", "flair", "ct", "pet")


def _choose(derived: Mapping[Kind, Mapping[str, BidsName]]) -> Kind | None:
    """The kind that most cases have; dseg before mask, then by name."""
    if not derived:
        return None
    kind = min(derived, key=lambda kind: (-len(derived[kind]), kind))
    if others := sorted(
        {next(iter(derived[other].values())).path.name for other in derived if other != kind}
    ):
        taken = next(iter(derived[kind].values())).path
        log.warning(
            "labels are those like %s; others, such as %s, are left out (write a sheet to choose them)",
            taken.name,
            some(others),
        )
    return kind


def _case(
    name: str, paths: dict[str, Path], label: Path | None, participants: Mapping[str, Mapping[str, str]]
) -> Case:
    group = name.partition("_")[0]
    row = participants.get(group, {})
    site = next((row[column] for column in SITES if row.get(column, "n/a") != "n/a"), "")
    return replace(make_case(name, paths, label), group=group, site=site)


def _participants(root: Path) -> dict[str, dict[str, str]]:
    path = root / "participants.tsv"
    rows = read_rows(path) if path.exists() else []
    if rows and "participant_id" not in rows[0].cells:
        raise InputError(f"{path} needs a column 'participant_id', has {', '.join(rows[0].cells)}; add it")
    return {row.cells["participant_id"]: row.cells for row in rows}


def _label_values(root: Path, kind: Kind, found: Mapping[str, BidsName]) -> dict[str, int]:
    """Label name -> value, from the table beside the labels or above them; a mask is one label."""
    if kind.suffix == "mask":
        return {word(kind.label or kind.desc or "mask"): 1}
    count = Counter[Path]()
    for name in found.values():
        own = name.path.with_name(f"{stem(name.path)}.tsv")
        count[own] += own.exists()
    described = [f"desc-{kind.desc}_dseg.tsv"] if kind.desc else []
    above = [root / "derivatives" / kind.pipeline, root / "derivatives", root]
    tables = [
        folder / name for folder in above for name in (*described, "dseg.tsv") if (folder / name).exists()
    ]
    tables += [path for path, there in sorted(count.items()) if there]
    return _values(tables[0]) if tables else {}


def _values(path: Path) -> dict[str, int]:
    rows = read_rows(path)
    values: dict[str, int] = {}
    for row in rows:
        try:
            value = int(row.cells["index"])
            name = word(row.cells["name"])
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{path}, row {row.number}: needs the columns index (a whole number) and name, got "
                f"{row.cells}; correct it"
            ) from error
        if value:
            values[name] = value
    return values
