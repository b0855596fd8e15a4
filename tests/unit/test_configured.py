import shutil
from functools import partial
from pathlib import Path

import pytest
from audit_cases import MODELS, Recipe, make_run, write_config

from segmake.audit.configured import changed_settings, read_configuration
from segmake.audit.lineage import tell_story
from segmake.audit.manifests import Made, find_maker
from segmake.errors import ConfigError, InputError
from segmake.provenance import read_manifest


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "results", Recipe(models=MODELS))


@pytest.fixture
def results(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "results"))


@pytest.fixture
def config(tmp_path):
    return partial(write_config, tmp_path / "config.yaml")


def test_a_model_that_is_gone_and_seeds_are_understood(results, config):
    gone = read_configuration([config(models={"segres": {}})])
    reasons = tell_story(results / "train/unet/fold-0/model.pt", 8, gone).reasons
    assert reasons == ["train: the configuration has no model unet any more; it would not be trained"]
    seeded = read_configuration([config(seed=3, models={"unet": {**MODELS["unet"], "seeds": [3, 4]}})])
    made = find_maker(results / "train/unet/fold-0/model.pt")
    assert made is not None
    assert changed_settings(made, seeded) == {"seed": (0, 3)}


def test_several_configurations_are_merged_deeply(config, tmp_path):
    over = tmp_path / "over.yaml"
    over.write_text("models: {unet: {steps: 7}}\n")
    settings = read_configuration([config(), over])
    assert settings.models["unet"] == {"steps": 7, "lr": 0.01}
    (tmp_path / "list.yaml").write_text("[1]")
    (tmp_path / "bad.yaml").write_text("a: [")
    for name, told in (("list", "is no mapping"), ("bad", "cannot be read"), ("none", "cannot be read")):
        with pytest.raises(InputError, match=rf"{name}\.yaml {told}"):
            read_configuration([tmp_path / f"{name}.yaml"])
    (tmp_path / "wrong.yaml").write_text("trian: {}")
    with pytest.raises(ConfigError, match="did you mean 'train'"):
        read_configuration([tmp_path / "wrong.yaml"])


def test_stages_are_asked_for_what_their_rules_are_given(results, config):
    """evaluate is not told of resamples, nor summarize of tolerances: changing those runs other jobs."""
    now = read_configuration([config(evaluate={"resamples": 90, "nsd_tolerance_mm": 3.0, "permutations": 5})])
    changed = {}
    for name in ("evaluate/unet/shard-00.tsv", "evaluate/unet/summary.tsv"):
        made = find_maker(results / name)
        assert made is not None
        changed[made.stage] = changed_settings(made, now)
    assert changed == {
        "evaluate": {"nsd_tolerance_mm": (1.0, 3.0)},
        "summarize": {"resamples": (50, 90)},
    }


def test_what_a_layout_says_is_not_held_against_the_configuration(results, config):
    now = read_configuration([config(data={"layout": "brats", "root": "/data"})])
    made = find_maker(results / "plan/plan.json")
    assert made is not None
    assert changed_settings(made, now) == {}  # channels and labels come from the layout
    other = read_configuration([config(data={"cases": "c", "channels": {"t1": "ct"}, "labels": {"core": 1}})])
    assert changed_settings(made, other) == {
        "channels": ({"t1": "mr"}, {"t1": "ct"}),
        "labels": ({"core": 1, "rim": 2}, {"core": 1}),
    }


def test_models_by_seed_and_number_of_cases(results, config):
    path = results / "train/unet.cases-2.seed-4/fold-0/model.manifest.json"
    shutil.copytree(results / "train/unet/fold-0", path.parent)
    made = Made(path, read_manifest(path))
    models = {"unet": MODELS["unet"] | {"cases": [2, "all"], "seeds": [0, 4]}}
    assert changed_settings(made, read_configuration([config(models=models)])) == {
        "seed": (0, 4),
        "cases": (["all"], [2]),
    }
