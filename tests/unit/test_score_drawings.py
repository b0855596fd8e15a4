from pathlib import Path

import pytest

from segmake.figures.catalogue import CHAPTERS
from segmake.figures.drawings import Style, Tables
from segmake.figures.records import Score, Summary
from segmake.figures.score_drawings import score_drawings, volume_pairs
from segmake.figures.style import width_inches

STYLE = Style(width_inches("double"))
METRICS = Path("evaluate/unet/metrics.tsv")
SUMMARY = Path("evaluate/unet/summary.tsv")


def score(metric="dice", value=0.5, case="a", split="train", status="ok", label="core", model="unet"):
    return Score(model, split, "0", case, label, metric, value, "ratio", status)


def summary(split="train", label="core", model="unet"):
    return Summary(model, split, label, "dice", "ratio", 2, 2, 0.5, 0.5, 0.1, 0.4, 0.6, 0, 0)


def drawn(**tables):
    return {drawing.entry.name: drawing for drawing in score_drawings(Tables(**tables), STYLE)}


def test_each_split_has_its_figures_and_test_cases_come_first():
    scores = [score(), score("nsd"), score("iou"), score(split="test"), score("truth_ml", 3.0)]
    found = drawn(scores={METRICS: scores}, summaries={SUMMARY: [summary()]})
    assert list(found) == ["dice_test", "dice_train", "surface_train", "scores_train"]
    assert found["dice_test"].inputs == [METRICS]
    assert found["dice_train"].inputs == [METRICS, SUMMARY]
    for name, drawing in found.items():
        entry = drawing.entry
        assert entry.name == f"{entry.kind}_{entry.split}" == name
        assert entry.kind in CHAPTERS
        assert entry.alt
        assert drawing.draw().get_figwidth() == pytest.approx(180 / 25.4)


def test_a_figure_shows_its_own_split_and_metrics_alone():
    scores = [score(value=0.25), score("iou", 0.1), score(value=0.75, split="test")]
    figure = drawn(scores={METRICS: scores})["dice_train"].draw()
    (panel,) = figure.axes
    points = [p.tolist() for c in panel.collections for p in c.get_offsets()]
    assert points == [[0.25, 0.0]]


def test_the_caption_says_how_it_is_drawn_and_what_the_interval_is():
    plain = drawn(scores={METRICS: [score()]}, confidence="90%")["dice_train"].entry.caption
    assert "boxes span the quartiles" in plain
    assert "90% interval" in plain
    assert "worst value" not in plain
    missed = drawn(scores={METRICS: [score(status="missed")]})["dice_train"].entry.caption
    assert "missed label or a false alarm counts with the worst value" in missed
    tables = Tables(scores={METRICS: [score()]})
    (violin,) = score_drawings(tables, Style(3.5, violin=True))
    assert "violins show the density" in violin.entry.caption


def test_a_training_figure_per_model_and_classifier_of_one_name():
    rows = [{"step": 1.0, "loss": 1.0, "lr": 0.1}, {"step": 2.0, "loss": 0.5, "lr": 0.1}]
    histories = {Path(f"train/net/fold-{fold}/history.csv"): rows for fold in (0, 1)}
    auc = [{**row, "val_auc": 0.8} for row in rows]
    found = drawn(histories=histories | {Path("fit/net/fold-0/history.csv"): auc})
    assert list(found) == ["training_net", "training_classifier-net"]
    assert found["training_net"].inputs == list(histories)
    words = [text.get_text() for text in found["training_net"].draw().legends[0].get_texts()]
    assert words == ["fold 0", "fold 1"]
    titles = [panel.get_title(loc="left") for panel in found["training_classifier-net"].draw().axes]
    assert titles[1] == "Validation AUC"


def test_a_learning_curve_needs_models_of_several_sizes():
    def manifest(model, cases):
        return {
            "stage": "train",
            "training_cases": cases,
            "settings": {"output": f"train/{model}/fold-0/model.pt"},
        }

    models = {"unet.cases-4": 4, "unet.cases-8": 8}
    summaries = {Path(f"evaluate/{m}/summary.tsv"): [summary(label="mean", model=m)] for m in models}
    given = {"scores": {METRICS: [score()]}, "summaries": summaries}
    found = drawn(**given, manifests=[manifest(model, cases) for model, cases in models.items()])
    assert found["learning_train"].inputs == list(summaries)
    assert "learning_train" not in drawn(**given, manifests=[manifest("unet.cases-4", 4)])


def test_volumes_are_compared_where_both_are_known_and_there_is_something():
    scores = [score("truth_ml", 2.0), score("prediction_ml", 3.0), score("truth_ml", 5.0, "b")]
    scores += [score(name, 0.0, "c", status="both_empty") for name in ("truth_ml", "prediction_ml")]
    truth, predicted = volume_pairs(scores)["core"]
    assert (truth.tolist(), predicted.tolist()) == ([2.0], [3.0])
    assert drawn(scores={METRICS: scores})["volumes_unet"].inputs == [METRICS]
    assert drawn(scores={METRICS: scores[2:]}) == {}


def test_expected_dice_is_drawn_for_models_that_foretold_it():
    shard = Path("predict/unet/shard-00.tsv")
    other = Path("predict/segres/shard-00.tsv")
    told = {shard: {("unet", "a", "core"): 0.9}, other: {("segres", "a", "core"): 0.1}}
    found = drawn(scores={METRICS: [score(value=0.7)]}, foretold=told)
    assert found["foretold_unet"].inputs == [METRICS, shard]
    panel = found["foretold_unet"].draw().axes[0]
    assert panel.lines[1].get_xydata().tolist() == [[0.9, 0.7]]
    assert "foretold_unet" not in drawn(scores={METRICS: [score(case="b")]}, foretold=told)


def test_without_tables_there_is_nothing_to_draw():
    assert drawn() == {}
