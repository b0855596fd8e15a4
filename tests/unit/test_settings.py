from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from segmake import jobs, settings
from segmake.settings import DataSettings, PhantomSettings, PlanSettings, Section, Settings, TrainSettings

ORDER = [
    *("data", "phantom", "convert", "plan", "resample", "models", "train", "predict", "postprocess"),
    *("evaluate", "slice", "divide", "classifiers", "fit", "classify", "score"),
    *("examples", "figures", "describe", "report"),
]


def models(module: object) -> list[type[BaseModel]]:
    found = [value for value in vars(module).values() if isinstance(value, type)]
    return [kind for kind in found if issubclass(kind, Section)]


def test_sections_stand_in_data_order() -> None:
    assert list(Settings.model_fields)[-len(ORDER) :] == ORDER


@pytest.mark.parametrize("model", models(settings) + models(jobs), ids=lambda model: model.__name__)
def test_every_setting_is_explained_in_a_closed_frozen_model(model: type[BaseModel]) -> None:
    assert model.__doc__
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["frozen"] is True
    explained = {name for name, field in model.model_fields.items() if field.description}
    assert model is Settings or explained == set(model.model_fields)


def test_defaults_are_valid() -> None:
    assert Settings.model_validate(Settings().model_dump()) == Settings()


def test_a_setting_cannot_be_changed_later() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Settings, {"seed": -1}),
        (Settings, {"shards": 0}),
        (Settings, {"on_error": "ignore"}),
        (PhantomSettings, {"size": 23}),
        (PhantomSettings, {"kind": "heart"}),
        (PlanSettings, {"folds": 1}),
        (PlanSettings, {"spacing_mm": (1, 1)}),
        (PlanSettings, {"spacing_mm": (1, 1, 0)}),
        (PlanSettings, {"normalisation": {"t1": "median"}}),
        (TrainSettings, {"lr": 0}),
        (TrainSettings, {"ema": 1}),
        (TrainSettings, {"oversample": 1.1}),
        (TrainSettings, {"folds": []}),
        (TrainSettings, {"flip": ["w"]}),
        (DataSettings, {"labels": {"background": 0}}),
        (DataSettings, {"channels": {"t1": "mri"}}),
    ],
)
def test_values_out_of_bounds_are_refused(model: type[BaseModel], values: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    assert str(caught.value.errors()[0]["loc"][0]) == next(iter(values))


def test_regions_use_known_labels() -> None:
    labels = {"necrosis": 1, "edema": 2, "enhancing": 4}
    assert DataSettings(labels=labels, regions={"WT": [1, 2, 4], "ET": [4]}).regions["ET"] == [4]
    with pytest.raises(ValidationError, match=r"region 'TC' must list values of data.labels \[1, 2, 4\]"):
        DataSettings(labels=labels, regions={"TC": [1, 3]})
    with pytest.raises(ValidationError, match="region 'WT' must list values"):
        DataSettings(regions={"WT": []})
    assert DataSettings(regions={"WT": [7]}).regions == {"WT": [7]}  # the layout may know 7


def test_labels_have_values_of_their_own() -> None:
    with pytest.raises(ValidationError, match="needs a value of its own"):
        DataSettings(labels={"left": 1, "right": 1})


def test_a_prediction_is_of_a_table_or_of_a_scan() -> None:
    files = {"model": [Path("m.pt")], "output": Path("o.tsv")}
    assert jobs.PredictJob(**files, table=Path("t.tsv")).image == []
    for extra in ({}, {"table": Path("t.tsv"), "image": [Path("a.nii")]}):
        with pytest.raises(ValidationError, match="give exactly one of them"):
            jobs.PredictJob(**files, **extra)
