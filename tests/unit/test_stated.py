from pathlib import Path

import pytest

from segmake.audit.manifests import Made
from segmake.reporting import stated_data, stated_models
from segmake.reporting.known import Known


def run(*jobs: tuple[str, dict]) -> Known:
    """A run of jobs that are known by their settings alone."""
    return Known(
        [
            Made(Path(f"/run/{stage}/m/fold-{index}/x.manifest.json"), {"stage": stage, "settings": settings})
            for index, (stage, settings) in enumerate(jobs)
        ]
    )


TRAIN = {"network": "UNet", "seed": 0, "oversample": 0.25, "init_from": None}
FIT = {"network": "resnet18", "seed": 1, "balance": "weights", "patience": 0}


@pytest.mark.parametrize("tell", [*stated_data.FACTS, *stated_models.FACTS], ids=lambda tell: tell.__name__)
def test_a_run_of_nothing_says_nothing_that_it_cannot_know(tell):
    text = tell(Known([]))
    general = ("flow", "missing", "details", "availability", "code")
    assert bool(text) == (tell.__name__ in general)
    assert not text or text.endswith(".")


@pytest.mark.parametrize(
    ("jobs", "fact", "text"),
    [
        ([("train", TRAIN)], "technology", "Deep learning with neural networks for segmentation (UNet)."),
        (
            [("train", TRAIN), ("fit", FIT), ("fit", FIT)],
            "technology",
            "Deep learning with neural networks for segmentation (UNet) and classification (resnet18).",
        ),
        ([("train", TRAIN)], "goal", "Training and evaluation of models."),
        ([("train", TRAIN), ("fit", FIT)], "initialisation", "Random weights; seeds 0 and 1."),
        ([("train", TRAIN | {"init_from": "w"})], "initialisation", "Pretrained weights; seeds 0."),
        (
            [("fit", FIT | {"patience": 4})],
            "selection",
            "The weights with the best AUC on the validation patches of the fold.",
        ),
        ([("fit", FIT)], "imbalance", "Fit.balance: weights."),
        ([("train", TRAIN)], "imbalance", "25% of the patches were centred on a foreground voxel."),
        (
            [("train", TRAIN), ("train", TRAIN)],
            "ensemble",
            "M: two networks, one per fold, averaged for cases that were not trained on.",
        ),
        ([("train", TRAIN)], "specification", "One file model.pt, each with its weights, plan and settings."),
        ([("train", TRAIN | {"init_from": "w"})], "updating", ""),
        ([("train", TRAIN)], "updating", "No model was updated."),
        (
            [("classify", {"explain": 3})],
            "explainability",
            "Grad-CAM of the most certain right and wrong patches.",
        ),
        (
            [("summarize", {"subgroups": ["site", "size"]})],
            "subgroups",
            "Scores by site and size are in subgroups.tsv.",
        ),
        ([("summarize", {"subgroups": []})], "robustness", ""),
    ],
)
def test_models_and_results(jobs, fact, text):
    assert getattr(stated_models, fact)(run(*jobs)) == text


@pytest.mark.parametrize(
    ("jobs", "fact", "text"),
    [
        (
            [("phantom", {}), ("convert", {})],
            "sources",
            "Synthetic phantoms made by segmake, with exact reference.",
        ),
        ([("convert", {"layout": "msd"})], "sources", "A data set in the layout msd."),
        ([("convert", {"layout": None})], "sources", ""),
        (
            [("slice", {"source": "lesions"})],
            "subsets",
            "Patches: slice.source lesions; the methods text says what that is.",
        ),
        ([("convert", {"channels": {"t1": "mr", "t2": "mr"}})], "predictors", "The images alone: t1 and t2."),
        (
            [("convert", {"channels": {"a": "ct"}})],
            "acquisition",
            "Modality: ct; technical attributes of DICOM sources are kept per case.",
        ),
        ([("divide", {"allow": ["patients"]})], "disjoint", ""),
        ([("plan", {"allow_duplicates": True})], "disjoint", ""),
        (
            [("plan", {})],
            "disjoint",
            "Patients (column group): no patient is in two folds, or in training and test cases.",
        ),
    ],
)
def test_data_and_participants(jobs, fact, text):
    assert getattr(stated_data, fact)(run(*jobs)) == text


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"dates": "drop"}, "dates were dropped."),
        (
            {"dates": "shift", "pseudonymise": "<pseudonymise>"},
            "moved by a random number of days per patient. Names of cases",
        ),
    ],
)
def test_deidentification(settings, told):
    assert told in stated_data.deidentification(run(("convert", settings)))
