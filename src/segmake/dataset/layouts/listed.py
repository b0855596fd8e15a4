"""Pictures whose classes stand in lists: a file name and a class in each line."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

from segmake.dataset.layouts.found import PICTURES, Dataset, ending, make_case, some, stem
from segmake.dataset.sheet import Case
from segmake.errors import InputError
from segmake.source import shown, why_unreadable

log = logging.getLogger("segmake")

LISTS = (".txt", ".lst", ".list")
LINE = re.compile(r"(?P<file>\S.*?)[\s,;]+(?P<class>\S+)")
HELD_OUT = ("test", "val")
COPY = re.compile(
    r"[_-](rot|rotated|flip|flipped|mirror|aug|augmented|copy)[_-]?\d*(?=[_.-]|$)", re.IGNORECASE
)
"""What a name ends in when the picture was made from another one."""


def index_listed(root: Path) -> Dataset:
    """Index the pictures that lists at the root name, as the LUNA16 patches have them.

    A case is a picture, named by its place. The lists with `test` in their name are held out, and where there
    are none those with `val`; the others are cross-validated. A picture made from another one, such as
    a_rot90.jpg from a.jpg, is of its group, so that the two are never on both sides; else a picture is a
    group of its own. Pictures in no list are left out and counted in a warning.

    Raises:
        InputError: there is no list, a line is none, or a picture is listed twice.
    """
    lists = sorted(path for path in root.iterdir() if path.suffix.lower() in LISTS and path.is_file())
    read = {path: _lines(path) for path in lists if path.name[0] != "."}
    lists = [path for path, lines in read.items() if lines]
    if not lists:
        raise InputError(
            f"{root} needs a list such as train_labels.txt with lines like `train/a.png 1`; add it"
        )
    held = next((word for word in HELD_OUT if any(word in path.stem.lower() for path in lists)), None)
    if held and all(held in path.stem.lower() for path in lists):
        held = None
    cases: dict[str, Case] = {}
    for path in lists:
        split = "test" if held and held in path.stem.lower() else "train"
        for name, class_ in read[path]:
            if name in cases:
                raise InputError(f"{shown(path)} names {name}, which is listed before; name a picture once")
            cases[name] = _case(root, name, class_, split)
    _tell_others(root, cases)
    return Dataset(list(cases.values()), {"image": "other"})


def _lines(path: Path) -> list[tuple[str, str]]:
    """File names and classes; a file that does not begin with such a line is no list."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(why_unreadable(path, error)) from error
    except UnicodeDecodeError:
        return []
    found: list[tuple[str, str]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = LINE.fullmatch(line.strip())
        if match is None or not ending(Path(match["file"]), PICTURES):
            if not found:
                return []
            raise InputError(f"{shown(path)}, line {number}: a line is a picture and its class, got '{line}'")
        found.append((match["file"].replace("\\", "/"), match["class"]))
    return found


def _case(root: Path, file: str, class_: str, split: str) -> Case:
    path = root / file
    name = "_".join([*Path(file).parts[:-1], stem(path, PICTURES)])
    case = make_case(name, {"image": path}, None, split)
    problem = "" if path.is_file() else f"{file} is listed, but not there; add the picture"
    return replace(case, group=COPY.sub("", case.name), class_=class_, problem=problem)


def _tell_others(root: Path, cases: dict[str, Case]) -> None:
    """Warn of pictures that no list names, and of listed ones that are missing."""
    folders = {(root / name).parent for name in cases}
    others = sorted(
        str(path.relative_to(root))
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if ending(path, PICTURES) and str(path.relative_to(root)) not in cases
    )
    if others:
        log.warning("%d pictures are in no list and are left out: %s", len(others), some(others))
    if gone := [name for name, case in cases.items() if case.problem]:
        log.warning("%d listed pictures are not there: %s", len(gone), some(gone))
