import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from plan_cases import small_plan

from segmake.errors import CasesFailed, ConfigError
from segmake.jobs import ResampleJob
from segmake.plan import Normalisation
from segmake.stages.resample import run
from segmake.tables import read_cases, read_table, write_table
from segmake.volume.store import load_array

COLUMNS = ("case", "path", "key", "status", "reason", "group", "split", "label")


def a_folder(folder: Path, count: int = 3) -> Path:
    """Canonical scans as convert leaves them, with a table."""
    rows = []
    for i in range(count):
        rng = np.random.default_rng(i)
        data = np.zeros((20, 22, 24), dtype=np.float32)
        data[3:18, 2:20, 4:20] = rng.normal(50, 5, (15, 18, 16))
        label = np.zeros(data.shape, dtype=np.uint8)
        label[6:12, 6:12, 8:14] = 4
        for name, array in (("", data), ("_label", label)):
            nib.save(nib.Nifti1Image(array, np.diag([1, 1, 2, 1.0])), folder / f"case_{i}{name}.nii.gz")
        rows.append(
            {"case": f"case_{i}", "path": f"case_{i}.nii.gz", "key": f"key {i}", "status": "ok", "reason": ""}
            | {"group": f"p{i}", "split": "train", "label": f"case_{i}_label.nii.gz"}
        )
    rows.append(rows[0] | {"case": "test", "split": "test"})
    write_table(folder / "shard-00.tsv", rows, COLUMNS)
    return folder / "shard-00.tsv"


def a_job(folder: Path, **plan: Any) -> ResampleJob:
    base: dict[str, Any] = {"labels": {"lesion": 4}, "crop": "nonzero", "median_shape": (15, 18, 32)}
    (folder / "convert").mkdir(exist_ok=True)
    table = folder / "convert" / "shard-00.tsv"
    small_plan(**(base | plan)).save(folder / "plan.json")
    return ResampleJob(
        table=table if table.exists() else a_folder(folder / "convert"),
        plan=folder / "plan.json",
        output=folder / "resample" / "shard-00.tsv",
        locations=50,
    )


def test_arrays_labels_and_locations(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    run(job)
    rows = read_cases([job.output])
    assert [row["case"] for row in rows] == ["case_0", "case_1", "case_2"]
    assert (rows[0]["shape"], rows[0]["group"], rows[0]["split"]) == ("15x18x32", "p0", "train")
    image, label, places = (load_array(Path(rows[0][column])) for column in ("path", "label", "foreground"))
    assert (image.dtype, image.shape) == (np.float16, (1, 15, 18, 32))
    assert image.mean(dtype=float) == pytest.approx(0, abs=0.05)
    assert (label.dtype, label.shape) == (np.uint8, (15, 18, 32))
    assert label.sum() == 6 * 6 * 12
    assert (places.dtype, places.shape) == (np.int16, (50, 4))
    assert all(label[x, y, z] == value == 1 for value, x, y, z in places)
    details = json.loads((job.output.parent / "case_0.json").read_text())["details"]
    assert (details["crop_start"], details["crop_shape"]) == ([3, 2, 4], [15, 18, 16])
    assert details["foreground_voxels"][1] == label.sum()


def stamps(job: ResampleJob) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in job.output.parent.glob("*.b2nd")}


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    run(job)
    before = stamps(job)
    run(job)
    assert stamps(job) == before


def test_folds_and_patch_redo_nothing_but_the_grid_does(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    run(job)
    before = stamps(job)
    run(a_job(tmp_path, folds={"case_0": 1}, patch=(8, 8, 8), batch=7, reasons={"patch": "because"}))
    assert stamps(job) == before
    run(a_job(tmp_path, spacing_mm=(1.0, 1.0, 2.0)))
    after = stamps(job)
    assert all(after[name] != before[name] for name in before)
    assert load_array(job.output.parent / "case_0.b2nd").shape == (1, 15, 18, 16)


def test_the_bytes_are_the_same_in_any_number_of_processes(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    run(job)
    other = job.model_copy(update={"output": tmp_path / "again" / "shard-00.tsv", "threads": 2})
    run(other)
    files = sorted(job.output.parent.glob("*.b2nd"))
    assert len(files) == 9
    for file in files:
        assert file.read_bytes() == (other.output.parent / file.name).read_bytes()


def test_a_broken_case_is_a_row_and_the_others_are_done(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    (tmp_path / "convert" / "case_1_label.nii.gz").write_bytes(b"not an image")
    with pytest.raises(CasesFailed, match="1 of 3 cases failed"):
        run(job)
    status = {row["case"]: row["status"] for row in read_table(job.output)}
    assert status == {"case_0": "ok", "case_1": "failed", "case_2": "ok"}
    assert (job.output.parent / "case_2.b2nd").exists()


def test_an_unknown_label_is_named(tmp_path: Path) -> None:
    job = a_job(tmp_path, labels={"lesion": 2}).model_copy(update={"on_error": "exclude"})
    run(job)
    assert "holds the value 4 in 216 voxels" in read_table(job.output)[0]["reason"]


def test_intensities_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    job = a_job(tmp_path, normalisation={"t1": Normalisation(scheme="none")})
    for path in (tmp_path / "convert").glob("case_?.nii.gz"):
        scan = nib.load(path)
        nib.save(nib.Nifti1Image(np.asarray(scan.dataobj) * 1e5, scan.affine), path)
    run(job.model_copy(update={"on_error": "exclude"}))
    assert "must stay below 65504" in read_table(job.output)[0]["reason"]


def test_another_order_than_the_plans_is_refused(tmp_path: Path) -> None:
    job = ResampleJob(**(a_job(tmp_path).model_dump(exclude_unset=True) | {"order": 1}))
    with pytest.raises(ConfigError, match=r"made with resample\.order 3, got 1"):
        run(job)
