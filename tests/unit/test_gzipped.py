import gzip
import io
from pathlib import Path

import numpy as np
import pytest

from segmake.volume.gzipped import DAMAGE, open_inflated, write_gzip

CONTENT = np.random.default_rng(0).integers(0, 9, 300_000).astype(np.uint8).tobytes()


def inflated(path: Path) -> tuple[bytes, bool]:
    with open_inflated(path) as (stream, compressed):
        return stream.read(), compressed


def test_zlib_reads_what_is_written() -> None:
    stream = io.BytesIO()
    write_gzip(stream, [CONTENT[:1000], CONTENT[1000:]])
    assert gzip.decompress(stream.getvalue()) == CONTENT
    assert stream.getvalue()[3:9] == b"\0" * 6  # no name, no time, no extra field


def test_equal_pieces_give_equal_bytes() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    write_gzip(first, [CONTENT])
    write_gzip(second, [bytes(bytearray(CONTENT))])
    assert first.getvalue() == second.getvalue()


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_what_zlib_writes_is_read(tmp_path: Path, level: int) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(CONTENT, level))
    assert inflated(tmp_path / "a") == (CONTENT, True)


def test_what_is_not_compressed_is_given_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(CONTENT)
    assert inflated(tmp_path / "a.gz") == (CONTENT, False)


@pytest.mark.parametrize("cut", [-1, -5, -1000, 11])
def test_a_truncated_file_raises(tmp_path: Path, cut: int) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(CONTENT)[:cut])
    with pytest.raises(DAMAGE):
        inflated(tmp_path / "a.gz")


def test_every_flipped_bit_raises(tmp_path: Path) -> None:
    good = gzip.compress(CONTENT[:2000])
    for at in range(10, len(good)):
        bad = bytearray(good)
        bad[at] ^= 0x10
        (tmp_path / "a.gz").write_bytes(bad)
        with pytest.raises(DAMAGE):
            inflated(tmp_path / "a.gz")
