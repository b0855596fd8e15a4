"""Names of cases and patients as keyed hashes, dates moved or dropped, and the way back for who has the key.

The hash is HMAC-SHA256 (RFC 2104): without the key neither a name nor a guess at it can be told from the
pseudonym. The key file and, beside it, the table of pseudonyms and names stay outside the results.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from segmake.dataset.sheet import Case
from segmake.errors import ConfigError
from segmake.tables import read_table

KEY_BYTES = 32
HEX_DIGITS = 12
"""48 bits: two of 20,000 names collide with a chance below one in a million."""


def check_place(key_file: Path, results: Path) -> None:
    """Raise a ConfigError if the key file lies in the results, with which it could be passed on."""
    if key_file.resolve().is_relative_to(results.resolve()):
        raise ConfigError(
            f"convert.pseudonymise must name a key file outside the results in {results}, got {key_file}; "
            "keep it where only those may read who may know the patients"
        )


def read_key(key_file: Path) -> bytes:
    """Read the key; a missing one is made from 32 random bytes, readable by its owner alone.

    Raises:
        ConfigError: the file cannot be read or made, or holds something else.
    """
    try:
        if not key_file.exists():
            _make_key(key_file)
        key = bytes.fromhex(key_file.read_text(encoding="ascii").strip())
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(
            f"the key file {key_file} (convert.pseudonymise) cannot be read or made: {reason}; correct it"
        ) from error
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"the key file {key_file} (convert.pseudonymise) must hold {2 * KEY_BYTES} hexadecimal digits; "
            "name a file that does not exist to have one made"
        )
    return key


def pseudonym(key: bytes, kind: Literal["case", "subject"], name: str) -> str:
    """The same name under the same key always gives the same word, such as case-0f3a5b2c9d17."""
    return f"{kind}-{_hash(key, kind, name).hex()[:HEX_DIGITS]}"


def pseudonymise(cases: Sequence[Case], key_file: Path) -> list[Case]:
    """The cases under their pseudonyms, sorted by them; the table beside the key file learns of new ones."""
    key = read_key(key_file)
    words = [_words(case) for case in cases]
    shared = set.intersection(*words) if len(words) > 1 else set()
    hidden = [
        replace(
            case,
            name=pseudonym(key, "case", case.name),
            group=pseudonym(key, "subject", case.group or case.name),
            extra={name: text for name, text in case.extra.items() if name == "remark"},
            private=tuple(sorted({case.name, case.group} | (own - shared))),
        )
        for case, own in zip(cases, words, strict=True)
    ]
    if len({case.name for case in hidden}) < len(cases):
        raise ConfigError(f"two cases share a pseudonym under the key {key_file}; name another key file")
    _remember(way_back(key_file), cases, hidden)
    return sorted(hidden, key=lambda case: case.name)


def way_back(key_file: Path) -> Path:
    """The table of pseudonyms and names beside a key file."""
    return key_file.with_name(f"{key_file.name}.tsv")


def shift_days(key: bytes, group: str) -> int:
    """By how many days the dates of a patient are moved: -365 to -1, hidden by the key."""
    return -1 - int.from_bytes(_hash(key, "dates", group)[:8], "big") % 365


def clean_tags(tags: Mapping[str, str], days: int | None = None) -> dict[str, str]:
    """DICOM attributes by keyword without dates and times, or with dates `days` later and times as they are.

    A date is told by its value representation (DA, DT, TM; DICOM PS3.5 section 6.2); one that cannot be
    read is dropped.
    """
    from pydicom.datadict import (
        dictionary_VR,
        tag_for_keyword,
    )  # costs start-up time, and the Snakefile imports this module

    cleaned = {}
    for keyword, value in tags.items():
        tag = tag_for_keyword(keyword)
        kind = dictionary_VR(tag) if tag is not None else ""  # a keyword of ours
        if kind in ("DA", "DT"):
            value = "" if days is None else _moved(value, days)
        if value and (kind != "TM" or days is not None):
            cleaned[keyword] = value
    return cleaned


def _moved(value: str, days: int) -> str:
    """A date YYYYMMDD, perhaps with a time behind it, moved by whole days; empty if it is no date."""
    if not value[:8].isdecimal():
        return ""
    try:
        moved = date.fromisoformat(value[:8]) + timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return moved.strftime("%Y%m%d") + value[8:]


def _hash(key: bytes, kind: str, name: str) -> bytes:
    return hmac.digest(key, f"{kind}\0{name}".encode(), "sha256")


def _words(case: Case) -> set[str]:
    """Every folder and file name on the way to a case's sources, with and without its endings."""
    parts = {part for path in case.paths() for part in path.absolute().parts[1:]}
    return {*parts, *(part.partition(".")[0] for part in parts), *(part.partition("#")[0] for part in parts)}


def _make_key(key_file: Path) -> None:
    """Make the key whole or not at all; of several processes that start at once, the first one's stays."""
    key_file.parent.mkdir(parents=True, exist_ok=True)
    scratch = _write_private(key_file, secrets.token_hex(KEY_BYTES) + "\n")
    try:
        os.link(scratch, key_file)
    except FileExistsError:
        return
    finally:
        scratch.unlink()


def _remember(table: Path, cases: Sequence[Case], hidden: Sequence[Case]) -> None:
    """Merge the cases into the table; written only when it gains something."""
    known = {row["pseudonym"]: row for row in read_table(table)} if table.exists() else {}
    merged = known | {
        new.name: {"pseudonym": new.name, "case": old.name, "subject": new.group, "group": old.group}
        for old, new in zip(cases, hidden, strict=True)
    }
    if merged != known:
        rows = [merged[name] for name in sorted(merged)]
        lines = ["\t".join(row) for row in ([*rows[0]], *(row.values() for row in rows))]
        _write_private(table, "".join(f"{line}\n" for line in lines)).replace(table)


def _write_private(path: Path, text: str) -> Path:
    """Write a file beside `path` that its owner alone may read, to be moved into place."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    return scratch
