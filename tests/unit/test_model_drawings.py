from pathlib import Path

import numpy as np
import pytest

from segmake.figures.detection import Detector
from segmake.figures.drawings import Example, Style, Tables
from segmake.figures.model_drawings import curve_of, detector_name, model_drawings
from segmake.figures.records import Score, Summary
from segmake.figures.slices import cut_slices, save_slices
from segmake.figures.style import width_inches

STYLE = Style(width_inches("double"))
SUMMARY = Path("evaluate/unet/summary.tsv")
METRICS = Path("evaluate/unet/metrics.tsv")


def drawn(**tables):
    return {drawing.entry.name: drawing for drawing in model_drawings(Tables(**tables), STYLE)}


def subgroup(split, metric="dice", mean="0.7"):
    row = {"split": split, "subgroup": "site", "level": "Basel", "label": "core", "metric": metric}
    numbers = {"patients": "12", "mean": mean, "ci_low": "0.6", "ci_high": "0.8", "warning": ""}
    return row | numbers | {"unit": "ratio"}


def pair(split, metric):
    row = {"split": split, "model": "unet", "other": "segres", "label": "core", "metric": metric, "unit": ""}
    numbers = {"difference": "0.1", "ci_low": "0", "ci_high": "0.2", "p_holm": "0.5", "seed_noise": ""}
    return row | numbers | {"verdict": "no difference shown"}


def example(rank, place, case="a"):
    return Example("unet", case, "train", "0", rank, place, 0.5, "flair", Path(f"{case}.npz"))


def test_subgroups_have_a_figure_per_model_and_split_about_dice():
    path = Path("evaluate/unet/subgroups.tsv")
    rows = [subgroup("test"), subgroup("train"), subgroup("train", "hd95"), subgroup("new", "hd95")]
    means = [Summary("unet", "train", "core", "dice", "ratio", 2, 2, 0.65, 0.6, 0.1, 0.5, 0.8, 0, 0)]
    found = drawn(subgroups={path: rows}, summaries={SUMMARY: means})
    assert list(found) == ["subgroups_unet_test", "subgroups_unet_train"]
    assert found["subgroups_unet_train"].inputs == [path, SUMMARY]
    (axis,) = found["subgroups_unet_train"].draw().axes
    assert [line.get_xdata()[0] for line in axis.lines] == [0.65]
    assert not found["subgroups_unet_test"].draw().axes[0].lines


def test_comparisons_have_a_figure_per_split_of_the_metrics_that_count():
    path = Path("evaluate/comparison.tsv")
    rows = [pair("test", "dice"), pair("test", "iou"), pair("train", "iou")]
    found = drawn(comparison={path: rows})
    assert list(found) == ["comparison_test"]
    assert found["comparison_test"].inputs == [path]
    titles = [axis.get_title(loc="left") for axis in found["comparison_test"].draw().axes]
    assert titles == ["Dice ↑, core"]


def test_detectors_are_drawn_together_with_the_curves_that_are_there(tmp_path):
    points = np.array([[1.0, 0.5, 0.4, 0.6]])
    paths = [Path("score/resnet/froc.tsv"), Path("score/vit/froc.tsv")]
    (tmp_path / "score/vit").mkdir(parents=True)
    (tmp_path / "score/vit/froc_curve.tsv").touch()
    detectors = {path: Detector(points, np.empty((0, 2)), 0.5) for path in paths}
    (drawing,) = drawn(detectors=detectors, root=tmp_path).values()
    assert drawing.inputs == [*paths, Path("score/vit/froc_curve.tsv")]
    words = [text.get_text() for text in drawing.draw().axes[0].get_legend().get_texts()]
    assert words == ["resnet: CPM 0.500", "vit: CPM 0.500"]


def test_a_detector_is_called_as_its_folder_or_its_table():
    assert detector_name(Path("score/vit/froc.tsv")) == "vit"
    assert detector_name(Path("froc/mine.tsv")) == "mine"
    assert curve_of(Path("froc/mine.tsv")) == Path("froc/mine_curve.tsv")


@pytest.fixture
def slices(tmp_path):
    truth = np.zeros((12, 12, 12), np.uint8)
    truth[4:8, 4:8, 4:8] = 1
    (tmp_path / "examples/unet").mkdir(parents=True)
    cut = cut_slices(truth * 1.0, truth, truth, (1, 1, 1), {"core": 1})
    save_slices(tmp_path / "examples/unet/a.npz", cut)
    return tmp_path


def test_examples_stand_worst_first_and_say_what_they_show(slices):
    table = Path("examples/unet/examples.tsv")
    scores = [Score("unet", "train", "0", "a", "core", "dice", 0.25, "ratio", "ok")]
    examples = [example("best", 1), example("worst", 2), example("median", 1), example("worst", 1)]
    found = drawn(examples={table: examples}, scores={METRICS: scores}, root=slices)
    names = ["worst-1", "worst-2", "median-1", "best-1"]
    assert list(found) == [f"example_unet_{name}" for name in names]
    first = next(iter(found.values()))
    assert first.entry.caption == (
        "a (fold 0): mean Dice 0.500 (core 0.250). Channel flair, radiological view."
    )
    assert (first.entry.case, first.entry.photo) == ("a", True)
    assert first.inputs == [Path("examples/unet/a.npz"), METRICS]
    assert len(first.draw().axes) == 3


def test_without_tables_there_is_nothing_to_draw():
    assert drawn() == {}
