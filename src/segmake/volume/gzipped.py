"""Gzip in and out, fast (ISA-L); the checksum of what is read is always verified."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from isal import igzip, isal_zlib

from segmake.source import open_source

MAGIC = b"\x1f\x8b"
LARGEST_RATIO = 1032  # what deflate can reach (zlib's technical details)
LEVEL = 2  # of 0..3: level 3 gives other bytes on other processors, level 1 larger files
GZIP_FORMAT = 31  # zlib's windowBits: the largest window, and a gzip header without time and name
DAMAGE: tuple[type[Exception], ...] = (OSError, EOFError, zlib.error, isal_zlib.error)  # type: ignore[assignment]
"""What reading a damaged stream raises."""


@contextmanager
def open_inflated(path: Path) -> Iterator[tuple[IO[bytes], bool]]:
    """Open a file, decompressed when its first bytes (not its name) say gzip; and whether they do."""
    with open_source(path) as stream:
        compressed = stream.read(2) == MAGIC
        stream.seek(0)
        if not compressed:
            yield stream, False
            return
        with igzip.IGzipFile(fileobj=stream, mode="rb") as inflated:
            yield inflated, True


def write_gzip(stream: IO[bytes], pieces: Iterable[bytes]) -> None:
    """Write a gzip file; its bytes depend on the pieces, their sizes included, and the version of ISA-L."""
    squeeze = isal_zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP_FORMAT)
    for piece in pieces:
        stream.write(squeeze.compress(piece))
    stream.write(squeeze.flush())
