"""The report stage on a small results folder, as the other stages write it."""

import json
import re

import pytest
from plan_cases import small_plan

from segmake.errors import InputError
from segmake.figures.catalogue import Entry, write_catalogue
from segmake.figures.records import number
from segmake.figures.viewer import library
from segmake.jobs import ReportJob
from segmake.results import gather
from segmake.stages import report
from segmake.tables import read_table, write_table

EVIL = "x<script>alert(1)</script>"
VALUES = {"a": 0.9, "b": 0.0, "c": 0.8}
FAILED = {
    EVIL: ("convert", "bad <b>grid</b>"),
    "d": ("resample", "no space"),
    "e": ("predict unet", "no memory"),
}


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


def write_figures(root):
    """One figure for each chapter that has any."""
    entries = []
    for kind in ("training", "dice", "subgroups", "example"):
        name = f"{kind}_unet"
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text>{kind}</text></svg>'
        (root / "figures").mkdir(exist_ok=True)
        (root / f"figures/{name}.svg").write_text(svg)
        told = {"title": EVIL, "caption": EVIL, "alt": EVIL, "model": "unet", "case": "b"}
        entries.append(Entry(name, kind, files={f"{name}.svg": "0" * 64}, **told))
    write_catalogue(root / "figures/figures.tsv", entries)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    (root / "convert").mkdir()
    for name in VALUES:
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
    write_figures(root)
    return ReportJob(
        title="Trial",
        plan=root / "plan/plan.json",
        cases=[root / "convert/shard-00.tsv"],
        tables=[root / "resample/shard-00.tsv"],
        predictions=[root / "predict/unet/shard-00.tsv"],
        metrics=[root / "evaluate/unet/metrics.tsv"],
        summary=[root / "evaluate/unet/summary.tsv"],
        history=[run / "history.csv"],
        figures=root / "figures/figures.tsv",
        output=root / "report/index.html",
    )


@pytest.fixture(scope="module")
def page(job):
    report.run(job)
    return job.output.read_text(encoding="utf-8")


def test_each_figure_is_on_the_page_and_leads_to_its_file(job, page):
    for kind in ("training", "dice", "subgroups", "example"):
        assert page.count(f"<text>{kind}</text>") == 1
        assert f'href="../figures/{kind}_unet.svg"' in page
    assert page.index("<text>training") < page.index("<text>dice") < page.index("<text>example")


def test_running_again_gives_the_same_bytes_and_leaves_no_old_picture(job, page):
    def made():
        files = [path for path in job.output.parent.rglob("*") if path.is_file()]
        return {path.name: path.read_bytes() for path in files}

    before = made()
    assert sorted(before) == [
        *("001.html", "a.jpg", "c.jpg", "index.html", "niivue.LICENSE.txt", "niivue.js"),
        *("quality.html", "viewer.html"),
    ]
    (job.output.with_name("quality") / "gone.jpg").touch()
    (job.output.with_name("cases") / "009.html").touch()
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
        row = plain[plain.index(f">{case}</a></th>") :]
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)[:2]
        assert cells == [stage, reason]


def test_an_excluded_case_is_no_failure(job, page):
    material = gather(job)
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
        r">b</a></th>\s*<td[^>]*>unet</td>\s*<td[^>]*>train</td>\s*<td[^>]*>core</td>\s*<td[^>]*>missed",
        page,
    )
    worst = page[page.index("Worst cases of unet") :]
    assert re.findall(r'<th scope="row"[^>]*><a href="[^"]*">(\w)</a>', worst)[:3] == ["b", "c", "a"]


def test_names_from_the_data_are_escaped_and_nothing_is_loaded(page):
    assert page.count("<script") == 1
    assert "<b>grid" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_damaged_manifest_is_a_gap_not_an_error(job):
    assert [manifest["stage"] for manifest in gather(job).manifests] == ["summarize"]


def test_a_missing_history_is_explained(job):
    with pytest.raises(InputError, match=r"no\.csv does not exist"):
        gather(job.model_copy(update={"history": [job.output.parent / "no.csv"]}))


def test_the_viewer_lies_beside_the_page_with_its_library_and_knows_each_prediction(job, page):
    text = job.output.with_name("viewer.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert [entry["case"] for entry in data["entries"]] == ["b", "c", "a"]
    first = data["entries"][0]
    assert first["image"] == "../convert/b.nii.gz"
    assert first["truth"] == "../convert/b_label.nii.gz"
    assert first["prediction"] == "../predict/unet/b.nii.gz"
    assert first["told"] == "b, unet: mean Dice 0.000"
    assert (job.output.parent / "viewer/niivue.js").read_bytes() == library()
    assert 'href="viewer.html#model=unet&amp;case=b"' in page


def test_details_of_every_case_lie_in_files_beside_the_page(job, page):
    text = (job.output.with_name("cases") / "001.html").read_text(encoding="utf-8")
    titles = re.findall(r'<h2 id="case-\d+-title">(.*?)</h2>', text)
    assert titles == ["a", "b", "c", "d", "e", "f", EVIL.replace("<", "&lt;").replace(">", "&gt;")]
    assert "3 voxels filled" in text
    assert "HD95 (mm)" in text
    assert 'src="../quality/a.jpg"' in text
    assert text.count("<script") == 1


def test_without_volumes_there_is_neither_viewer_nor_passport(job, tmp_path):
    row = {"case": "a", "path": "a.b2nd", "status": "ok", "reason": "", "split": "train", "class": "bad"}
    write_table(tmp_path / "slice/shard-00.tsv", [row | {"group": "p", "patches": "3"}])
    output = tmp_path / "report/index.html"
    (output.parent / "viewer").mkdir(parents=True)
    (output.parent / "viewer.html").touch()
    report.run(ReportJob(slices=[tmp_path / "slice/shard-00.tsv"], output=output))
    assert not (output.parent / "viewer.html").exists()
    assert not (output.parent / "viewer").exists()
    text = output.read_text(encoding="utf-8")
    assert 'id="classification"' in text
    assert 'id="plan"' not in text
    assert "No case was converted" not in output.with_name("quality.html").read_text(encoding="utf-8")


MOST_BYTES = 15_000_000
"""What one can send to a colleague."""


def test_a_thousand_cases_with_two_models_fit_into_one_file_that_can_be_sent(tmp_path):
    names = [f"a-rather-long-name-of-a-case-{i:04d}" for i in range(1000)]
    passport = {
        "group": "",
        "site": "a site",
        "shape": "240x240x155",
        "spacing_mm": "1x1x1",
        "label": "l.nii",
    }
    said = {"repairs": "3 voxels filled; grid snapped", "warnings": "a head with its face"}
    rows = [
        base(name, **passport, **said, orientation="LPS", ml_core="12.5", ml_edge="3.5") for name in names
    ]
    write_table(tmp_path / "convert/shard-00.tsv", rows)
    labels, metrics = ("core", "edge", "whole"), ("dice", "nsd", "hd95", "iou", "precision", "recall")
    key = {"split": "train", "fold": "0", "unit": "ratio", "status": "ok"}
    for model in ("unet", "segres"):
        write_table(tmp_path / f"predict/{model}/shard-00.tsv", [base(name) for name in names])
        scores = [
            key | {"case": name, "label": label, "metric": metric, "value": round((i % 97) / 97, 6)}
            for i, name in enumerate(names)
            for label in labels
            for metric in metrics
        ]
        write_table(tmp_path / f"evaluate/{model}/metrics.tsv", scores)
    small_plan(labels={"core": 1, "edge": 2}).save(tmp_path / "plan.json")
    models = ("unet", "segres")
    report.run(
        ReportJob(
            plan=tmp_path / "plan.json",
            cases=[tmp_path / "convert/shard-00.tsv"],
            predictions=[tmp_path / f"predict/{model}/shard-00.tsv" for model in models],
            metrics=[tmp_path / f"evaluate/{model}/metrics.tsv" for model in models],
            output=tmp_path / "report/index.html",
        )
    )
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert len(page.encode()) < MOST_BYTES / 5
    assert page.count("viewer.html#") >= 2 * 1000
    details = sorted((tmp_path / "report/cases").iterdir())
    assert [path.name for path in details] == [f"{i:03d}.html" for i in range(1, 21)]
    assert all(path.stat().st_size < 1_000_000 for path in details)
    assert (tmp_path / "report/viewer.html").stat().st_size < 1_000_000
    last = re.search(rf'<a href="cases/(\d+\.html)#(case-\d+)">{names[-1]}</a>', page)
    assert (last[1], last[2]) == ("020.html", "case-1000")
    assert f'<h2 id="{last[2]}-title">{names[-1]}</h2>' in details[-1].read_text(encoding="utf-8")
