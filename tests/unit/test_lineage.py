import shutil
from pathlib import Path

import pytest
import yaml
from audit_cases import MEANING, Recipe, make_run

from segmake.audit.configured import changed_settings, read_configuration
from segmake.audit.lineage import plain, tell_story
from segmake.audit.manifests import Made, find_case, find_maker, manifest_paths, read_made
from segmake.audit.telling import format_story
from segmake.cli import main
from segmake.errors import ConfigError, InputError
from segmake.provenance import read_manifest

MODELS = {"unet": {"steps": 40, "lr": 0.01}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "results", Recipe(models=MODELS))


@pytest.fixture
def results(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "results"))


@pytest.fixture
def config(tmp_path):
    """Write a configuration of the run, with changes."""

    def write(**changes) -> Path:
        content = {
            "data": {"cases": "cases.tsv", **MEANING},
            "plan": {"folds": 2},
            "models": MODELS,
            "evaluate": {"resamples": 50},
        }
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(content | changes))
        return path

    return write


@pytest.mark.parametrize(
    ("file", "stage"),
    [
        ("convert/shard-00.tsv", "convert"),
        ("plan/plan.json", "plan"),
        ("train/unet/fold-1/history.csv", "train"),
        ("evaluate/unet/metrics.tsv", "summarize"),
        ("evaluate/unet/summary.tsv", "summarize"),
        ("figures/dice_unet.svg", "figures"),
        ("plan/plan.manifest.json", "plan"),
    ],
)
def test_the_maker_of_every_file_is_found(results, file, stage):
    made = find_maker(results / file)
    assert made is not None
    assert made.stage == stage
    assert made.base == results


def test_a_file_of_a_case_has_its_record_and_row(results):
    case = find_case(results / "predict/unet/a.nii.gz")
    assert case is not None
    assert case.record["case"] == "a"
    assert (case.table, case.row["case"]) == (results / "predict/unet/shard-00.tsv", "a")
    assert find_case(results / "plan/plan.json") is None
    assert find_maker(results / "cases.tsv") is None


def test_an_untouched_run_has_no_reason_to_run_again(results):
    story = tell_story(results / "evaluate/unet/summary.tsv", depth=8)
    assert (story.source.state, story.reasons, story.versions) == ("same", [], {})
    assert [other.shown for other in story.source.sources] == ["evaluate/unet/shard-00.tsv"]
    text = format_story(story, width=100)
    assert text.startswith("evaluate/unet/summary.tsv\n\nmade by     summarize, ")
    assert "settings    resamples 50, 6 others at the default\n" in text
    assert "└─ evaluate/unet/shard-00.tsv" in text
    assert "train/unet/fold-0/model.pt" in text
    assert text.endswith("Nothing that it was made from has changed: it would not be made again.\n")


def test_a_changed_file_far_up_is_named_with_who_read_it(results):
    (results / "plan/plan.json").write_text("{}")
    (results / "train/unet/fold-1/model.pt").unlink()
    story = tell_story(results / "evaluate/unet/metrics.tsv", depth=8)
    assert story.reasons == [
        "plan/plan.json has changed since evaluate read it",
        "train/unet/fold-1/model.pt is missing",
        "plan/plan.json has changed since train read it",
    ]
    lines = format_story(story, width=100).splitlines()
    assert any("plan/plan.json" in line and "CHANGED" in line for line in lines)
    assert any("fold-1/model.pt" in line and "MISSING" in line for line in lines)
    assert "  - train/unet/fold-1/model.pt is missing" in lines


def test_the_file_itself_may_be_what_changed(results):
    path = results / "predict/unet/a.nii.gz"
    path.write_text("other")
    story = tell_story(path, depth=1)
    assert story.source.state == "changed"
    assert story.reasons == ["predict/unet/a.nii.gz is not what its job made"]
    text = format_story(story, width=100)
    assert "case        a (a row of predict/unet/shard-00.tsv)" in text
    assert "file        NOT what its job made (SHA-256 " in text
    path.unlink()
    assert tell_story(path, depth=1).reasons == ["predict/unet/a.nii.gz is missing"]


def test_depth_ends_the_tree(results):
    story = tell_story(results / "evaluate/unet/summary.tsv", depth=1)
    assert [other.sources for other in story.source.sources] == [[]]


def test_a_file_that_is_shown_twice_has_its_sources_once(results):
    text = format_story(tell_story(results / "evaluate/unet/summary.tsv", depth=8), width=100)
    assert text.count("└─ cases.tsv") == 1
    assert "convert, see above" in text
    assert "cases.tsv" in text
    assert "from outside" in text


def test_versions_then_and_now(results, monkeypatch):
    monkeypatch.setattr("segmake.audit.lineage.package_versions", lambda: {"segmake": "9.9", "numpy": "1"})
    monkeypatch.setattr("segmake.audit.lineage.source_commit", lambda: "f" * 40)
    story = tell_story(results / "plan/plan.json", depth=1)
    assert story.versions["segmake"][1] == "9.9"
    assert story.versions["torch"][1] == ""
    assert story.reasons == []  # versions make nothing run again
    text = " ".join(format_story(story, width=10_000).split())
    assert "; since then commit " in text
    assert " -> ffffffffffff, segmake 0.1.0 -> 9.9" in text


def test_settings_are_compared_with_the_configuration(results, config):
    same = read_configuration([config()])
    assert tell_story(results / "evaluate/unet/summary.tsv", 8, same).reasons == []
    now = read_configuration([config(models={"unet": {"steps": 80, "lr": 0.01}}, evaluate={"resamples": 90})])
    assert tell_story(results / "evaluate/unet/summary.tsv", 8, now).reasons == [
        "summarize.resamples was 50 and is 90",
        "train.steps was 40 and is 80",
    ]


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


def test_nothing_recorded_is_explained(results, capsys):
    assert main(["explain", str(results / "cases.tsv")]) == 2
    assert "nothing is recorded of" in capsys.readouterr().err
    assert main(["explain", str(results / "nowhere.tsv")]) == 2
    assert "it is not there; give a result" in capsys.readouterr().err


def test_the_command_line_prints_the_story(results, config, capsys):
    assert main(["explain", str(results / "plan/plan.json"), "--config", str(config(plan={"folds": 3}))]) == 0
    assert "It would be made again:\n  - plan.folds was 2 and is 3\n" in capsys.readouterr().out


def test_a_damaged_manifest_is_skipped_and_hidden_ones_are_none(results):
    count = len(list(read_made(results)))
    (results / "plan/plan.manifest.json").write_text("{}")
    (results / ".work").mkdir()
    shutil.copy(results / "convert/shard-00.manifest.json", results / ".work/shard-00.manifest.json")
    assert len(list(read_made(results))) == count
    text = (results / "convert/shard-00.manifest.json").read_text()
    (results / "convert/shard-00.manifest.json").write_text(text.replace("mr", "ct"))
    assert len(list(read_made(results))) == count - 1
    assert len(manifest_paths(results)) == count


def test_hidden_inputs_have_no_path():
    made = Made(Path("/r/convert/shard-00.manifest.json"), {"stage": "convert", "inputs": {"<cases>": "1"}})
    assert made.inputs == {}
    assert made.outputs == {}


def test_only_science_is_a_setting(results):
    made = Made(results / "m", read_manifest(results / "train/unet/fold-0/model.manifest.json"))
    assert {"steps", "lr", "seed", "network"} <= made.settings.keys()
    assert not {"threads", "fold", "gpus", "plan", "tables", "output", "init_from"} & made.settings.keys()


def test_values_are_told_plainly():
    values = [0.003, True, None, [1, "x"], {"core": 1.0}, "text", ()]
    assert [plain(value) for value in values] == [
        "0.003",
        "yes",
        "unset",
        "[1, x]",
        "{core: 1}",
        "text",
        "[]",
    ]
