import shutil
from pathlib import Path

import pytest
from audit_cases import MODELS, Recipe, make_run

from segmake.audit.manifests import Made, find_case, find_maker, manifest_paths, read_made
from segmake.provenance import read_manifest


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "results", Recipe(models=MODELS))


@pytest.fixture
def results(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "results"))


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
