import shutil
from functools import partial
from pathlib import Path

import pytest
from audit_cases import COMMIT, MODELS, Recipe, make_run, write_config

from segmake.audit.configured import read_configuration
from segmake.audit.lineage import plain, tell_story
from segmake.audit.telling import format_story
from segmake.cli import main


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "results", Recipe(models=MODELS))


@pytest.fixture
def results(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "results"))


@pytest.fixture(autouse=True)
def the_same_commit_now(monkeypatch):
    monkeypatch.setattr("segmake.audit.lineage.source_commit", lambda: COMMIT)


@pytest.fixture
def config(tmp_path):
    return partial(write_config, tmp_path / "config.yaml")


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


def test_nothing_recorded_is_explained(results, capsys):
    assert main(["explain", str(results / "cases.tsv")]) == 2
    assert "nothing is recorded of" in capsys.readouterr().err
    assert main(["explain", str(results / "nowhere.tsv")]) == 2
    assert "it is not there; give a result" in capsys.readouterr().err


def test_the_command_line_prints_the_story(results, config, capsys):
    assert main(["explain", str(results / "plan/plan.json"), "--config", str(config(plan={"folds": 3}))]) == 0
    assert "It would be made again:\n  - plan.folds was 2 and is 3\n" in capsys.readouterr().out


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
