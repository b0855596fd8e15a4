import hashlib
import re
from pathlib import Path

import pytest

from segmake.errors import InputError
from segmake.figures.catalogue import (
    CHAPTERS,
    Entry,
    dependent,
    lost_files,
    read_catalogue,
    write_catalogue,
)


def sha(data):
    return hashlib.sha256(data).hexdigest()


DICE = Entry(
    name="dice_test",
    kind="dice",
    title="Dice, test",
    caption='Each point is a case; "quoted",\twith a tab.',
    alt="Box plots",
    split="test",
    files={"dice_test.svg": sha(b"<svg/>"), "dice_test.png": sha(b"png")},
    inputs={"evaluate/unet/metrics.tsv": sha(b"m"), "evaluate/seg res/metrics.tsv": sha(b"n")},
)
EXAMPLE = Entry(
    name="example_unet_a",
    kind="example",
    title="Worst",
    caption="a",
    alt="slices",
    model="unet",
    case="a",
    files={"example_unet_a.png": sha(b"")},
    inputs={"examples/unet/a.npz": sha(b"a"), "evaluate/unet/metrics.tsv": sha(b"m")},
)


@pytest.fixture
def table(tmp_path):
    write_catalogue(tmp_path / "figures.tsv", [DICE, EXAMPLE])
    (tmp_path / "dice_test.svg").write_bytes(b"<svg/>")
    (tmp_path / "dice_test.png").write_bytes(b"png")
    (tmp_path / "example_unet_a.png").write_bytes(b"")
    return tmp_path / "figures.tsv"


def test_what_is_written_is_read_again(table):
    assert read_catalogue(table) == [DICE, EXAMPLE]


def test_a_figure_knows_its_chapter_and_whether_it_is_an_image():
    assert [(entry.chapter, entry.photo) for entry in (DICE, EXAMPLE)] == [
        ("scores", False),
        ("examples", True),
    ]


def test_a_figure_knows_its_file_of_each_format():
    assert DICE.file("svg") == "dice_test.svg"
    assert EXAMPLE.file("png") == "example_unet_a.png"
    assert EXAMPLE.file("pdf") == ""


def test_the_figures_of_a_table_are_found_by_its_whole_path():
    assert dependent([DICE, EXAMPLE], "evaluate/unet/metrics.tsv") == ["dice_test", "example_unet_a"]
    assert dependent([DICE, EXAMPLE], "evaluate/seg res/metrics.tsv") == ["dice_test"]
    assert dependent([DICE, EXAMPLE], "metrics.tsv") == []


def test_a_deleted_file_is_lost(table):
    assert lost_files(table) == []
    (table.parent / "dice_test.png").unlink()
    assert lost_files(table) == ["dice_test.png"]


def test_nothing_is_lost_before_the_first_drawing(tmp_path):
    assert lost_files(tmp_path / "figures.tsv") == []


def test_another_table_is_refused(tmp_path):
    (tmp_path / "figures.tsv").write_text("name\tkind\nx\ty\n")
    with pytest.raises(InputError, match=r"no column .*segmake figures"):
        read_catalogue(tmp_path / "figures.tsv")
    assert lost_files(tmp_path / "figures.tsv") == ["figures.tsv"]


def test_snakemakes_report_has_a_caption_for_every_kind_of_figure():
    text = (Path(__file__).parents[2] / "workflow/report/figures.rst").read_text(encoding="utf-8")
    assert set(re.findall(r'^"(\w+)":', text, re.MULTILINE)) == set(CHAPTERS)
