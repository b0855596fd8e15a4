"""Prediction through the stage: the exact source grid, overlapping cases, uncertainty, the estimate."""

import itertools
import json
import threading
import time

import nibabel as nib
import numpy as np
import pytest
import torch
from inference_cases import Function, trained
from plan_cases import small_plan
from scan_cases import DIRECTIONS, grid, sheet, write

from segmake.errors import CasesFailed
from segmake.jobs import ConvertJob, PredictJob
from segmake.stages import convert, predict
from segmake.tables import read_table

torch.set_num_threads(1)
NONE = {"normalisation": {"t1": {"scheme": "none"}}, "labels": {"ball": 3}}
CODES = [
    "".join(codes)
    for codes in itertools.product(DIRECTIONS, repeat=3)
    if len({DIRECTIONS[code][0] for code in codes}) == 3
]


def sign(x):
    return torch.cat([-x, x], dim=1)


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Put a function of images on the shelf as a trained model."""
    shelf = {}
    monkeypatch.setattr(predict, "load_model", lambda path, *_: shelf[path])

    def put(function, name="fold-0", **changes):
        path = tmp_path / f"{name}.pt"
        path.write_text(name)
        shelf[path] = trained(function, small_plan(**NONE | changes))
        return path

    return put


def scan_job(folder, model, image, **changes):
    fields = {"model": [model], "image": [image], "output": folder / "seg.nii.gz", "precision": "fp32"}
    return PredictJob(**fields | {"device": "cpu", "backend": "torch"} | changes)


@pytest.mark.parametrize("degrees", [0, 23])
@pytest.mark.parametrize("codes", CODES)
def test_every_voxel_comes_back_to_its_place(tmp_path, publish, codes, degrees):
    """All 48 ways to lay axes along right, anterior, superior, straight and oblique."""
    data = np.random.default_rng(0).normal(size=(19, 13, 23)).astype(np.float32)
    affine = grid(codes, (1, 1, 1), degrees)
    image = write(tmp_path / "a.nii.gz", data, affine)
    predict.run(scan_job(tmp_path, publish(sign), image, memory_gb=0.5))
    made = nib.load(tmp_path / "seg.nii.gz")
    assert np.array_equal(np.asarray(made.dataobj), np.where(data > 0, 3, 0))
    assert np.array_equal(made.affine, nib.load(image).affine)


def test_48_orientations_are_tried():
    assert len(set(CODES)) == 48


@pytest.fixture
def study(tmp_path):
    """Converted cases that count themselves."""
    rows = []
    for number in range(6):
        data = np.full((6, 7, 8), number + 1, np.float32)
        data[0, 0, 0] = 0
        rows.append(
            {"case": f"c{number}", "split": "new", "t1": write(tmp_path / f"{number}.nii.gz", data, grid())}
        )
    output = tmp_path / "convert" / "shard-00.tsv"
    convert.run(
        ConvertJob(cases=sheet(tmp_path, rows), channels={"t1": "mr"}, labels={"ball": 3}, output=output)
    )
    return output


def table_job(folder, models, table, **changes):
    fields = {"model": models, "table": table, "output": folder / "predict" / "shard-00.tsv"}
    return PredictJob(**fields | {"precision": "fp32", "device": "cpu", "backend": "torch"} | changes)


def test_cases_overlap_but_the_network_has_one_at_a_time(tmp_path, publish, study, monkeypatch):
    inside, order, reading = [], [], []
    read = predict.read_volume

    def slow_read(path):
        reading.append(bool(inside))
        return read(path)

    def network(x):
        assert not inside
        inside.append(threading.current_thread().name)
        order.append(inside[0])
        time.sleep(0.05)
        inside.clear()
        return sign(x)

    monkeypatch.setattr(predict, "read_volume", slow_read)
    predict.run(table_job(tmp_path, [publish(network)], study))
    rows = read_table(tmp_path / "predict" / "shard-00.tsv")
    assert [row["status"] for row in rows] == ["ok"] * 6
    assert len(order) == 6
    assert len(set(order)) == 1
    assert any(reading)


def test_an_error_in_the_network_stays_with_its_case(tmp_path, publish, study):
    def network(x):
        if x.max() == 4:
            raise RuntimeError("out of luck")
        return torch.where(x == 2, float("nan"), sign(x))

    with pytest.raises(CasesFailed, match="2 of 6 cases failed"):
        predict.run(table_job(tmp_path, [publish(network)], study))
    rows = {row["case"]: row for row in read_table(tmp_path / "predict" / "shard-00.tsv")}
    assert {case for case, row in rows.items() if row["status"] == "ok"} == {"c0", "c2", "c4", "c5"}
    assert rows["c3"]["reason"] == "RuntimeError: out of luck"
    assert "not finite numbers" in rows["c1"]["reason"]
    assert not list((tmp_path / "predict").glob(".*.work"))
    predict.run(table_job(tmp_path, [publish(sign)], study))


def test_uncertainty_comes_as_maps_and_columns(tmp_path, publish, study):
    models = [publish(lambda x: sign(x - 2.5), "fold-0"), publish(lambda x: sign(x - 4.5), "fold-1")]
    predict.run(table_job(tmp_path, models, study, uncertainty=True))
    rows = {row["case"]: row for row in read_table(tmp_path / "predict" / "shard-00.tsv")}
    found = {}
    for case in rows:
        files = json.loads((tmp_path / "predict" / f"{case}.json").read_text())["files"]
        assert {f"{case}.nii.gz", f"{case}_entropy.nii.gz", f"{case}_disagreement.nii.gz"} <= set(files)
        maps = [
            nib.load(tmp_path / "predict" / f"{case}{end}.nii.gz")
            for end in ("", "_entropy", "_disagreement")
        ]
        assert all(image.get_data_dtype() == np.uint8 for image in maps)
        assert all(np.array_equal(image.affine, maps[0].affine) for image in maps)
        found[case] = [int(np.asarray(image.dataobj)[3, 3, 3]) for image in maps]
    # The border between the two models' opinions is at 2.5 and 4.5, that of their mean at 3.5.
    assert [found[f"c{n}"][0] for n in range(6)] == [0, 0, 0, 3, 3, 3]
    assert [found[f"c{n}"][2] for n in range(6)] == [0, 0, 128, 128, 0, 0]
    assert found["c0"][1] < found["c1"][1] < found["c2"][1] > 200
    assert 0.7 < float(rows["c5"]["predicted_dice_ball"]) < 1
    assert rows["c0"]["predicted_dice_ball"] == ""


def test_one_model_and_one_scan_have_an_entropy_too(tmp_path, publish, study):
    job = scan_job(tmp_path, publish(lambda x: sign(x - 2.5)), tmp_path / "2.nii.gz", uncertainty=True)
    predict.run(job)
    names = sorted(path.name for path in tmp_path.glob("seg*"))
    assert names == ["seg.nii.gz", "seg_entropy.nii.gz"]
    probability = 1 / (1 + np.exp(-1.0))
    expected = -(probability * np.log2(probability) + (1 - probability) * np.log2(1 - probability))
    assert np.asarray(nib.load(tmp_path / "seg_entropy.nii.gz").dataobj)[3, 3, 3] == round(255 * expected)


def test_the_estimate_writes_nothing_and_tells_all(tmp_path, publish, study, capsys):
    seen = []
    model = publish(lambda x: seen.append(x.shape) or sign(x))
    before = sorted(tmp_path.rglob("*"))
    predict.run(table_job(tmp_path, [model], study, estimate=True, output=None, mirror=True))
    assert sorted(tmp_path.rglob("*")) == before
    assert seen == [(1, 1, 16, 16, 16)] * 3
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in lines[1:7]] == [[f"c{n}", "6x7x8", "6x7x8", "2"] for n in range(6)]
    assert lines[7].startswith("At most ")
    assert "with torch" in lines[7]


def test_shapes_of_an_estimate_follow_the_plan(tmp_path, publish, study, capsys):
    model = publish(Function(sign), spacing_mm=(0.25, 1.0, 4.0))
    predict.run(scan_job(tmp_path, model, tmp_path / "0.nii.gz", estimate=True, output=None))
    row = capsys.readouterr().out.splitlines()[1].split()
    assert row[:4] == ["0.nii.gz", "6x7x8", "24x7x2", "2"]
    assert int(row[4]) > 100
