"""Files of phantoms: read back with SimpleITK and pydicom they are what was written."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from segmake.dataset.phantom import write
from segmake.dataset.phantom.grid import Acquisition, Lesion, lay_grid
from segmake.tables import hash_path
from segmake.volume.read import read_volume
from segmake.volume.volume import Volume


def volume(codes="LPS", oblique_deg=0.0):
    acquisition = Acquisition(codes, (1, 1, 1.5), oblique_deg)
    shape, affine = lay_grid(acquisition, (60, 50, 40), 14, np.array([10.0, -20, 30]))
    data = np.random.default_rng(0).integers(-1024, 3071, (1, *shape)).astype(np.int16)
    return Volume(data, affine)


@pytest.mark.parametrize("codes", ["LPS", "RAS", "LIP"])
def test_metaimage_keeps_voxels_and_geometry(tmp_path, codes):
    source = volume(codes)
    write.write_metaimage(tmp_path / "a.mhd", source)
    back = read_volume(tmp_path / "a.mhd")
    assert np.array_equal(back.data, source.data)
    assert np.allclose(back.affine, source.affine, atol=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {"a.mhd", "a.zraw"}


@pytest.mark.parametrize(("codes", "oblique_deg"), [("LPS", 0), ("RAS", 0), ("LIP", 0), ("LPS", 9)])
def test_dicom_series_equals_the_metaimage(tmp_path, codes, oblique_deg):
    source = volume(codes, oblique_deg)
    write.write_metaimage(tmp_path / "a.mhd", source)
    write.write_dicom_series(tmp_path / "a", "luna-007", source, 0)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "a")))
    series, image = reader.Execute(), sitk.ReadImage(str(tmp_path / "a.mhd"))
    assert np.array_equal(sitk.GetArrayFromImage(series), sitk.GetArrayFromImage(image))
    for quality in ("GetSpacing", "GetOrigin", "GetDirection"):
        assert np.allclose(getattr(series, quality)(), getattr(image, quality)(), atol=1e-5), quality


def test_dicom_series_passes_the_uniformity_checks_of_our_reader(tmp_path):
    source = volume("LIP")
    write.write_dicom_series(tmp_path / "a", "luna-007", source, 0)
    back = read_volume(tmp_path / "a")
    assert np.allclose(back.affine, source.affine, atol=1e-4)
    assert np.array_equal(back.data, source.data)


def test_dicom_headers_name_no_person_and_hold_valid_uids(tmp_path):
    write.write_dicom_series(tmp_path / "a", "luna-007", volume(), 0)
    slices = [pydicom.dcmread(path) for path in sorted((tmp_path / "a").iterdir())]
    assert {str(data.PatientName) for data in slices} == {"Phantom^Synthetic"}
    assert {data.PatientID for data in slices} == {"luna-007"}
    assert {data.SOPClassUID for data in slices} == {pydicom.uid.CTImageStorage}
    assert len({data.SOPInstanceUID for data in slices}) == len(slices)
    assert len({data.SeriesInstanceUID for data in slices}) == 1
    for data in slices:
        assert data.SOPInstanceUID.is_valid
        assert data.file_meta.MediaStorageSOPInstanceUID == data.SOPInstanceUID
    assert slices[0].RescaleIntercept == -1024
    assert slices[0].PatientBirthDate == ""


def test_same_content_same_bytes_and_other_seed_other_uids(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write.write_dicom_series(tmp_path / name, "luna-007", volume(), seed)
    assert hash_path(tmp_path / "a") == hash_path(tmp_path / "b") != hash_path(tmp_path / "c")


def test_uids_depend_on_names_alone():
    assert write.uid_of("a", 1) == write.uid_of("a", 1) != write.uid_of("a", 2)
    assert pydicom.uid.UID(write.uid_of("a")).is_valid


def test_decimal_strings_fit_their_limit():
    for value in (-123.456789123456, 1e-7 / 3, -1 / 3e9, 0.0, -0.0, 12345678.9):
        text = write._decimal(value)
        assert len(text) <= 16
        assert float(text) == pytest.approx(value, rel=1e-8)
    assert write._decimal(-0.0) == "0"


def test_annotations_are_in_lps_world_mm():
    rows = write.annotation_rows("luna-000", [Lesion((1.5, -2, 3), np.pi / 6, "benign")])
    assert write.annotations_text(rows) == (
        "seriesuid,coordX,coordY,coordZ,diameter_mm,class\n"
        "luna-000,-1.500000,2.000000,3.000000,10.000000,benign\n"
    )


def test_gathering_joins_what_is_there_in_the_order_of_cases(tmp_path):
    for case in ("luna-002", "luna-000", "luna-009"):
        rows = write.annotation_rows(case, [Lesion((0, 0, 0), 1.0, "benign")])
        (tmp_path / f"{case}_annotations.csv").write_text(write.annotations_text(rows))
    path = write.gather_annotations(tmp_path, ["luna-000", "luna-001", "luna-002"])
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == [
        "seriesuid",
        "luna-000",
        "luna-002",
    ]


def test_gathering_nothing_leaves_a_header(tmp_path):
    write.gather_annotations(tmp_path, [])
    assert (tmp_path / "annotations.csv").read_text().strip() == ",".join(write.ANNOTATION_COLUMNS)
