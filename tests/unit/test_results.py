"""What the report reads from a results folder."""

import io
import json

import pytest
from PIL import Image

from segmake.errors import InputError
from segmake.figures.catalogue import Entry, write_catalogue
from segmake.presenting import ReportJob
from segmake.results import WIDEST, for_page, gather, stage_of
from segmake.tables import write_table

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>'


def picture(width=20, height=10):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "#804020").save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def root(tmp_path):
    """A results folder of the 2D branch: one classifier, two figures, the texts."""
    row = {"case": "a", "path": "a.b2nd", "status": "ok", "reason": "", "split": "train", "class": "bad"}
    lost = {"case": "x", "path": "", "status": "failed", "reason": "bad"}
    write_table(tmp_path / "slice/shard-00.tsv", [row | {"patches": "3"}, lost])
    write_table(tmp_path / "classify/resnet/shard-00.tsv", [{"case": "a", "patch": "0"}])
    write_table(tmp_path / "divide/guards.tsv", [{"guard": "patients", "status": "ok"}])
    write_table(tmp_path / "score/resnet/summary.tsv", [{"metric": "auroc", "value": "0.8"}])
    write_table(tmp_path / "score/resnet/predictions.tsv", [{"case": "a", "p_bad": "0.9"}])
    (tmp_path / "score/resnet/decision.json").write_text('{"positive": "bad"}')
    run = tmp_path / "fit/resnet/fold-0"
    run.mkdir(parents=True)
    (run / "history.csv").write_text("step,loss\n1,0.5\n")
    (run / "model.manifest.json").write_text(json.dumps({"stage": "fit"}))
    figures = tmp_path / "figures"
    figures.mkdir()
    (figures / "roc_resnet.svg").write_bytes(SVG)
    (figures / "example_a.png").write_bytes(picture())
    digest = "0" * 64
    entries = [
        Entry("roc_resnet", "roc", "ROC", "c", "a", files={"roc_resnet.svg": digest}),
        Entry("example_a", "example", "Example", "c", "a", files={"example_a.png": digest}),
        Entry("froc_a", "froc", "FROC", "c", "a", files={"froc_a.pdf": digest}),
    ]
    write_catalogue(figures / "figures.tsv", entries)
    (tmp_path / "describe").mkdir()
    (tmp_path / "describe/methods.md").write_text("We fitted.")
    (tmp_path / "describe/methods.bib").write_text("@article{x}")
    write_table(tmp_path / "describe/checklists.tsv", [{"checklist": "CLAIM", "status": "todo"}])
    return tmp_path


def job(root, **changes):
    fields = {
        "slices": [root / "slice/shard-00.tsv"],
        "tables": [root / "classify/resnet/shard-00.tsv"],
        "guards": root / "divide/guards.tsv",
        "scores": [root / "score/resnet/summary.tsv"],
        "history": [root / "fit/resnet/fold-0/history.csv"],
        "figures": root / "figures/figures.tsv",
        "methods": root / "describe/methods.md",
        "output": root / "report/index.html",
    }
    return ReportJob(**fields | changes)


def test_the_2d_branch_is_read_without_the_other(root):
    material = gather(job(root))
    assert material.plan is None
    assert material.histories == {}
    branch = material.branch
    assert [row["case"] for row in branch.sliced] == ["a"]
    assert [row["guard"] for row in branch.guards] == ["patients"]
    assert branch.histories == {("resnet", "fold-0"): [{"step": 1.0, "loss": 0.5}]}
    (one,) = branch.classifiers
    assert (one.name, one.summary[0]["value"], one.decision) == ("resnet", "0.8", {"positive": "bad"})
    assert one.predictions[0]["p_bad"] == "0.9"
    assert one.confusion == []


def test_a_case_that_could_not_be_cut_is_a_failure(root):
    (failure,) = gather(job(root)).failed
    assert (failure.stage, failure.case, failure.reason, failure.excluded) == ("slice", "x", "bad", False)


def test_figures_come_with_what_the_page_shows_and_where_they_are(root):
    roc, example = gather(job(root)).drawn
    assert (roc.svg, roc.png, roc.folder) == (SVG, b"", "../figures")
    assert example.png.startswith(b"\xff\xd8")
    elsewhere = gather(job(root, output=root / "a/b/page.html")).drawn[0]
    assert elsewhere.folder == (root / "figures").as_posix()
    assert gather(job(root, figures=None)).drawn == []


def test_a_figure_that_is_listed_and_gone_is_explained(root):
    (root / "figures/roc_resnet.svg").unlink()
    with pytest.raises(InputError, match="run figures again"):
        gather(job(root))


def test_photos_become_small_enough_for_a_page_and_keep_their_shape():
    wide = Image.open(io.BytesIO(for_page(picture(2 * WIDEST, 900))))
    assert (wide.format, wide.size) == ("JPEG", (WIDEST, 450))
    small = Image.open(io.BytesIO(for_page(picture())))
    assert small.size == (20, 10)
    assert small.getpixel((10, 5)) == pytest.approx((128, 64, 32), abs=3)
    assert for_page(picture()) == for_page(picture())


def test_texts_are_read_where_describe_wrote_them(root):
    telling = gather(job(root)).telling
    assert (telling.methods, telling.references) == ("We fitted.", "@article{x}")
    assert telling.checklists[0]["checklist"] == "CLAIM"
    (root / "describe/methods.bib").unlink()
    assert gather(job(root)).telling.references == ""
    assert gather(job(root, methods=None)).telling.methods == ""
    with pytest.raises(InputError, match="run describe again"):
        gather(job(root, methods=root / "describe/gone.md"))


def test_manifests_that_are_there_are_found(root):
    assert [manifest["stage"] for manifest in gather(job(root)).manifests] == ["fit"]


@pytest.mark.parametrize(
    ("table", "stage"),
    [
        ("evaluate/unet/shard-00.tsv", "evaluate unet"),
        ("/data/convert/run/convert/shard-00.tsv", "convert"),
        ("postprocess/unet/shard-01.tsv", "postprocess unet"),
        ("elsewhere/mine.tsv", "elsewhere"),
    ],
)
def test_the_stage_is_told_by_the_folders(tmp_path, table, stage):
    assert stage_of(tmp_path / table) == stage
