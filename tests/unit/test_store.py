from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmake.errors import InputError
from segmake.volume.store import load_array, open_array, save_array


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((2, 70, 33, 20), np.float16), ((130, 7, 65), np.uint8), ((5000, 4), np.int16), ((0, 4), np.int16)],
)
def test_what_is_written_is_read(tmp_path: Path, shape: tuple[int, ...], kind: Any) -> None:
    data = np.random.default_rng(0).integers(0, 100, shape).astype(kind)
    save_array(tmp_path / "a.b2nd", data)
    found = load_array(tmp_path / "a.b2nd")
    assert found.dtype == data.dtype
    assert np.array_equal(found, data)


def test_a_patch_is_read_alone(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(2, 70, 66, 65)).astype(np.float16)
    save_array(tmp_path / "a.b2nd", data)
    patch = open_array(tmp_path / "a.b2nd")[:, 10:30, 60:66, 0:65]
    assert isinstance(patch, np.ndarray)
    assert np.array_equal(patch, data[:, 10:30, 60:66, 0:65])


def test_bytes_depend_on_the_data_alone(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(1, 100, 90, 80)).astype(np.float16)
    for name, array in (("a", data), ("b", data.copy()), ("c", np.asfortranarray(data))):
        save_array(tmp_path / name, array)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_zeros_cost_nothing(tmp_path: Path) -> None:
    save_array(tmp_path / "a.b2nd", np.zeros((1, 128, 128, 128), dtype=np.float16))
    assert (tmp_path / "a.b2nd").stat().st_size < 20_000


@pytest.mark.parametrize("content", [None, b"", b"this is no array at all, whatever its name says"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.b2nd"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.b2nd is not a readable array"):
        open_array(path)
