import numpy as np
import pytest
import SimpleITK as sitk
from scan_cases import grid, write

from segmake.dataset.phantom.write import write_dicom_series
from segmake.errors import SegmakeError
from segmake.volume.extent import Extent, read_extent
from segmake.volume.geometry import to_canonical
from segmake.volume.read import read_volume
from segmake.volume.volume import Volume


def extent_of(image):
    return Extent(image.shape, image.spacing_mm, image.data.itemsize)


ORIENTATIONS = [("RAS", 0), ("LPS", 0), ("PSR", 20), ("IPR", -31), ("ALS", 45)]


@pytest.mark.parametrize(("codes", "degrees"), ORIENTATIONS)
@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_a_header_says_what_the_canonical_image_will_be(tmp_path, codes, degrees, kind):
    path = write(tmp_path / "a.nii.gz", np.zeros((5, 7, 9), kind), grid(codes, (1, 2, 3), degrees))
    volume = to_canonical(read_volume(path))
    found, expected = read_extent(path), extent_of(volume)
    assert (found.shape, found.bytes_per_voxel) == (expected.shape, np.dtype(kind).itemsize)
    assert np.allclose(found.spacing_mm, expected.spacing_mm, atol=1e-5)
    assert found.voxels == 5 * 7 * 9


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_formats_of_itk(tmp_path, name):
    image = sitk.GetImageFromArray(np.zeros((4, 5, 6), np.int16))
    image.SetSpacing((1, 2, 3))
    image.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))
    sitk.WriteImage(image, str(tmp_path / name))
    assert read_extent(tmp_path / name) == extent_of(to_canonical(read_volume(tmp_path / name)))


def test_a_dicom_series(tmp_path):
    data = np.zeros((1, 8, 6, 5), np.int16)
    write_dicom_series(tmp_path / "series", "x", Volume(data, grid("LPS", (1, 2, 3))), 0)
    found = read_extent(tmp_path / "series")
    assert (found.shape, found.spacing_mm) == ((8, 6, 5), pytest.approx((1, 2, 3)))


def test_channels_of_one_file_do_not_count(tmp_path):
    path = write(tmp_path / "a.nii.gz", np.zeros((5, 7, 9, 2), np.float32), grid())
    assert read_extent(path) == Extent((5, 7, 9), (1.0, 1.0, 1.0), 4)


def test_what_cannot_be_read_is_explained(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"gone")
    (tmp_path / "a.mha").write_bytes(b"gone")
    for name in ("a.nii.gz", "a.mha", "missing.nii"):
        with pytest.raises(SegmakeError, match=name):
            read_extent(tmp_path / name)
