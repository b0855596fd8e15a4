from typing import Any

import numpy as np
import pytest
from plan_cases import small_plan

from segmake.errors import GeometryError, InputError
from segmake.plan import Normalisation, Plan
from segmake.prepare.case import class_index, foreground_locations, prepare, prepare_label
from segmake.prepare.intensity import normalise
from segmake.volume.volume import Volume

TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])


def a_plan(**values: Any) -> Plan:
    base: dict[str, Any] = {
        "labels": {"edema": 2, "core": 5},
        "crop": "nonzero",
        "median_shape": (32, 32, 32),
    }
    return small_plan(**(base | values))


def a_scan(spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> tuple[Volume, Volume]:
    affine = np.eye(4)
    affine[:3, :3] = TURN @ np.diag(spacing)
    affine[:3, 3] = [10, -20, 30]
    data = np.zeros((1, 30, 28, 26), dtype=np.float32)
    data[:, 4:26, 5:25, 3:24] = np.random.default_rng(0).normal(100, 10, (22, 20, 21))
    label = np.zeros((1, 30, 28, 26), dtype=np.int16)
    grid = np.stack(np.meshgrid(*map(np.arange, label.shape[1:]), indexing="ij"))
    radius = np.linalg.norm((grid.T - [14.3, 13.6, 12.2]) * spacing, axis=-1).T
    label[0][radius < 9] = 2
    label[0][radius < 5] = 5
    return Volume(data, affine), Volume(label, affine)


def test_cropped_and_normalised_on_its_own_grid() -> None:
    image, label = a_scan()
    found = prepare(image, a_plan())
    assert (found.crop_start, found.crop_shape) == ((4, 5, 3), (22, 20, 21))
    expected = normalise(image.data[:, 4:26, 5:25, 3:24], [Normalisation(scheme="zscore")])
    assert np.array_equal(found.data, expected)
    assert np.allclose(found.affine[:3, 3], (image.affine @ [4, 5, 3, 1])[:3])
    index = prepare_label(label, found, a_plan())
    assert index.dtype == np.uint8
    assert np.array_equal(index == 1, label.data[0, 4:26, 5:25, 3:24] == 2)
    assert np.array_equal(index == 2, label.data[0, 4:26, 5:25, 3:24] == 5)


def test_without_crop_the_grid_is_whole() -> None:
    image, _ = a_scan()
    found = prepare(image, a_plan(crop="none"))
    assert (found.crop_start, found.crop_shape) == ((0, 0, 0), (30, 28, 26))
    assert np.allclose(found.affine, image.affine)
    assert found.data.mean() == pytest.approx(0, abs=1e-4)


def test_masked_statistics_come_from_the_body() -> None:
    image, _ = a_scan()
    data = image.data.copy()
    data[0, 4:10, 5:25, 3:24] = 0
    data[0, 4, 5, 3] = 1  # keeps the box where it was
    data[0, 15, 15, 15] = 0  # a hole belongs to the body
    rule = {"t1": Normalisation(scheme="zscore", masked=True)}
    found = prepare(Volume(data, image.affine), a_plan(normalisation=rule))
    body = data[0] != 0
    body[15, 15, 15] = True
    mean, std = data[0][body].mean(dtype=float), data[0][body].std(dtype=float)
    box = (slice(4, 26), slice(5, 25), slice(3, 24))
    expected = np.where(body, (data[0] - mean) / std, 0)[box]
    assert np.allclose(found.data[0], expected, atol=1e-4)
    assert found.data[0, 11, 10, 12] < -3


def test_another_spacing_keeps_place_and_size() -> None:
    image, label = a_scan((0.8, 1.25, 1.5))
    plan = a_plan(spacing_mm=(1.0, 1.0, 1.0))
    found = prepare(image, plan)
    assert found.shape == (round(22 * 0.8), round(20 * 1.25), round(21 * 1.5))
    assert np.allclose(np.linalg.norm(found.affine[:3, :3], axis=0), 1)
    centre = image.affine @ [4 + 10.5, 5 + 9.5, 3 + 10, 1]
    assert np.allclose((found.affine @ [*((np.array(found.shape) - 1) / 2), 1])[:3], centre[:3])
    index = prepare_label(label, found, plan)
    assert sorted(np.unique(index).tolist()) == [0, 1, 2]
    for value, place in ((2, 1), (5, 2)):
        before, after = world(label.data[0] == value, image.affine), world(index == place, found.affine)
        assert np.linalg.norm(before - after) < 0.15
    volume = (label.data != 0).sum() * 0.8 * 1.25 * 1.5
    assert (index != 0).sum() == pytest.approx(volume, rel=0.03)


def world(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return np.asarray(affine[:3, :3] @ np.argwhere(mask).mean(axis=0) + affine[:3, 3])


def test_an_empty_scan_is_kept_whole() -> None:
    found = prepare(Volume(np.zeros((1, 5, 6, 7), dtype=np.int16), np.eye(4)), a_plan())
    assert found.shape == (5, 6, 7)
    assert (found.data == 0).all()


def test_nothing_of_the_callers_changes() -> None:
    image, label = a_scan()
    copies = image.data.copy(), label.data.copy()
    prepare_label(label, prepare(image, a_plan(spacing_mm=(2, 2, 2))), a_plan(spacing_mm=(2, 2, 2)))
    assert np.array_equal(image.data, copies[0])
    assert np.array_equal(label.data, copies[1])


def test_mistakes_are_named() -> None:
    image, label = a_scan()
    plan = a_plan()
    with pytest.raises(InputError, match=r"takes 1 channels \(t1\), got 2"):
        prepare(Volume(np.concatenate([image.data] * 2), image.affine), plan)
    found = prepare(image, plan)
    with pytest.raises(InputError, match=r"holds the value 5 in 526 voxels, but the plan knows \[0, 2\]"):
        prepare_label(label, found, a_plan(labels={"edema": 2}))
    with pytest.raises(GeometryError, match="convert the case again"):
        prepare_label(Volume(label.data[:, :20], label.affine), found, plan)


def test_class_index_follows_the_order_of_the_plan() -> None:
    values = np.array([0, 7, 3, 7], dtype=np.int16)
    assert class_index(values, [0, 7, 3]).tolist() == [0, 1, 2, 1]


def test_foreground_locations_are_where_the_classes_are() -> None:
    index = np.zeros((10, 11, 12), dtype=np.uint8)
    index[2:6, 3:7, 4:8] = 1
    index[8, 9, 10] = 3
    found = foreground_locations(index, 4, 20, "case")
    assert found.dtype == np.int16
    assert (found[:, 0] == 1).sum() == 20
    assert found[found[:, 0] == 3].tolist() == [[3, 8, 9, 10]]
    for value, x, y, z in found:
        assert index[x, y, z] == value
    assert np.array_equal(found, foreground_locations(index, 4, 20, "case"))
    assert not np.array_equal(found, foreground_locations(index, 4, 20, "other case"))


def test_no_foreground_gives_no_locations() -> None:
    assert foreground_locations(np.zeros((3, 3, 3), dtype=np.uint8), 3, 10, "case").shape == (0, 4)
    assert foreground_locations(np.zeros((3, 3, 3), dtype=np.uint8), 1, 10, "case").shape == (0, 4)
