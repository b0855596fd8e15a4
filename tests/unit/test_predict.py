from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from plan_cases import small_plan
from scan_cases import grid, sheet, world_mm, write
from threadpoolctl import threadpool_info
from torch import nn

from segmake.dataset.phantom.write import write_dicom_series
from segmake.errors import InputError
from segmake.jobs import ConvertJob, PredictJob
from segmake.learning.checkpoint import TrainedModel
from segmake.plan import Plan
from segmake.settings import TrainSettings
from segmake.stages import convert, predict
from segmake.tables import read_table
from segmake.volume.labels import read_label
from segmake.volume.nifti import GEOMETRY_FIELDS
from segmake.volume.read import read_volume
from segmake.volume.volume import Volume

torch.set_num_threads(1)
LABELS = {"a": 1, "b": 2, "c": 4}


class Sign(nn.Module):
    """Foreground where the sum of the channels is positive."""

    def forward(self, x):
        total = x.sum(dim=1, keepdim=True)
        return torch.cat([-total, total], dim=1)


class Vote(nn.Module):
    """The same logits everywhere."""

    def __init__(self, *values):
        super().__init__()
        self.values = torch.tensor(values, dtype=torch.float32)[None, :, None, None, None]

    def forward(self, x):
        return self.values.expand(len(x), -1, *x.shape[2:])


def plan(**changes) -> Plan:
    fields = {"labels": {"ball": 3}, "normalisation": {"t1": {"scheme": "none"}}, "crop": "nonzero"}
    return small_plan(**(fields | changes))


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Put a network on the shelf under a path that the stage can load."""
    shelf = {}
    monkeypatch.setattr(predict, "load_model", lambda path, *_: shelf[path])

    def put(network, name="fold-0", fold=0, validation=(), **changes) -> Path:
        path = tmp_path / f"{name}.pt"
        path.write_text(f"{name} {vars(network)}")
        shelf[path] = TrainedModel(
            network.eval(), plan(**changes), fold, TrainSettings(), 0, list(validation), {}, {}
        )
        return path

    return put


def a_job(folder: Path, models: list[Path], **changes) -> PredictJob:
    fields = {"model": models, "table": folder / "convert" / "shard-00.tsv", "precision": "fp32"}
    return PredictJob(**(fields | {"output": folder / "predict" / "shard-00.tsv", "device": "cpu"} | changes))


def ball(shape, affine, radius_mm=14.0):
    """Depth below the surface of a ball off the centre, in mm, and where the ball is (mm)."""
    world = world_mm(shape, affine)
    centre = world[tuple(n // 2 for n in shape)] + (1.3, -0.7, 2.1)
    return (radius_mm - np.linalg.norm(world - centre, axis=-1)).astype(np.float32)


def geometry(path: Path) -> dict[str, bytes]:
    header = nib.load(path).header
    return {name: header[name].tobytes() for name in GEOMETRY_FIELDS} | {
        "pixdim": header["pixdim"][:4].tobytes()
    }


GRIDS = [
    ("RAS", (1, 1, 1), 0),
    ("LPS", (1, 1, 2.5), 0),
    ("PSR", (0.9, 2.4, 1.1), 17),
    ("IPR", (2.2, 1.2, 0.8), -31),
    ("ALS", (1.1, 1.3, 3.6), 45),
]


@pytest.mark.parametrize("target", [(1.0, 1.0, 1.0), (1.4, 0.8, 2.0)])
@pytest.mark.parametrize(("codes", "spacing", "degrees"), GRIDS)
def test_a_ball_stays_where_it_is_through_all_stages(tmp_path, publish, codes, spacing, degrees, target):
    shape = tuple(round(46 / size) + extra for size, extra in zip(spacing, (0, 1, 3), strict=True))
    depth = ball(shape, grid(codes, spacing, degrees))
    depth[:2] = 0  # a border that is cropped away
    source = write(tmp_path / "scan.nii.gz", depth, grid(codes, spacing, degrees))
    cases = sheet(tmp_path, [{"case": "x", "split": "new", "t1": source}])
    output = tmp_path / "convert" / "shard-00.tsv"
    convert.run(ConvertJob(cases=cases, channels={"t1": "mr"}, labels={"ball": 3}, output=output))
    predict.run(a_job(tmp_path, [publish(Sign(), spacing_mm=target)]))
    made = nib.load(tmp_path / "predict" / "x.nii.gz")
    found = np.asarray(made.dataobj)
    assert (found.shape, found.dtype, set(np.unique(found))) == (shape, np.uint8, {0, 3})
    assert np.array_equal(made.affine, nib.load(source).affine)
    assert geometry(tmp_path / "predict" / "x.nii.gz") == geometry(source)
    truth = depth > 0
    world = world_mm(shape, made.affine)
    shift_mm = world[found == 3].mean(axis=0) - world[truth].mean(axis=0)
    shift = np.linalg.solve(made.affine[:3, :3], shift_mm)
    assert np.abs(shift).max() < 0.1
    assert np.count_nonzero(found) == pytest.approx(np.count_nonzero(truth), rel=0.03)


@pytest.mark.parametrize("codes", ["scanner", "none", "qform", "sform"])
def test_headers_of_all_kinds_come_back_to_the_bit(tmp_path, publish, codes):
    affine = grid("LPS", (1, 1.5, 2), 0 if codes == "none" else 11)
    image = nib.Nifti1Image(ball((30, 24, 17), affine), affine)
    image.set_sform(affine, {"scanner": 1, "none": 0, "qform": 0, "sform": 4}[codes])
    image.set_qform(affine, {"scanner": 1, "none": 0, "qform": 2, "sform": 0}[codes])
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, tmp_path / "scan.nii.gz")
    job = a_job(tmp_path, [publish(Sign())], table=None, image=[tmp_path / "scan.nii.gz"])
    predict.run(job.model_copy(update={"output": tmp_path / "seg.nii.gz"}))
    assert geometry(tmp_path / "seg.nii.gz") == geometry(tmp_path / "scan.nii.gz")
    made, source = nib.load(tmp_path / "seg.nii.gz"), nib.load(tmp_path / "scan.nii.gz")
    assert np.array_equal(made.affine, source.affine)
    assert ((np.asarray(made.dataobj) == 3) == (np.asarray(source.dataobj) > 0)).mean() > 0.995


@pytest.fixture
def study(tmp_path, publish):
    """Cases of every kind, and two folds that vote so that their mean tells itself from either."""
    data = np.arange(6 * 7 * 8, dtype=np.float32).reshape(6, 7, 8) + 1
    scan = write(tmp_path / "scan.nii.gz", data, grid("LPS"))
    label = write(tmp_path / "label.nii.gz", np.zeros((6, 7, 8), np.uint8), grid("LPS"))
    kinds = {"t0": "train", "t1": "train", "kept": "train", "bare": "train", "held": "test", "fresh": "new"}
    rows = [
        {"case": case, "split": split, "t1": scan, "label": "" if case in ("bare", "fresh") else label}
        for case, split in kinds.items()
    ]
    output = tmp_path / "convert" / "shard-00.tsv"
    convert.run(ConvertJob(cases=sheet(tmp_path, rows), channels={"t1": "mr"}, labels=LABELS, output=output))
    return [
        publish(Vote(0, 5, 0, 4), "fold-0", 0, ["t0", "elsewhere"], labels=LABELS),
        publish(Vote(0, 0, 5, 4), "fold-1", 1, ["t1"], labels=LABELS),
    ]


def test_training_cases_are_predicted_out_of_fold_and_others_by_all(tmp_path, study):
    predict.run(a_job(tmp_path, study))
    rows = {row["case"]: row for row in read_table(tmp_path / "predict" / "shard-00.tsv")}
    values = {}
    for case, row in rows.items():
        assert (row["status"], row["path"]) == ("ok", f"{case}.nii.gz")
        found = np.asarray(nib.load(tmp_path / "predict" / row["path"]).dataobj)
        assert (found == found.flat[0]).all()
        values[case] = int(found.flat[0])
    assert values == {"t0": 1, "t1": 2, "bare": 4, "held": 4, "fresh": 4}  # `kept` was in no validation fold
    told = {case: (row["split"], row["fold"], row["models"]) for case, row in rows.items()}
    assert told == {
        "t0": ("train", "0", "1"),
        "t1": ("train", "1", "1"),
        "bare": ("train", "", "2"),
        "held": ("test", "", "2"),
        "fresh": ("new", "", "2"),
    }


def test_a_second_run_does_nothing_and_a_new_fold_costs_its_cases(tmp_path, study, publish):
    def stamps(**changes) -> dict[str, int]:
        predict.run(a_job(tmp_path, study, **changes))
        return {path.stem: path.stat().st_mtime_ns for path in (tmp_path / "predict").glob("*.json")}

    first = stamps()
    assert set(first) == {"t0", "t1", "bare", "held", "fresh"}
    assert stamps() == first
    assert stamps(device="auto", threads=1, on_error="exclude") == first
    publish(Vote(0, 0, 6, 4), "fold-1", 1, ["t1"], labels=LABELS)
    second = stamps()
    assert {case for case in first if second[case] != first[case]} == {"t1", "bare", "held", "fresh"}
    third = stamps(overlap=0.25)
    assert all(third[case] != second[case] for case in first)


def test_a_broken_case_is_a_row(tmp_path, study):
    (tmp_path / "convert" / "t1.nii.gz").write_bytes(b"gone")
    predict.run(a_job(tmp_path, study, on_error="exclude"))
    rows = {row["case"]: row for row in read_table(tmp_path / "predict" / "shard-00.tsv")}
    assert {case for case, row in rows.items() if row["status"] == "ok"} == {"t0", "bare", "held", "fresh"}
    assert "t1.nii.gz is not a readable NIfTI file" in rows["t1"]["reason"]


def test_no_model_is_explained(tmp_path, study):
    with pytest.raises(InputError, match=r"at least one --model"):
        predict.run(a_job(tmp_path, []))


NONE = {"scheme": "none"}
TWO = {"channels": {"t1": "mr", "t2": "mr"}, "normalisation": {"t1": NONE, "t2": NONE}}


def scan_job(
    folder: Path, model: Path, images: list[Path], output: str = "seg.nii.gz", **changes
) -> PredictJob:
    return a_job(folder, [model], table=None, image=images, output=folder / output, **changes)


def test_one_scan_as_one_file_or_a_file_per_channel(tmp_path, publish):
    affine = grid("PSR", (1, 2, 1.5), 20)
    one, two = (ball((30, 18, 24), affine) + shift for shift in (3, -3))
    files = [write(tmp_path / f"{n}.nii.gz", data, affine) for n, data in enumerate((one, two))]
    whole = write(tmp_path / "whole.nii.gz", np.stack([one, two], axis=-1), affine)
    model = publish(Sign(), **TWO)
    predict.run(scan_job(tmp_path, model, files, "deep/files.nii.gz"))
    predict.run(scan_job(tmp_path, model, [whole], "whole_seg.nii.gz"))
    first, second = (nib.load(tmp_path / name) for name in ("deep/files.nii.gz", "whole_seg.nii.gz"))
    assert np.array_equal(first.dataobj, second.dataobj)
    assert ((np.asarray(first.dataobj) == 3) == (one + two > 0)).mean() > 0.995
    assert first.shape == (30, 18, 24)
    assert np.array_equal(first.affine, nib.load(files[0]).affine)
    assert geometry(tmp_path / "deep/files.nii.gz") == geometry(files[0])


def test_one_scan_as_a_dicom_folder(tmp_path, publish):
    affine = grid("LPS", (1, 1, 2))
    depth = np.rint(ball((24, 26, 15), affine) * 10).astype(np.int16)
    write_dicom_series(tmp_path / "series", "phantom", Volume(depth[np.newaxis], affine), 0)
    model = publish(Sign(), spacing_mm=(1.0, 1.0, 2.0))
    predict.run(scan_job(tmp_path, model, [tmp_path / "series"]))
    made, source = read_volume(tmp_path / "seg.nii.gz"), read_volume(tmp_path / "series")
    assert made.shape == source.shape
    assert np.allclose(made.affine, source.affine, atol=1e-5)
    assert np.array_equal(made.data == 3, source.data > 0)
    assert np.count_nonzero(made.data) == np.count_nonzero(depth > 0)


def test_scans_that_do_not_fit_the_model_are_explained(tmp_path, publish):
    image = write(tmp_path / "a.nii.gz", np.ones((8, 8, 8), np.float32), grid())
    model = publish(Sign(), **(TWO | {"channels": {"t1": "mr", "t2": "mr", "x": "mr"}}))
    with pytest.raises(InputError, match=r"takes 3 channels \(t1, t2, x\), got 2 images"):
        predict.run(scan_job(tmp_path, model, [image, image]))
    with pytest.raises(InputError, match="holds 1 channels, expected 3"):
        predict.run(scan_job(tmp_path, model, [image]))
    with pytest.raises(InputError, match=r"written as \.nii, \.nii\.gz, \.dcm .* got .*seg\.mha"):
        predict.run(scan_job(tmp_path, model, [image], "seg.mha"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nii.gz", "fold-0.pt"]


def test_no_more_threads_are_used_than_given(tmp_path, publish):
    image = write(tmp_path / "a.nii.gz", np.ones((8, 8, 8), np.float32), grid())
    seen = []

    class Spy(Sign):
        def forward(self, x):
            seen.append(torch.get_num_threads())
            seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
            return super().forward(x)

    predict.run(scan_job(tmp_path, publish(Spy()), [image]))
    assert len(seen) > 1
    assert set(seen) == {1}


def test_large_label_values_are_written_whole(tmp_path, publish):
    image = write(tmp_path / "a.nii.gz", np.ones((8, 8, 8), np.float32), grid())
    predict.run(scan_job(tmp_path, publish(Sign(), labels={"ball": 300}), [image]))
    made = nib.load(tmp_path / "seg.nii.gz")
    assert made.get_data_dtype() == np.int16
    assert (np.asarray(made.dataobj) == 300).all()


def test_channels_may_be_named_in_any_order():
    channels = ["t1", "flair"]
    named = [Path("flair=/a/f.nii"), Path("t1=/a/t=1.nii")]
    assert predict._channel_files(named, channels) == {"t1": Path("/a/t=1.nii"), "flair": Path("/a/f.nii")}
    in_order = predict._channel_files([Path("a"), Path("b")], channels)
    assert list(in_order.items()) == [("t1", Path("a")), ("flair", Path("b"))]
    assert predict._channel_files([Path("a")], channels) == {"t1": Path("a"), "flair": Path("a")}
    with pytest.raises(InputError, match=r"takes 2 channels \(t1, flair\), got 3"):
        predict._channel_files([Path("a"), Path("b"), Path("c")], channels)
    with pytest.raises(InputError, match="names t1, t2, but the model takes t1, flair"):
        predict._channel_files([Path("t1=a"), Path("t2=b")], channels)


@pytest.mark.parametrize("name", ["seg.dcm", "seg.rtstruct.dcm"])
def test_one_scan_as_a_dicom_object_overlays_the_nifti(tmp_path, publish, name):
    affine = grid("LPS", (1, 1, 2))
    depth = np.rint(ball((24, 26, 15), affine) * 10).astype(np.int16)
    series = tmp_path / "series"
    write_dicom_series(series, "phantom", Volume(depth[np.newaxis], affine), 0)
    model = publish(Sign(), spacing_mm=(1.0, 1.0, 2.0))
    predict.run(scan_job(tmp_path, model, [series]))
    code = {"ball": {"type": ["1", "99MINE", "Ball"], "color": "#FF0000"}}
    predict.run(scan_job(tmp_path, model, [series], name, codes=code))
    nifti = read_volume(tmp_path / "seg.nii.gz")
    drawn = read_label(tmp_path / name, {"ball": 3}, read_volume(series)).volume
    assert np.array_equal(drawn.data, nifti.data)
    assert np.count_nonzero(drawn.data) > 1000


def test_dicom_objects_need_a_series_and_known_labels(tmp_path, publish):
    image = write(tmp_path / "a.nii.gz", np.ones((8, 8, 8), np.float32), grid())
    model = publish(Sign())
    with pytest.raises(
        InputError, match=r"seg\.dcm refers to the slices of a DICOM series, and .*a\.nii\.gz"
    ):
        predict.run(scan_job(tmp_path, model, [image], "seg.dcm"))
    write_dicom_series(tmp_path / "series", "x", Volume(np.zeros((1, 4, 4, 4), np.int16), grid("LPS")), 0)
    with pytest.raises(InputError, match=r"predict\.codes names 'bal', but the model has the labels ball"):
        predict.run(scan_job(tmp_path, model, [tmp_path / "series"], "seg.dcm", codes={"bal": {}}))


def test_a_table_of_lesions_beside_the_label_map(tmp_path, study, publish):
    affine = grid("PSR", (1, 2, 1.5), 20)
    depth = ball((30, 18, 24), affine, 9.0)
    image = write(tmp_path / "scan.nii.gz", depth, affine)
    model = publish(Sign(), "sign")
    predict.run(scan_job(tmp_path, model, [image], lesions=True, lesion_ml=0.5))
    (row,) = read_table(tmp_path / "seg_lesions.tsv")
    assert (row["label"], row["lesion"]) == ("ball", "1")
    assert float(row["volume_ml"]) == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.05)
    world = world_mm(depth.shape, affine)[depth > 0].mean(axis=0)
    found = [float(row[f"centroid_{axis}_mm"]) for axis in "xyz"]
    assert found == pytest.approx(world.tolist(), abs=0.3)
    assert float(row["diameter_mm"]) == pytest.approx(18, abs=2.5)
    predict.run(a_job(tmp_path, study, lesions=True))
    assert (tmp_path / "predict" / "held_lesions.tsv").exists()
    predict.run(scan_job(tmp_path, model, [image], lesions=True, lesion_ml=50))
    assert read_table(tmp_path / "seg_lesions.tsv") == []


def test_one_scan_is_cleaned_by_a_recipe(tmp_path, publish):
    affine = grid("RAS", (2, 1, 1.5))
    values = np.full((20, 18, 16), -1.0, np.float32)
    values[2:9, 2:9, 2:9] = values[15:18, 12:16, 12:14] = 1
    image = write(tmp_path / "scan.nii.gz", values, affine)
    model = publish(Sign(), spacing_mm=(2.0, 1.0, 1.5))
    (tmp_path / "recipe.json").write_text('{"steps": [{"label": "ball", "kind": "smallest", "ml": 0.5}]}')
    predict.run(scan_job(tmp_path, model, [image], "all.nii.gz"))
    predict.run(scan_job(tmp_path, model, [image], "clean.nii.gz", recipe=tmp_path / "recipe.json"))
    found = [np.asarray(nib.load(tmp_path / name).dataobj) == 3 for name in ("all.nii.gz", "clean.nii.gz")]
    assert [mask.sum() for mask in found] == [7**3 + 24, 7**3]


def test_probabilities_on_the_native_grid(tmp_path, study, publish):
    affine = grid("PSR", (1, 2, 1.5), 20)
    image = write(tmp_path / "scan.nii.gz", ball((30, 18, 24), affine), affine)
    model = publish(Sign(), "sign")
    predict.run(scan_job(tmp_path, model, [image], probabilities=True))
    labels, made = (nib.load(tmp_path / f"seg{end}.nii.gz") for end in ("", "_probabilities"))
    assert (made.get_data_dtype(), made.shape) == (np.uint8, (30, 18, 24))
    assert np.array_equal(made.affine, labels.affine)
    assert ((np.asarray(made.dataobj) > 127.5) == (np.asarray(labels.dataobj) == 3)).mean() > 0.999
    predict.run(a_job(tmp_path, study, probabilities=True))
    assert nib.load(tmp_path / "predict" / "held_probabilities.nii.gz").shape[3] == 3
    names = {path.name for path in (tmp_path / "predict").iterdir() if path.name.startswith(".")}
    assert names == set()
