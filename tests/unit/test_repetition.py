import json
import shutil
from pathlib import Path

import pytest
import torch
from disc_cases import write_discs
from learning_cases import ball
from plan_cases import small_plan

from segmake.cli import main
from segmake.errors import InputError
from segmake.learning.checkpoint import load_model
from segmake.repetition import circumstances, find_trainings, repeat
from segmake.seal import sealed
from segmake.tables import write_table, write_text
from segmake.volume.store import save_array


@pytest.fixture(autouse=True)
def global_switches_come_back():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(before[0])
    torch.use_deterministic_algorithms(before[1])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A results folder with a model trained by the clock; paths in its manifest count from the folder."""
    folder = tmp_path_factory.mktemp("results")
    names = {"path": "{}.b2nd", "label": "{}_label.b2nd", "foreground": "{}_foreground.b2nd"}
    rows = []
    for case in (ball(number) for number in range(4)):
        (folder / "resample").mkdir(exist_ok=True)
        files = {column: name.format(case.name) for column, name in names.items()}
        for column, field in zip(names, ("image", "label", "foreground"), strict=True):
            save_array(folder / "resample" / files[column], getattr(case, field))
        rows.append({"case": case.name, "status": "ok", "key": case.name, "sha256": "x"} | files)
    write_table(folder / "resample" / "shard-00.tsv", rows)
    small_plan().save(folder / "plan.json")
    words = [
        "--tables",
        "resample/shard-00.tsv",
        "--plan",
        "plan.json",
        "--output",
        "train/unet/fold-0/model.pt",
    ]
    words += ["--precision", "fp32", "--seed", "3", "--minutes", "0.01", "--compile", "never"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", *words]) == 0
    return folder


@pytest.fixture
def results(trained, tmp_path):
    """A copy of it, elsewhere."""
    return Path(shutil.copytree(trained, tmp_path / "results"))


def read(results):
    path = results / "train/unet/fold-0/model.manifest.json"
    return path, json.loads(path.read_text(encoding="utf-8"))


def test_the_manifest_and_the_model_hold_the_hashes_and_the_level(trained):
    statement = read(trained)[1]["reproducibility"]
    model = load_model(trained / "train/unet/fold-0/model.pt", torch.device("cpu"))
    assert statement["weights"] == model.hashes
    assert statement["level"] == "recorded"
    assert statement["why"].startswith("its learning rates followed the clock")
    assert next(iter(model.hashes)) == "1"
    assert list(model.hashes)[-1] == str(len(model.rates))
    assert model.training == ["case1", "case3"]


def test_a_moved_folder_is_verified_on_the_command_line(results, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    marks = map(int, read(results)[1]["reproducibility"]["weights"])
    last = max(step for step in marks if step <= 9)  # the clock decides how many steps there are
    assert main(["verify", "results", "--train", "--steps", "9"]) == 0
    assert f"unet/fold-0: the weights are the same after step {last}\n" in capsys.readouterr().err
    statement = read(results)[1]["reproducibility"]
    assert (statement["level"], statement["repeated_steps"]) == ("verified", last)


def test_other_weights_are_an_error_that_says_what_was_different(results, capsys, monkeypatch):
    path, manifest = read(results)
    again = json.loads(json.dumps(manifest))
    monkeypatch.setattr("segmake.repetition._train", lambda *_: again)
    manifest["reproducibility"]["weights"]["1"] = "0" * 64
    manifest["packages"]["torch"] = "1.0"
    write_text(path, sealed(manifest))
    assert main(["verify", str(results / "train/unet"), "--train", "--steps", "1"]) == 2
    shown = capsys.readouterr().err
    assert "1 of 1 trainings did not give the same weights again" in shown
    assert (
        f"fold-0: the weights differ after step 1 (torch: 1.0 then, {torch.__version__.split('+')[0]}"
        in shown
    )
    assert read(results)[1]["reproducibility"]["level"] == "recorded"


def test_changed_inputs_and_old_manifests_are_explained(results):
    path, manifest = read(results)
    table = results / "resample/shard-00.tsv"
    table.write_text(table.read_text().replace("case1\tok", "case1\tOK"))
    with pytest.raises(
        InputError, match=r"shard-00\.tsv is not what .*fold-0 was trained on; train it again"
    ):
        repeat(path, 10)
    del manifest["reproducibility"]
    write_text(path, sealed(manifest))
    with pytest.raises(InputError, match="holds no hash of weights; train this model again"):
        repeat(path, 10)


def test_only_trainings_are_found(results, tmp_path):
    write_text(results / "plan.manifest.json", '{"stage": "plan"}')
    assert find_trainings(results) == [read(results)[0]]
    assert main(["verify", str(tmp_path / "nowhere"), "--train"]) == 2


def manifest(**changes):
    made = {"processor": "P", "python": "3", "packages": {"torch": "2", "numpy": "1"}}
    return made | {"reproducibility": {"device": "cpu", "level": "deterministic"}} | changes


def test_circumstances_name_what_differs():
    other = manifest(processor="Q", packages={"torch": "3", "monai": "1"})
    assert circumstances(manifest(), other) == (
        "processor: P then, Q now; torch: 2 then, 3 now; numpy: 1 then, none now; monai: none then, 1 now"
    )
    assert circumstances(manifest(), manifest()) == (
        "versions, processor and device are the same; it was deterministic"
    )


def test_a_classifier_is_repeated_too(tmp_path, capsys, monkeypatch):
    write_discs(tmp_path, count=4, shards=1)
    monkeypatch.chdir(tmp_path)
    words = ["--tables", "slice/shard-00.tsv", "--division", "divide/folds.tsv", "--steps", "1"]
    words += ["--network", "resnet10", "--options", '{"widen_factor": 0.125}', "--batch", "2"]
    assert main(["fit", *words, "--output", "fit/resnet/fold-0/model.pt"]) == 0
    assert [path.parent.name for path in find_trainings(tmp_path)] == ["fold-0"]
    assert main(["verify", str(tmp_path), "--train"]) == 0
    assert "resnet/fold-0: the weights are the same after step 1\n" in capsys.readouterr().err
