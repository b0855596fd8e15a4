"""The report stage on a small results folder, as the other stages write it."""

import json
import re

import nibabel as nib
import numpy as np
import pytest
from plan_cases import small_plan

from segmake.errors import InputError
from segmake.figures.records import number
from segmake.jobs import ReportJob
from segmake.stages import report
from segmake.tables import read_table, write_table

EVIL = "x<script>alert(1)</script>"
VALUES = {"a": 0.9, "b": 0.0, "c": 0.8}
FAILED = {
    EVIL: ("convert", "bad <b>grid</b>"),
    "d": ("resample", "no space"),
    "e": ("predict unet", "no memory"),
}


def save(path, data, affine):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)


def write_volumes(root, name):
    mask = np.zeros((12, 14, 10), np.uint8)
    mask[3:7, 4:9, 2:6] = 1
    image = mask.astype(np.float32) + np.arange(10, dtype=np.float32)
    save(root / f"convert/{name}.nii.gz", image, np.eye(4))
    save(root / f"convert/{name}_label.nii.gz", mask, np.eye(4))
    flipped = np.diag([-1.0, -1.0, 1.0, 1.0])
    flipped[:2, 3] = 11, 13  # the same grid seen as LPS
    save(root / f"predict/unet/{name}.nii.gz", mask[::-1, ::-1], flipped)


def write_record(root, name):
    """The record of a converted case and its thumbnail; case b is of an older version, without either."""
    percentiles = {"0": 0, "0.5": 1, "50": 5, "99.5": 9, "100": 10}
    passport = {"obliquity_deg": 12.5, "channels": {"t1": {"percentiles": percentiles}}}
    record = {"case": name, "stage": "convert", "key": "", "files": {}, "columns": {}}
    text = json.dumps(record | {"details": {"passport": passport}})
    (root / f"convert/{name}.json").write_text(text)
    (root / f"convert/{name}_thumbnail.jpg").write_bytes(name.encode())


def base(name, **changes):
    return {"case": name, "path": f"{name}.nii.gz", "status": "ok", "reason": "", "split": "train"} | changes


def write_scores(root):
    folder = root / "evaluate/unet"
    rows, summary = [], []
    for metric, unit in (("dice", "ratio"), ("hd95", "mm")):
        key = {"split": "train", "label": "core", "metric": metric, "unit": unit}
        for name, value in VALUES.items():
            state = {"value": value, "status": "ok" if value else "missed", "fold": "0"}
            rows.append({"case": name} | key | state)
        numbers = {"mean": 0.566667, "median": 0.8, "sd": 0.49, "ci_low": 0.1234, "ci_high": 0.8567}
        counts = {"ok": 2, "both_empty": 0, "missed": 1, "false_alarm": 0}
        summary.append(key | {"cases": 3, "patients": 3} | numbers | counts)
    write_table(folder / "metrics.tsv", rows)
    write_table(folder / "summary.tsv", summary)
    (folder / "summary.manifest.json").write_text(
        json.dumps({"stage": "summarize", "seconds": 2, "settings": {"confidence": 0.9}})
    )


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    for name in VALUES:
        write_volumes(root, name)
        if name != "b":
            write_record(root, name)
    passport = {
        "group": "p",
        "shape": "12x14x10",
        "spacing_mm": "1x1x1",
        "orientation": "LPS",
        "ml_core": "0.08",
        "repairs": "3 voxels filled; grid snapped",
        "warnings": "odd <b>case</b>",
    }
    converted = [base(name, label=f"{name}_label.nii.gz", **passport) for name in (*VALUES, "d", "e")]
    lost = {case: base(case, path="", status="failed", reason=why) for case, (_, why) in FAILED.items()}
    excluded = base("f", path="", status="excluded", reason="no image")
    write_table(root / "convert/shard-00.tsv", [*converted, lost[EVIL], excluded])
    write_table(root / "resample/shard-00.tsv", [lost["d"]])
    write_table(root / "predict/unet/shard-00.tsv", [*(base(name) for name in VALUES), lost["e"]])
    write_scores(root)
    run = root / "train/unet/fold-0"
    run.mkdir(parents=True)
    (run / "history.csv").write_text("step,minutes,lr,loss,val_dice\n1,0.1,0.01,2.0,\n2,0.2,0.01,1.0,0.5\n")
    (run / "model.manifest.json").write_text("{damaged")
    plan = small_plan(labels={"core": 1}, folds={}, median_shape=(12, 14, 10))
    (root / "plan").mkdir()
    plan.save(root / "plan/plan.json")
    return ReportJob(
        title="Trial",
        overlays=1,
        dpi=40,
        plan=root / "plan/plan.json",
        cases=[root / "convert/shard-00.tsv"],
        tables=[root / "resample/shard-00.tsv"],
        predictions=[root / "predict/unet/shard-00.tsv"],
        metrics=[root / "evaluate/unet/metrics.tsv"],
        summary=[root / "evaluate/unet/summary.tsv"],
        history=[run / "history.csv"],
        output=root / "report/index.html",
    )


@pytest.fixture(scope="module")
def page(job):
    report.run(job)
    return job.output.read_text(encoding="utf-8")


def test_figures_lie_beside_the_page_in_both_formats(job, page):
    names = {path.name for path in (job.output.parent / "figures").iterdir()}
    stems = ("training-unet", "scores-train", "worst-unet-1", "best-unet-1")
    assert names == {f"{stem}.{kind}" for stem in stems for kind in ("svg", "png")}


def test_running_again_gives_the_same_bytes_and_leaves_no_old_picture(job, page):
    def made():
        files = [path for path in job.output.parent.rglob("*") if path.is_file()]
        return {path.name: path.read_bytes() for path in files}

    before = made()
    assert len(before) == 2 + 8 + 2
    (job.output.with_name("quality") / "gone.jpg").touch()
    report.run(job)
    assert made() == before


def test_headline_numbers_are_those_of_the_table(job, page):
    for row in read_table(job.summary[0]):
        mean, low, high = (number(float(row[name])) for name in ("mean", "ci_low", "ci_high"))
        assert f"{mean} <small>[{low}, {high}]</small>" in page
    assert "[90% interval]" in page


def test_every_failed_case_is_on_the_page_with_stage_and_reason(page):
    plain = page.replace("&lt;", "<").replace("&gt;", ">")
    for case, (stage, reason) in FAILED.items():
        row = plain[plain.index(f">{case}</th>") :]
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)[:2]
        assert cells == [stage, reason]


def test_an_excluded_case_is_no_failure(job, page):
    material = report.gather(job)
    assert [failure.case for failure in material.failed if failure.excluded] == ["f"]
    assert re.search(r"<dt>Failed</dt><dd>3</dd>.*<dt>Excluded</dt><dd>1</dd>", page, re.DOTALL)
    assert "1 case cannot take part" in page


def test_the_quality_page_has_every_case_with_its_findings(job, page):
    text = job.output.with_name("quality.html").read_text(encoding="utf-8")
    assert re.findall(r"<h3>(\w)</h3>", text) == [*"abcde", "f"]
    assert text.count("</b> 3 voxels filled</li>") == text.count("</b> grid snapped</li>") == 5
    assert "odd &lt;b&gt;case&lt;/b&gt;" in text
    assert "1 to 9" in text
    assert "12.5" in text
    assert 'href="index.html"' in text
    assert 'href="quality.html#warned"' in page


def test_thumbnails_are_copied_where_there_are_any(job, page):
    folder = job.output.with_name("quality")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.jpg": b"a", "c.jpg": b"c"}
    text = job.output.with_name("quality.html").read_text(encoding="utf-8")
    assert re.findall(r'<img src="([^"]*)"', text) == ["quality/a.jpg", "quality/c.jpg"]


def test_the_missed_lesion_is_named_and_shown_as_the_worst(page):
    assert re.search(
        r">b</th>\s*<td[^>]*>unet</td>\s*<td[^>]*>train</td>\s*<td[^>]*>core</td>\s*<td[^>]*>missed", page
    )
    assert "b (fold 0): mean Dice 0.000 (core 0.000)" in page


def test_names_from_the_data_are_escaped_and_nothing_is_loaded(page):
    assert page.count("<script") == 1
    assert "<b>grid" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_damaged_manifest_is_a_gap_not_an_error(job):
    assert [manifest["stage"] for manifest in report.gather(job).manifests] == ["summarize"]


def test_a_prediction_on_another_grid_is_refused(job, tmp_path):
    rows = {row["case"]: row for row in report.gather(job).cases}
    save(tmp_path / "p.nii.gz", np.zeros((3, 3, 3), np.uint8), np.eye(4))
    with pytest.raises(report.GeometryError, match="one grid"):
        report.load_views(rows, {("unet", "a"): {"path": str(tmp_path / "p.nii.gz")}}, "unet", "a")
    with pytest.raises(InputError, match="not in the given tables"):
        report.load_views(rows, {}, "unet", "a")


def test_overlays_see_all_volumes_in_one_orientation(job):
    rows = {row["case"]: row for row in report.gather(job).cases}
    prediction = {"path": str(job.predictions[0].parent / "a.nii.gz")}
    views = report.load_views(rows, {("unet", "a"): prediction}, "unet", "a")
    assert np.array_equal(views.truth, views.prediction)
    assert views.image.shape == (1, 12, 14, 10)


def test_a_missing_history_is_explained(job):
    with pytest.raises(InputError, match="run train again"):
        report.gather(job.model_copy(update={"history": [job.output.parent / "no.csv"]}))
