from pathlib import Path

import numpy as np
import pytest
from scan_cases import grid, write

from segmake.errors import GeometryError, InputError
from segmake.settings import ConvertSettings
from segmake.volume.channels import Channels, read_channels
from segmake.volume.scan import Note

SHAPE = (4, 5, 6)
AFFINE = np.array([[1.5, 0, 0, 10], [0, 2.0, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])


def saved(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    return write(path, data, affine)


def numbers(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1000, SHAPE).astype(np.int16)


def read(*paths: Path, **settings: object) -> Channels:
    return read_channels({f"t{n}": path for n, path in enumerate(paths, 1)}, ConvertSettings(**settings))


def test_files_of_different_orientation_are_stacked_in_one(tmp_path: Path) -> None:
    flipped = AFFINE @ np.diag([-1.0, 1, 1, 1])
    flipped[:3, 3] += AFFINE[:3, 0] * (SHAPE[0] - 1)
    paths = [
        saved(tmp_path / "flipped.nii.gz", numbers(0)[::-1], flipped),
        saved(tmp_path / "turned.nii.gz", numbers(1).transpose(2, 0, 1), AFFINE[:, [2, 0, 1, 3]]),
        saved(tmp_path / "straight.nii.gz", numbers(2)),
    ]
    found = read(*paths)
    assert np.array_equal(found.image.data, [numbers(0), numbers(1), numbers(2)])
    assert np.allclose(found.image.affine, AFFINE)
    assert np.allclose(found.affine, flipped)
    assert found.shape == SHAPE
    assert (found.dtypes, found.filled, found.notes) == (("int16",) * 3, (0, 0, 0), ())


def test_the_native_grid_is_the_first_files(tmp_path: Path) -> None:
    turned = AFFINE[:, [2, 0, 1, 3]]
    paths = [saved(tmp_path / "a.nii.gz", numbers(1).transpose(2, 0, 1), turned)]
    found = read(*paths, saved(tmp_path / "b.nii.gz", numbers(2)))
    assert found.shape == (6, 4, 5)
    assert np.allclose(found.affine, turned)
    assert found.image.shape == SHAPE


def test_one_file_may_hold_all_channels(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii.gz", np.stack([numbers(0), numbers(1)], axis=-1))
    assert np.array_equal(read(path, path).image.data, [numbers(0), numbers(1)])


def test_the_number_of_channels_must_agree(tmp_path: Path) -> None:
    two = saved(tmp_path / "a.nii.gz", np.stack([numbers(0), numbers(1)], axis=-1))
    with pytest.raises(InputError, match=r"a\.nii\.gz holds 2 channels, expected 3 \(t1, t2, t3\)"):
        read(two, two, two)
    one = saved(tmp_path / "b.nii.gz", numbers())
    with pytest.raises(InputError, match=r"a\.nii\.gz and its like hold 3 channels, expected 2"):
        read(two, one)


def test_mixed_types_are_stacked_without_loss(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.nii.gz", numbers())
    real = saved(tmp_path / "b.nii.gz", numbers(1) + np.float32(0.5))
    found = read(whole, real)
    assert found.dtypes == ("int16", "float32")
    assert found.image.data.dtype == np.float32
    assert np.array_equal(found.image.data, [numbers(), numbers(1) + 0.5])
    assert read(whole, saved(tmp_path / "c.nii.gz", numbers().astype(np.uint8))).image.data.dtype == np.int16


def test_repairs_name_their_channel_where_there_are_several(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    data[1, 2, 3] = np.nan
    bad = saved(tmp_path / "bad.nii", data)
    text = "1 voxels that were NaN or infinite filled with the least finite value"
    alone = read(bad)
    assert alone.notes == (Note("repair", text),)
    assert alone.filled == (1,)
    assert alone.image.data[0, 1, 2, 3] == np.nanmin(data)
    both = read(saved(tmp_path / "good.nii", numbers()), bad)
    assert both.notes == (Note("repair", f"t2: {text}"),)
    assert both.filled == (0, 1)


def test_files_on_two_grids_follow_the_policy(tmp_path: Path) -> None:
    shifted = AFFINE.copy()
    shifted[0, 3] += 0.5
    paths = [saved(tmp_path / "t1.nii", numbers()), saved(tmp_path / "t2.nii", numbers(1), shifted)]
    rule = (
        r"one grid within 0\.05 mm, but .*t2\.nii has the first channel.s shape and spacing and lies else.*"
    )
    with pytest.raises(GeometryError, match=rule + r" \(0\.5 mm apart\)"):
        read(*paths)
    snapped = read(*paths, tolerance_mm=0.6)
    assert np.array_equal(snapped.image.data[1], numbers(1))
    assert snapped.notes == (Note("repair", "t2: grid snapped to the first channel's, 0.5 mm away"),)
    moved = read(*paths, regrid="always")
    wanted = numbers(1)[:-1] / 3 + numbers(1)[1:] * 2 / 3  # a third of a voxel
    assert np.allclose(moved.image.data[1][1:], wanted, atol=1e-3)


def test_the_voxels_stay_in_the_order_of_the_file(tmp_path: Path) -> None:
    one = saved(tmp_path / "a.nii.gz", numbers(), grid("LPS"))
    for found in (read(one), read(one, saved(tmp_path / "b.nii.gz", numbers(), grid("LPS")))):
        assert all(channel.flags.f_contiguous for channel in found.image.data)
