import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from segmake.errors import GeometryError, InputError
from segmake.volume.geometry import to_canonical
from segmake.volume.itk import from_sitk, read_itk

TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
SIZE = (4, 5, 6)
POINTS = [(0, 0, 0), (3, 0, 0), (0, 4, 0), (0, 0, 5), (1, 2, 3)]


def an_image(data: np.ndarray | None = None, vector: bool = False) -> sitk.Image:
    """An oblique image; without data every voxel (x, y, z) holds x + 10 y + 100 z."""
    x, y, z = np.indices(SIZE)
    array = (x + 10 * y + 100 * z).T.astype(np.int16) if data is None else data
    image = sitk.GetImageFromArray(array, isVector=vector)
    image.SetSpacing((0.7, 1.1, 2.5))
    image.SetOrigin((-10.0, 20.0, 33.0))
    image.SetDirection(TURN.ravel().tolist())
    return image


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd", "a.nhdr"])
def test_voxels_and_physical_points_are_those_of_itk(tmp_path: Path, name: str) -> None:
    image = an_image()
    sitk.WriteImage(image, str(tmp_path / name))
    scan = read_itk(tmp_path / name)
    volume = scan.volume
    assert scan.notes == ()
    assert volume.data.dtype == np.int16
    for point in POINTS:
        assert volume.data[(0, *point)] == image.GetPixel(*point) == np.dot(point, (1, 10, 100))
        left, posterior, superior = image.TransformIndexToPhysicalPoint(point)
        world = (volume.affine @ (*point, 1))[:3]
        assert np.allclose(world, (-left, -posterior, superior), rtol=0, atol=1e-5)


def test_nifti_written_by_itk_is_where_nibabel_says(tmp_path: Path) -> None:
    image = an_image()
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    other = nib.load(tmp_path / "a.nii.gz")
    volume = from_sitk(image)
    assert np.allclose(volume.affine, other.affine, rtol=0, atol=1e-5)
    assert np.array_equal(volume.data[0], np.asanyarray(other.dataobj))


def test_vector_components_are_channels() -> None:
    data = np.random.default_rng(0).random((6, 5, 4, 2))
    volume = from_sitk(an_image(data, vector=True))
    assert volume.data.shape == (2, *SIZE)
    assert volume.data.dtype == np.float32
    assert np.array_equal(volume.data[1], data[..., 1].T.astype(np.float32))


def test_an_image_in_lps_axes_is_turned_to_ras() -> None:
    image = an_image()
    image.SetDirection(np.eye(3).ravel().tolist())
    volume = to_canonical(from_sitk(image))
    assert volume.data[0, 0, 0, 0] == 3 + 40
    assert np.allclose(volume.affine[:3, 3], (10 - 3 * 0.7, -20 - 4 * 1.1, 33))


def test_a_nrrd_in_ras_space_stays_where_it_is(tmp_path: Path) -> None:
    header = (
        "NRRD0004\ntype: unsigned char\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 2 2\n"
        "space directions: (2,0,0) (0,3,0) (0,0,4)\nencoding: raw\nspace origin: (5,6,7)\n\n"
    )
    (tmp_path / "a.nrrd").write_bytes(header.encode() + bytes(range(8)))
    volume = to_canonical(read_itk(tmp_path / "a.nrrd").volume)
    assert np.allclose(volume.affine, [[2, 0, 0, 5], [0, 3, 0, 6], [0, 0, 4, 7], [0, 0, 0, 1]])
    assert volume.data[0].ravel(order="F").tolist() == list(range(8))


def test_a_flat_image_has_one_slice(tmp_path: Path) -> None:
    image = an_image()[:, :, 3]
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    volume = read_itk(tmp_path / "a.mha").volume
    assert volume.data.shape == (1, 4, 5, 1)
    assert volume.data[0, 2, 3, 0] == 2 + 30 + 300
    assert np.allclose(volume.spacing_mm, (0.7, 1.1, 1))


def test_a_flat_image_of_vectors_keeps_its_channels() -> None:
    data = np.random.default_rng(0).integers(0, 99, (6, 5, 4, 2)).astype(np.int16)
    volume = from_sitk(an_image(data, vector=True)[:, :, 3])
    assert np.array_equal(volume.data[..., 0], data[3].T)


def test_a_fourth_axis_holds_channels_or_is_dropped(tmp_path: Path) -> None:
    image = an_image()
    series = sitk.JoinSeries([image, image + 1])
    sitk.WriteImage(series, str(tmp_path / "two.mha"))
    two = read_itk(tmp_path / "two.mha")
    assert np.array_equal(two.volume.data, np.stack([volume_of(image), volume_of(image) + 1]))
    assert np.allclose(two.volume.affine, from_sitk(image).affine)
    sitk.WriteImage(sitk.JoinSeries([image]), str(tmp_path / "one.mha"))
    one = read_itk(tmp_path / "one.mha")
    assert np.array_equal(one.volume.data[0], volume_of(image))
    assert [note.text for note in one.notes] == ["1 axes of one voxel were dropped"]


def volume_of(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image).T


def test_the_order_in_memory_is_that_of_the_file() -> None:
    assert from_sitk(an_image()).data[0].flags.f_contiguous


def test_complex_voxels_are_refused() -> None:
    with pytest.raises(InputError, match="holds complex64 voxels; only integers and reals"):
        from_sitk(sitk.Cast(an_image(), sitk.sitkComplexFloat32))


def test_vectors_over_time_are_refused() -> None:
    pair = sitk.Compose([an_image(), an_image()])
    with pytest.raises(GeometryError, match=r"three axes and channels, got 2 x \(4, 5, 6, 2\)"):
        from_sitk(sitk.JoinSeries([pair, pair]))


def test_what_itk_cannot_read_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(b"not an image")
    said = r"a\.nrrd cannot be read: it does not begin as a MetaImage or .*; export it again$"
    with pytest.raises(InputError, match=said):
        read_itk(tmp_path / "a.nrrd")
    sitk.WriteImage(an_image(), str(tmp_path / "a.mhd"))
    text = (tmp_path / "a.mhd").read_text()
    start = text.index("TransformMatrix")
    text = text[:start] + "TransformMatrix = 0 0 0 0 0 0 0 0 0" + text[text.index("\n", start) :]
    (tmp_path / "a.mhd").write_text(text)
    with pytest.raises(InputError, match=r"cannot be read: Bad direction, determinant is 0"):
        read_itk(tmp_path / "a.mhd")


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(an_image(), str(tmp_path / "a.mha"))
    path = tmp_path / os.fsdecode(b"M\xfcller.mha")
    (tmp_path / "a.mha").rename(path)
    with pytest.raises(InputError, match=r"M\\xfcller\.mha has a name that is not UTF-8; rename it"):
        read_itk(path)


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd", "a.nhdr"])
@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_voxels_are_noticed(tmp_path: Path, name: str, compressed: bool) -> None:
    data = np.random.default_rng(0).integers(0, 999, (30, 30, 30)).astype(np.int16)
    sitk.WriteImage(an_image(data), str(tmp_path / name), useCompression=compressed)
    read_itk(tmp_path / name)
    path = max(tmp_path.iterdir(), key=lambda file: file.stat().st_size)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"bytes of voxels, but a\.\w+ has 53900|end early|cannot be read"):
        read_itk(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd", "a.nhdr"])
def test_a_flipped_bit_in_compressed_voxels_is_noticed(tmp_path: Path, name: str) -> None:
    data = np.random.default_rng(0).integers(0, 999, (30, 30, 30)).astype(np.int16)
    sitk.WriteImage(an_image(data), str(tmp_path / name), useCompression=True)
    path = max(tmp_path.iterdir(), key=lambda file: file.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged|cannot be read"):
        read_itk(tmp_path / name)
