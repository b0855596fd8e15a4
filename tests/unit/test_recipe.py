import pytest
from pydantic import ValidationError

from segmake.classification import FitSettings
from segmake.cli import parse
from segmake.configuration import check, flags, load_settings, train_settings
from segmake.errors import ConfigError
from segmake.recipe import PRESETS, VIEWS, AugmentSettings, ViewSettings
from segmake.settings import TrainSettings


def test_a_name_is_a_preset():
    strong = AugmentSettings.model_validate("strong")
    assert {name: getattr(strong, name) for name in PRESETS["strong"]} == PRESETS["strong"]
    assert strong.noise_std == AugmentSettings().noise_std


def test_keys_differ_from_the_preset():
    made = AugmentSettings(preset="light", gamma=0.5)
    assert (made.gamma, made.degrees, made.noise) == (0.5, 15, 0.15)


def test_none_leaves_no_chance():
    made = AugmentSettings.model_validate("none")
    chances = [
        name for name, field in AugmentSettings.model_fields.items() if "Chance" in str(field.description)
    ]
    assert len(chances) == 11
    assert not any(getattr(made, name) for name in chances)


@pytest.mark.parametrize(
    "written", ["strong", {"preset": "light", "elastic": 0.3}, {"scale_range": (0.9, 1.1)}]
)
def test_flags_say_what_was_written_and_no_more(written):
    settings = TrainSettings(augment=written)
    words = flags(settings)
    assert len(words[1]) < 45
    job = parse(["train", "--tables", "a.tsv", "--plan", "p", "--output", "m.pt", *words]).train
    assert job.augment == settings.augment


def test_no_flag_for_the_default_by_any_name():
    assert flags(TrainSettings(augment="default")) == flags(TrainSettings()) == []


def test_a_model_overrides_the_whole_group():
    settings = load_settings(
        {"train": {"augment": {"elastic": 0.1}}, "models": {"a": {}, "b": {"augment": "none"}}}
    )
    models = train_settings(settings, 5)
    assert (models["a"].augment.elastic, models["a"].augment.rotate) == (0.1, 0.3)
    assert (models["b"].augment.elastic, models["b"].augment.rotate) == (0, 0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("stong", "augment.preset is 'stong'"),
        ({"elastc": 1}, "unknown key 'augment.elastc'; did you mean 'elastic'"),
        ({"elastic": 2}, "augment.elastic is 2: it must be less than or equal to 1"),
        ({"elastic_strength": 0.5}, "less than or equal to 0.4"),
        ({"gamma_range": [2, 1]}, r"gamma_range is \[2, 1\]: it must be \[least, most\]; swap them"),
        ({"zoom_range": [0.5, 2]}, "augment.zoom_range.1 is 2: it must be less than or equal to 1"),
        ({"zoom_range": [0.5, 0.4]}, r"augment.zoom_range is \[0.5, 0.4\]: it must be \[least, most\]"),
        ({"scale_range": [1.1, 1.2]}, r"scale_range is \[1.1, 1.2\]: it must hold 1; widen it"),
        (7, "augment is 7"),
    ],
)
def test_misfits_are_explained(wrong, said):
    with pytest.raises(ConfigError, match=said):
        check(TrainSettings, {"augment": wrong}, "train")


def test_it_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        AugmentSettings().noise = 1


@pytest.mark.parametrize("name", VIEWS)
def test_views_have_presets_too(name):
    made = ViewSettings.model_validate(name)
    assert made.preset == name
    assert {key: getattr(made, key) for key in VIEWS[name]} == VIEWS[name]


def test_no_view_leaves_no_chance():
    made = ViewSettings.model_validate("none")
    chances = [
        name for name, field in ViewSettings.model_fields.items() if "Chance" in str(field.description)
    ]
    assert len(chances) == 11
    assert not any(getattr(made, name) for name in chances)


def test_flags_of_a_classifier_say_what_was_written_and_no_more():
    settings = FitSettings(augment={"preset": "light", "degrees": 180})
    words = flags(settings)
    assert words == ["--augment", '{"preset":"light","degrees":180.0}']
    job = parse(["fit", "--tables", "a.tsv", "--division", "d", "--output", "m.pt", *words]).fit
    assert job.augment == settings.augment
    assert flags(FitSettings(augment="default")) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"degres": 1}, "unknown key 'augment.degres'; did you mean 'degrees'"),
        ({"gamma_range": (2, 1)}, r"gamma_range is \(2, 1\): it must be \[least, most\]; swap them"),
        ({"scale_range": (1.1, 1.2)}, r"scale_range is \(1.1, 1.2\): it must hold 1; widen it"),
        ({"shift_range": 0.7}, "augment.shift_range is 0.7: it must be less than or equal to 0.5"),
    ],
)
def test_a_wrong_view_is_explained(wrong, said):
    with pytest.raises(ConfigError, match=said):
        check(FitSettings, {"augment": wrong}, "the configuration")
