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
    volume = read_itk(tmp_path / name)
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
    volume = to_canonical(read_itk(tmp_path / "a.nrrd"))
    assert np.allclose(volume.affine, [[2, 0, 0, 5], [0, 3, 0, 6], [0, 0, 4, 7], [0, 0, 0, 1]])
    assert volume.data[0].ravel(order="F").tolist() == list(range(8))


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.mha does not exist; correct the path"):
        read_itk(tmp_path / "gone.mha")
    (tmp_path / "a.nrrd").write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"a\.nrrd cannot be read: .*; copy or export it again$"):
        read_itk(tmp_path / "a.nrrd")


def test_a_header_without_its_voxels_is_explained(tmp_path: Path) -> None:
    sitk.WriteImage(an_image(), str(tmp_path / "a.mhd"))
    (tmp_path / "a.raw").unlink()
    with pytest.raises(InputError, match=r"a\.mhd cannot be read"):
        read_itk(tmp_path / "a.mhd")


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_a_truncated_file_is_explained(tmp_path: Path, name: str) -> None:
    sitk.WriteImage(an_image(), str(tmp_path / name))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-100])
    with pytest.raises(InputError, match=rf"{name} cannot be read"):
        read_itk(tmp_path / name)


def test_a_flat_image_is_refused() -> None:
    with pytest.raises(GeometryError, match=r"three axes, got an image of size \(4, 5\)"):
        from_sitk(sitk.GetImageFromArray(np.zeros((5, 4))))
