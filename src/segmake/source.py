"""A file of others before it is read: is it there, may it be read; the sentence when it is not."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from segmake.errors import InputError


def shown(path: Path) -> str:
    """The path as text that can be printed, also when its bytes are not UTF-8."""
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))


def printable(text: str) -> str:
    """Text of a stranger that does nothing to a terminal: line breaks and control codes are spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def file_size(path: Path) -> int:
    """Size in bytes of a file that can be opened; an InputError says what is wrong with any other."""
    try:
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
            raise InputError(f"{shown(path)} is neither a file nor a folder; name a file")
        path.open("rb").close()
    except OSError as error:
        raise InputError(why_unreadable(path, error)) from error
    return found.st_size


def check_source(path: Path) -> int:
    """Size of a file that can be opened and is not empty."""
    size = file_size(path)
    if size == 0:
        raise InputError(f"{shown(path)} is empty (0 bytes); copy or export it again")
    return size


def open_source(path: Path) -> BinaryIO:
    """Open a file that `check_source` finds good."""
    check_source(path)
    return path.open("rb")


def why_unreadable(path: Path, error: OSError) -> str:
    """The sentence for what the system says of a path."""
    name = shown(path)
    match error:
        case FileNotFoundError() if path.is_symlink():
            return f"{name} is a link to {shown(path.readlink())}, which does not exist; mend it"
        case FileNotFoundError():
            return f"{name} does not exist; correct the path"
        case IsADirectoryError():
            return f"{name} is a folder, not a file; name the file in it"
        case PermissionError():
            return f"{name} may not be read by this user; change its permissions"
    if error.errno == errno.ENAMETOOLONG:
        return f"{name[:60]}... is too long for a path ({len(name)} characters); shorten it"
    return f"{name} cannot be opened: {error.strerror or error}; correct the path"
