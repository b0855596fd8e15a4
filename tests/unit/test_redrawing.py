"""Figures of a small results folder, drawn, read and drawn again."""

import io
import json
import re
import shutil
from xml.etree import ElementTree

import numpy as np
import pytest
from figure_cases import write_examples, write_history, write_manifest
from PIL import Image

from segmake.drawing import FiguresJob
from segmake.errors import InputError
from segmake.figures.catalogue import read_catalogue
from segmake.provenance import write_manifest as seal_manifest
from segmake.redrawing import draw, find_tables, recorded_job, redraw
from segmake.tables import hash_path

HISTORY = "train/unet/fold-0/history.csv"
SLICES = "examples/unet/a.npz"
SOURCE = "{http://purl.org/dc/elements/1.1/}source"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A results folder with a training and an example, and their figures."""
    root = tmp_path_factory.mktemp("results")
    write_history(root / HISTORY, np.random.default_rng(0), steps=20)
    write_manifest(
        root / "train/unet/fold-0/model", "train", cases=8, lr=3e-3, device="cpu", tables=["t.tsv"]
    )
    write_examples(root / "examples/unet", ["a"], {"core": 1})
    (root / "evaluate").mkdir()
    job = FiguresJob(folder=root, dpi=40)
    job = job.model_copy(update=find_tables(root))
    draw(job, root, root / "figures")
    seal_manifest("figures", FiguresJob(folder=root, dpi=40), 1.0)
    return root


@pytest.fixture
def copied(drawn, tmp_path):
    shutil.copytree(drawn, tmp_path / "results")
    return tmp_path / "results"


def sources(path):
    """What each format of a figure says it was drawn from."""
    tree = ElementTree.fromstring(path.with_suffix(".svg").read_text(encoding="utf-8"))  # noqa: S314
    yield tree.find(f".//{SOURCE}").text
    yield Image.open(path.with_suffix(".png")).text["Source"]
    words = re.search(rb"/Keywords \((.*?)(?<!\\)\)", path.with_suffix(".pdf").read_bytes(), re.DOTALL)
    yield words[1].replace(b"\\", b"").decode()


def test_the_catalogue_lists_every_file_and_table_with_its_hash(drawn):
    entries = read_catalogue(drawn / "figures/figures.tsv")
    assert [entry.name for entry in entries] == ["training_unet", "example_unet_worst-1"]
    for entry in entries:
        assert set(entry.files) == {f"{entry.name}.{kind}" for kind in ("svg", "pdf", "png")}
        assert all(hash_path(drawn / "figures" / name) == digest for name, digest in entry.files.items())
        assert all(hash_path(drawn / name) == digest for name, digest in entry.inputs.items())
    assert list(entries[0].inputs) == [HISTORY]
    assert list(entries[1].inputs) == [SLICES]


def test_every_format_carries_tables_settings_versions_and_the_commit_of_the_tables(drawn):
    told = [json.loads(text) for text in sources(drawn / "figures/training_unet")]
    assert told[0] == told[1] == told[2]
    assert told[0]["inputs"] == {HISTORY: hash_path(drawn / HISTORY)}
    assert told[0]["settings"]["figures"] == {
        "column": "double",
        "formats": ["svg", "pdf", "png"],
        "dpi": 40,
        "distribution": "box",
    }
    assert told[0]["settings"]["train"] == {"lr": 0.003}  # neither the machine nor its files
    assert told[0]["tables by"] == {"segmake": ["0.1.0"], "commit": ["c0ffee"]}
    assert set(told[0]["drawn by"]) == {"segmake", "matplotlib"}


def test_nothing_about_time_or_machine_is_in_a_file(drawn):
    for path in (drawn / "figures").iterdir():
        if path.suffix in (".svg", ".pdf", ".png"):
            data = path.read_bytes()
            assert str(drawn).encode() not in data
            assert not re.search(rb"20\d\d-\d\d-\d\d|D:20\d\d|CreationDate|tIME", data), path.name


def test_png_has_the_resolution_and_figures_the_width_asked_for(drawn):
    image = Image.open(io.BytesIO((drawn / "figures/training_unet.png").read_bytes()))
    assert image.width == int(180 / 25.4 * 40)


def test_redrawing_gives_the_same_bytes(copied):
    assert redraw(copied) == []


def test_a_changed_table_names_each_file_drawn_from_it(copied):
    text = (copied / HISTORY).read_text(encoding="utf-8")
    (copied / HISTORY).write_text(text.replace("20,0.020", "20,0.021", 1), encoding="utf-8")
    found = redraw(copied)
    assert len(found) == 3
    assert all("training_unet" in line and f"differs, as {HISTORY} changed" in line for line in found)


def test_a_changed_missing_or_strange_figure_is_named(copied):
    (copied / "figures/training_unet.svg").write_text("<svg/>", encoding="utf-8")
    (copied / "figures/training_unet.pdf").unlink()
    table = copied / "figures/figures.tsv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("example_unet_worst-1.png", "gone.png"), encoding="utf-8")
    found = [line.replace(str(copied), "") for line in redraw(copied)]
    assert found == [
        "/figures/example_unet_worst-1.png was not drawn before",
        "/figures/gone.png is not drawn any more",
        "/figures/training_unet.pdf is missing",
        "/figures/training_unet.svg differs",
    ]


def test_the_recorded_job_is_found_in_a_folder_that_was_moved(copied):
    job = recorded_job(copied)
    assert job.dpi == 40
    assert [path.as_posix() for path in job.history] == [HISTORY]


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no table"):
        find_tables(tmp_path)


def test_a_missing_history_is_explained(tmp_path):
    job = FiguresJob(history=[tmp_path / "no.csv"], output=tmp_path / "figures.tsv")
    with pytest.raises(InputError, match=r"no\.csv does not exist"):
        draw(job, tmp_path, tmp_path)
