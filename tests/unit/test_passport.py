import json
import re

import numpy as np
import pytest
from scan_cases import grid

from segmake.prepare.passport import PERCENTILES, SAMPLE, doubts, hash_voxels, measure_passport
from segmake.volume.channels import Channels
from segmake.volume.geometry import to_canonical
from segmake.volume.volume import Volume

SHAPE = (9, 11, 13)


def source(*channels: np.ndarray, affine: np.ndarray | None = None) -> Channels:
    """Channels as `read_channels` gives them."""
    native = Volume(np.stack(channels), grid("LPS", (1, 2, 3), 10) if affine is None else affine)
    dtypes = tuple(str(channel.dtype) for channel in channels)
    return Channels(to_canonical(native), native.shape, native.affine, dtypes, (0,) * len(channels))


def numbers(low: int = -1000, high: int = 1000, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).integers(low, high, shape).astype(np.int16)


def texts(modality: str, *channels: np.ndarray, **changes: object) -> list[str]:
    names = [f"c{n}" for n in range(len(channels))]
    passport = measure_passport(source(*channels), None, names) | changes
    return [note.text for note in doubts(passport, dict.fromkeys(names, modality))]


def test_the_grid() -> None:
    passport = measure_passport(source(numbers()), None, ["ct"])
    assert passport["shape"] == [9, 11, 13]
    assert passport["spacing_mm"] == [1, 2, 3]
    assert passport["field_of_view_mm"] == [9, 22, 39]
    assert passport["orientation"] == "LPS"
    assert passport["obliquity_deg"] == pytest.approx(10 + 5 / 2, abs=3)
    assert measure_passport(source(numbers(), affine=grid("PSR")), None, ["a"])["obliquity_deg"] == 0
    assert json.loads(json.dumps(passport)) == passport


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_the_intensities_of_a_channel(kind: type) -> None:
    data = numbers().astype(kind)
    found = measure_passport(source(data, numbers(0, 5)), None, ["a", "b"])["channels"]
    assert list(found) == ["a", "b"]
    assert found["a"]["dtype"] == np.dtype(kind).name
    assert list(found["a"]["percentiles"]) == ["0", "0.5", "5", "25", "50", "75", "95", "99.5", "100"]
    wanted = np.percentile(data.astype(float), PERCENTILES)
    assert list(found["a"]["percentiles"].values()) == pytest.approx(wanted, rel=1e-6)
    assert found["a"]["mean"] == pytest.approx(data.mean(dtype=float), rel=1e-6)
    assert found["a"]["sd"] == pytest.approx(data.std(dtype=float), rel=1e-6)
    assert found["b"]["zeros"] == pytest.approx((numbers(0, 5) == 0).mean(), abs=1e-6)


def test_large_volumes_are_sampled_evenly_with_exact_extremes() -> None:
    shape = (128, 128, 160)
    assert np.prod(shape) > 2 * SAMPLE
    data = np.broadcast_to(np.arange(160, dtype=np.int16), shape).copy()
    data[3, 4, 5], data[6, 7, 8] = -5000, 7000
    found = measure_passport(source(data, affine=np.eye(4)), None, ["a"])["channels"]["a"]
    assert (found["percentiles"]["0"], found["percentiles"]["100"]) == (-5000, 7000)
    assert found["percentiles"]["25"] == pytest.approx(39.75, abs=1)
    assert found["mean"] == pytest.approx(79.5, abs=0.2)


def test_blank_slices_are_told_by_where_they_are() -> None:
    data = numbers()
    data[..., [0, 1, 12]] = 0
    data[..., 5] = 7
    found = measure_passport(source(data, affine=np.eye(4)), None, ["a"])["channels"]["a"]
    assert found["blank_slices"] == {"at_the_ends": 3, "between": 1}
    assert texts("mr", data) == ["1 axial slices between others are blank"]
    data[..., 5] = numbers()[..., 5]
    assert texts("mr", data) == []
    blank = measure_passport(source(data * 0, affine=np.eye(4)), None, ["a"])["channels"]["a"]
    assert blank["blank_slices"] == {"at_the_ends": 13, "between": 0}


def test_the_labels() -> None:
    label = np.zeros((1, *SHAPE), np.int16)
    label[0, :2, :5, 0] = 3
    passport = measure_passport(source(numbers()), Volume(label, np.eye(4)), ["ct"])
    assert passport["labels"] == {"3": {"voxels": 10, "ml": 0.06}}
    assert doubts(passport, {}) == []
    empty = measure_passport(source(numbers()), Volume(label * 0, np.eye(4)), ["ct"])
    assert [note.text for note in doubts(empty, {})] == ["label map is empty"]
    assert measure_passport(source(numbers()), None, ["ct"])["label_sha256"] == ""


def test_the_hash_is_that_of_the_canonical_voxels() -> None:
    data = numbers()
    one = measure_passport(source(data, affine=grid("RAS")), None, ["a"])["voxels_sha256"]
    turned = measure_passport(source(data[::-1, ::-1], affine=grid("LPS")), None, ["a"])["voxels_sha256"]
    assert one == turned
    assert len(one) == 64
    other = data.copy()
    other[0, 0, 0] += 1
    different = {one, *(hash_voxels(x[None]) for x in (other, data.astype(np.int32), data.T, data[:-1]))}
    assert len(different) == 5
    assert hash_voxels(np.asfortranarray(data)[None]) == hash_voxels(data[None])


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-1000, 1000, None),
        (0, 256, r"are a windowed picture, not Hounsfield units"),
        (0, 3000, r"look as if 1024 had been added: no Hounsfield units"),
        (-3024, 1000, r"CT values as low as -30\d\d are padding outside of the scanner's circle, not tissue"),
        (-100, 30000, r"half of the CT values are above \d+, denser than bone: no Hounsfield units"),
    ],
)
def test_values_that_are_no_hounsfield_units(low, high, text) -> None:
    found = texts("ct", numbers(low, high))
    assert len(found) == (text is not None)
    assert text is None or re.search(text, found[0])
    assert texts("mr", numbers(low, high)) == []
    assert all(line.startswith("c1: ") for line in texts("ct", numbers(), numbers(low, high)))


@pytest.mark.parametrize(
    ("spacing", "odd"), [((0.009, 1, 1), True), ((1, 1, 51), True), ((0.01, 1, 50), False)]
)
def test_voxel_sizes_that_are_hardly_true(spacing, odd) -> None:
    found = texts("mr", numbers(), spacing_mm=list(spacing))
    assert bool(found) is odd
    assert not found or "mm are hardly what was scanned" in found[0]
