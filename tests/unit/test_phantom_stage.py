"""The stage: files on disk that are complete, repeatable and what the catalogue promises."""

import csv

import cc3d
import numpy as np
import pytest

from segmake.dataset.phantom import CHANNELS, brats, case_names, dicom_folder, sheet_rows
from segmake.dataset.sheet import cases_from_rows, read_sheet, shard_of
from segmake.jobs import PhantomJob
from segmake.ledger import read_record
from segmake.stages.phantom import run
from segmake.tables import hash_path, read_table
from segmake.volume.read import read_volume


def job(folder, **settings):
    return PhantomJob(**{"count": 3, "size": 28, "output": folder / "shard-00.tsv"} | settings)


@pytest.fixture(scope="module")
def luna_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("luna")
    run(job(folder, kind="luna", count=2, size=40))
    return folder


@pytest.fixture(scope="module")
def brats_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("brats")
    run(job(folder, kind="brats"))
    return folder


@pytest.mark.parametrize("kind", ["brats", "luna"])
def test_every_path_of_the_sheet_exists_on_one_grid(kind, request):
    folder = request.getfixturevalue(f"{kind}_folder")
    rows = sheet_rows(job(folder, kind=kind, count=2), folder)
    for case in cases_from_rows(rows, CHANNELS[kind], folder, "phantom"):
        label = read_volume(case.label)
        for path in case.channels.values():
            image = read_volume(path)
            assert image.shape == label.shape
            assert np.allclose(image.affine, label.affine, atol=1e-4)


def test_the_table_is_a_case_sheet_too(brats_folder):
    cases = read_sheet(brats_folder / "shard-00.tsv", CHANNELS["brats"])
    assert [case.split for case in cases] == ["test", "test", "train"]
    assert all(path.exists() for case in cases for path in case.sources())


def test_files_hold_the_voxels_that_were_made(brats_folder):
    phantom = brats.make(0, 2, 28)
    for number, channel in enumerate(CHANNELS["brats"]):
        back = read_volume(brats_folder / f"brats-002_{channel}.nii.gz")
        assert np.array_equal(back.data[0], phantom.image.data[number])
    assert np.allclose(back.affine, phantom.image.affine, atol=1e-5)
    assert np.array_equal(read_volume(brats_folder / "brats-002_seg.nii.gz").data, phantom.label.data)


def test_table_and_record_describe_the_case(brats_folder):
    rows = read_table(brats_folder / "shard-00.tsv")
    assert [row["case"] for row in rows] == case_names(job(brats_folder))
    assert {row["status"] for row in rows} == {"ok"}
    assert [row["orientation"] for row in rows] == ["RAS", "LPS", "LPS"]
    record = read_record(brats_folder, "brats-001")
    assert len(record["files"]) == 5
    lesion = record["details"]["lesions"][0]
    assert lesion["volume_ml"] == pytest.approx(float(rows[1]["lesion_ml"]), rel=0.2)


@pytest.mark.parametrize("kind", ["brats", "luna"])
def test_bytes_are_the_same_again_and_whatever_the_number_of_cases(kind, tmp_path, request):
    folder = request.getfixturevalue(f"{kind}_folder")
    run(job(tmp_path, kind=kind, count=2, size=40 if kind == "luna" else 28))
    name = f"{kind}-001"
    files = sorted(read_record(folder, name)["files"])
    assert files
    for file in files:
        assert hash_path(tmp_path / file) == hash_path(folder / file), file


def test_a_second_run_makes_nothing(luna_folder):
    before = {path: path.stat().st_mtime_ns for path in luna_folder.glob("luna-*")}
    run(job(luna_folder, kind="luna", count=2, size=40))
    assert {path: path.stat().st_mtime_ns for path in luna_folder.glob("luna-*")} == before


def test_annotations_match_the_components_of_the_label_maps(luna_folder):
    with (luna_folder / "annotations.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for case in case_names(job(luna_folder, kind="luna", count=2)):
        label = read_volume(luna_folder / f"{case}_seg.nii.gz")
        own = [row for row in rows if row["seriesuid"] == case]
        components, count = cc3d.connected_components(label.data[0], connectivity=26, return_N=True)
        assert count == len(own) > 0
        hit = set()
        for row in own:
            ras = (-float(row["coordX"]), -float(row["coordY"]), float(row["coordZ"]), 1.0)
            index = np.linalg.solve(label.affine, ras)[:3]
            component = components[tuple(np.round(index).astype(int))]
            centre = np.argwhere(components == component).mean(axis=0)
            assert component > 0
            assert np.linalg.norm(centre - index) < 0.5
            hit.add(component)
        assert len(hit) == count


def test_dicom_series_is_the_same_scan(luna_folder):
    for case in case_names(job(luna_folder, kind="luna", count=2)):
        series, image = (read_volume(luna_folder / name) for name in (dicom_folder(case), f"{case}.mhd"))
        assert np.array_equal(series.data, image.data)
        assert np.allclose(series.affine, image.affine, atol=1e-4)


def test_shards_share_the_cases_and_end_with_all_annotations(tmp_path):
    names = case_names(job(tmp_path, kind="luna", count=4))
    shards = sorted({shard_of(name, 2) for name in names})
    for shard in shards:
        run(
            job(
                tmp_path, kind="luna", count=4, shards=2, shard=shard, output=tmp_path / f"shard-0{shard}.tsv"
            )
        )
    made = [row["case"] for shard in shards for row in read_table(tmp_path / f"shard-0{shard}.tsv")]
    assert sorted(made) == names
    lines = (tmp_path / "annotations.csv").read_text().splitlines()[1:]
    assert list(dict.fromkeys(line.split(",")[0] for line in lines)) == names
