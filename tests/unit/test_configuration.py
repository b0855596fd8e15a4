import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from segmake.configuration import (
    check,
    find,
    flags,
    load_settings,
    model_settings,
    replicates,
    train_settings,
)
from segmake.errors import ConfigError
from segmake.settings import DataSettings, ReportSettings, Settings, TrainSettings

CONFIG = Path(__file__).resolve().parents[2] / "config"


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_configurations_are_valid(path: Path) -> None:
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert load_settings(written).workdir == Path(written["workdir"])


def test_an_empty_configuration_is_all_defaults() -> None:
    assert load_settings({}) == Settings()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"trian": {}}, "the configuration has an unknown key 'trian'; did you mean 'train'?"),
        ({"sed": 1}, "the configuration has an unknown key 'sed'; did you mean 'seed'?"),
        ({"train": {"learning_rate": 1}}, "has an unknown key 'train.learning_rate'; did you mean '"),
        ({"train": {"step": 5}}, "has an unknown key 'train.step'; did you mean 'steps'? (valid: network,"),
        ({"data": {"label": {}}}, "has an unknown key 'data.label'; did you mean 'labels'?"),
        (
            {"models": {"big": {"netwrok": "UNet"}}},
            "models.big has an unknown key 'netwrok'; did you mean 'network'?",
        ),
        ({"train": {"lr": "fast"}}, "the configuration: train.lr is 'fast': it must be a valid number"),
        ({"models": {"big": {"lr": 0}}}, "models.big: lr is 0: it must be greater than 0"),
        (
            {"models": {"big": None}},
            "the configuration: models.big is empty: it must be a valid dictionary",
        ),
        ({"models": {}}, "models is empty; name at least one"),
        (
            {"models": {"a/b": {}}},
            "a model name is letters, digits and . _ -, got 'a/b' in models; rename it",
        ),
        ({"data": None}, "the configuration: data is empty: it must be"),
        (
            {"plan": {"folds": 3}, "train": {"folds": [0, 3]}},
            "models.unet trains folds [0, 3], but the plan has 3, numbered 0 to 2; change train.folds or",
        ),
        (
            {"models": {"a": {}, "b": {"folds": [5]}}},
            "models.b trains folds [5], but the plan has 5, numbered 0 to 4; change",
        ),
        (
            {"models": {"unet": {"seeds": [0, 1]}, "unet.seed-1": {}}},
            "two models would be called 'unet.seed-1'; rename one of them in models",
        ),
        (
            {"train": {"cases": [5, 10, 5]}},
            "models.unet lists one of cases twice, got [5, 10, 5]; name each once",
        ),
        ({"train": {"cases": []}}, "train.cases is []: List should have at least 1 item"),
        ({"train": {"cases": [0]}}, "train.cases.0 is 0: it must be greater than 0"),
        ({"plan": {"folds": 1}}, "plan.folds is 1: it must be greater than or equal to 2"),
        ({"plan": {"folds": "site"}}, "plan.folds is 'site': it must be a valid integer or"),
        (
            {"plan": {"folds": "leave-one-site-out", "splits": "own.tsv"}},
            "plan.splits and plan.folds leave-one-site-out exclude each other; give one",
        ),
        (
            {"convert": {"dates": "shift"}},
            "dates: shift needs the key file of pseudonymise; give one, or drop the dates",
        ),
        (
            {"data": {"labels": {"a": 1}, "regions": {"r": [2]}}},
            "region 'r' must list values of data.labels [1], got [2]",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"sede": 1, "train": {"lr": -1}})
    assert "train.lr is -1" in str(caught.value)
    assert "'sede'; did you mean 'seed'?" in str(caught.value)


def test_a_missing_value_is_asked_for() -> None:
    from segmake.jobs import SummarizeJob

    with pytest.raises(ConfigError, match="the job needs 'metrics'; give it a value"):
        check(SummarizeJob, {"output": "o", "tables": ["t"]}, "the job")


def test_a_model_overrides_the_train_section() -> None:
    config = {
        "train": {"lr": 0.1, "folds": [0, 1], "options": {"a": 1}},
        "models": {"small": {"network": "UNet", "lr": 0.2, "options": {"b": 2}}, "plain": {}},
    }
    settings = load_settings(config)
    small = model_settings(settings, "small")
    assert (small.network, small.lr, small.folds, small.options) == ("UNet", 0.2, [0, 1], {"b": 2})
    assert model_settings(settings, "plain") == settings.train


def test_a_model_that_names_no_folds_trains_those_of_the_plan() -> None:
    models = {"all": {}, "first": {"folds": [0]}}
    settings = load_settings({"plan": {"folds": "leave-one-site-out"}, "models": models})
    assert {name: model.folds for name, model in train_settings(settings, 3).items()} == {
        "all": [0, 1, 2],
        "first": [0],
    }
    settings = load_settings({"plan": {"splits": "own.tsv"}, "train": {"folds": [1, 7]}})
    assert train_settings(settings, 8)["unet"].folds == [1, 7]
    with pytest.raises(ConfigError, match=r"models.unet trains folds \[1, 7\], but the plan has 7"):
        train_settings(settings, 7)


def test_seeds_and_numbers_of_cases_are_models_of_their_own() -> None:
    train = {"folds": [0], "seeds": [0, 7], "cases": [10, "all"]}
    models = {"unet": {}, "pinned": {"seed": 7, "cases": ["all"]}}
    found = train_settings(load_settings({"models": models, "train": train}), 5)
    assert {name: (model.seed, model.cases) for name, model in found.items()} == {
        "unet.cases-10": (0, [10]),
        "unet": (0, ["all"]),
        "unet.cases-10.seed-7": (7, [10]),
        "unet.seed-7": (7, ["all"]),
        "pinned.seed-0": (0, ["all"]),
        "pinned": (7, ["all"]),
    }
    assert [job_flags(model) for model in found.values()] == [
        ["--cases", "[10]"],
        [],
        ["--seed", "7", "--cases", "[10]"],
        ["--seed", "7"],
        [],
        ["--seed", "7"],
    ]


def job_flags(model: TrainSettings) -> list[str]:
    return flags(model, leave_out=("folds",))


def test_a_seed_that_is_added_leaves_the_model_as_it_was() -> None:
    alone = train_settings(load_settings({"seed": 3}), 5)
    more = train_settings(load_settings({"seed": 3, "train": {"seeds": [3, 4]}}), 5)
    assert list(more) == ["unet", "unet.seed-4"]
    assert job_flags(more["unet"]) == job_flags(alone["unet"]) == ["--seed", "3"]


def test_replicates_are_grouped_whoever_named_them() -> None:
    models = {"a": {"seeds": [1, 2], "cases": [4, "all"]}, "b": {"lr": 0.1}, "again": {"lr": 0.1, "seed": 9}}
    found = train_settings(load_settings({"models": models}), 5)
    assert replicates(found) == [
        ["a.cases-4.seed-1", "a.cases-4.seed-2"],
        ["a.seed-1", "a.seed-2"],
        ["b", "again"],
    ]


def test_flags_tell_only_what_differs() -> None:
    assert flags(TrainSettings()) == []
    assert flags(TrainSettings(steps=7, deep_supervision=False, flip=["z"])) == [
        *("--steps", "7"),
        "--no-deep_supervision",
        *("--flip", '["z"]'),
    ]
    assert flags(TrainSettings(steps=7, lr=1e-4), leave_out=["steps"]) == ["--lr", "0.0001"]


def test_flags_of_mappings_are_json() -> None:
    data = DataSettings(cases=Path("a b/cases, new.tsv"), label_map={4: 3}, labels={"core": 1})
    words = flags(data)
    assert words[:2] == ["--cases", "a b/cases, new.tsv"]
    assert json.loads(words[words.index("--label_map") + 1]) == {"4": 3}
    assert json.loads(words[words.index("--labels") + 1]) == {"core": 1}


def test_text_that_looks_like_a_flag_stays_text() -> None:
    assert flags(ReportSettings(title="--dpi of 3")) == ["--title=--dpi of 3"]


def test_a_relative_path_is_looked_for_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    (second / "cases.tsv").touch()
    folders = [first, second]
    assert find(Path("cases.tsv"), folders) == second / "cases.tsv"
    (first / "cases.tsv").touch()
    assert find(Path("cases.tsv"), folders) == first / "cases.tsv"
    assert find(Path("gone.tsv"), folders) == first / "gone.tsv"
    assert find(Path("../first/cases.tsv"), folders) == first / "cases.tsv"
    assert find(Path("/data/x.tsv"), folders) == Path("/data/x.tsv")
    assert find(None, folders) is None
