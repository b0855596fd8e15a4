"""Label maps of other programs: taken in where they fit, refused with a sentence where they do not."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from plan_cases import small_plan
from scan_cases import grid, sheet, write

from segmake.errors import CasesFailed, ConfigError, InputError
from segmake.jobs import ConvertJob, ExternalJob
from segmake.stages import convert, external
from segmake.tables import Row, read_table
from segmake.volume.volume import Array

SHAPE = (9, 7, 5)
AFFINE = grid("LPS", (1, 1.5, 2), 12)
LABELS = {"core": 1, "rim": 2}
PREDICTOR = """
import json, pathlib, shutil, sys
words = dict(zip(sys.argv[1:], sys.argv[2:]))
inputs, output = pathlib.Path(words["-i"]), pathlib.Path(words["-o"])
output.mkdir()
import nibabel
for path in sorted(inputs.glob("*_0000.nii.gz")):
    image = nibabel.load(path)
    values = (image.get_fdata() > 0).astype("uint8")
    nibabel.save(nibabel.Nifti1Image(values, image.affine), output / path.name.replace("_0000", ""))
told = pathlib.Path(words["-m"]) / "told.jsonl"
with told.open("a") as stream:
    stream.write(json.dumps(sys.argv[1:]) + "\\n")
"""


def voxels(seed: int) -> Array:
    return np.random.default_rng(seed).integers(0, 3, SHAPE).astype(np.uint8)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Converted: a training case, a test case."""
    rows = []
    for number, split in enumerate(("train", "test")):
        image = write(tmp_path / f"{number}.nii.gz", voxels(number).astype(np.float32) - 1, AFFINE)
        label = write(tmp_path / f"{number}_label.nii.gz", voxels(number), AFFINE)
        rows.append({"case": f"c{number}", "split": split, "t1": image, "label": label})
    table = tmp_path / "convert" / "shard-00.tsv"
    convert.run(ConvertJob(cases=sheet(tmp_path, rows), channels={"t1": "mr"}, labels=LABELS, output=table))
    small_plan().save(tmp_path / "plan.json")
    return tmp_path


def run(folder: Path, **settings: Any) -> dict[str, Row]:
    output = folder / "predict" / "shard-00.tsv"
    table, plan = folder / "convert" / "shard-00.tsv", folder / "plan.json"
    external.run(ExternalJob(table=table, plan=plan, output=output, **settings))
    return {row["case"]: row for row in read_table(output)}


def maps(folder: Path, change: Callable[[Array], Array] = np.asarray, affine: Array = AFFINE) -> Path:
    made = folder / "theirs"
    made.mkdir(exist_ok=True)
    for number in range(2):
        write(made / f"c{number}.nii.gz", change(voxels(number + 10)), affine)
    return made


def test_maps_come_in_on_the_native_grid(study: Path) -> None:
    rows = run(study, external=maps(study))
    assert {case: (row["status"], row["split"], row["fold"]) for case, row in rows.items()} == {
        "c0": ("ok", "train", ""),
        "c1": ("ok", "test", ""),
    }
    made, source = (nib.load(study / name) for name in ("predict/c1.nii.gz", "1.nii.gz"))
    assert np.array_equal(made.dataobj, voxels(11))
    assert np.array_equal(made.affine, source.affine)


def test_a_map_in_another_orientation_is_turned(study: Path) -> None:
    turned = maps(
        study,
        lambda data: data[::-1],
        AFFINE @ np.array([[-1, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
    )
    run(study, external=turned)
    assert np.array_equal(nib.load(study / "predict/c1.nii.gz").dataobj, voxels(11))


def test_a_case_without_a_map_is_left_out(study: Path) -> None:
    folder = maps(study)
    (folder / "c1.nii.gz").unlink()
    rows = run(study, external=folder)
    assert (rows["c0"]["status"], rows["c1"]["status"]) == ("ok", "excluded")
    assert rows["c1"]["reason"] == "the other program left no label map theirs/c1.nii.gz"


def test_a_new_map_is_noticed_and_an_old_one_is_kept(study: Path) -> None:
    folder = maps(study)
    first = run(study, external=folder)
    stamps = [(study / f"predict/c{number}.nii.gz").stat().st_mtime_ns for number in range(2)]
    write(folder / "c1.nii.gz", voxels(5), AFFINE)
    second = run(study, external=folder)
    assert (study / "predict/c0.nii.gz").stat().st_mtime_ns == stamps[0]
    assert first["c0"] == second["c0"]
    assert np.array_equal(nib.load(study / "predict/c1.nii.gz").dataobj, voxels(5))


@pytest.mark.parametrize(
    ("change", "affine", "said"),
    [
        (lambda data: data[1:], AFFINE, r"must lie on the grid of its image, got \(8, 5, 7\)|corners"),
        (np.asarray, AFFINE + np.eye(4)[3] * [[0.2], [0], [0], [0]], r"corners up to 0\.2 mm apart"),
        (
            lambda data: data + (data == 2),
            AFFINE,
            r"c0\.nii\.gz holds the value 3, but the labels have \[1, 2\]",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    study: Path, change: Callable[[Array], Array], affine: Array, said: str
) -> None:
    with pytest.raises(CasesFailed, match=said):
        run(study, external=maps(study, change, affine))


def test_no_folder_is_explained(study: Path) -> None:
    with pytest.raises(InputError, match="is no folder of label maps"):
        run(study, external=study / "nowhere")


@pytest.fixture
def trained(study: Path) -> Path:
    folder = study / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    kept = folder / "fold_1" / "validation"
    kept.mkdir(parents=True)
    (folder / "fold_0").mkdir()
    for fold in range(2):
        (folder / f"fold_{fold}" / "checkpoint_final.pth").write_bytes(b"weights")
    (folder / "plans.json").write_text("{}")
    about = {"channel_names": {"0": "T1"}, "labels": {"background": 0}, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(about))
    write(kept / "c0.nii.gz", voxels(20), AFFINE)
    (study / "predictor.py").write_text(PREDICTOR)
    return folder


def command(folder: Path) -> list[str]:
    return [sys.executable, str(folder / "predictor.py")]


def test_an_nnunet_predicts_what_it_did_not_see(study: Path, trained: Path) -> None:
    rows = run(study, nnunet=trained, command=command(study))
    assert [(row["status"], row["fold"]) for row in rows.values()] == [("ok", "1"), ("ok", "")]
    assert np.array_equal(nib.load(study / "predict/c0.nii.gz").dataobj, voxels(20))
    assert np.array_equal(nib.load(study / "predict/c1.nii.gz").dataobj, voxels(1) == 2)
    assert sorted(path.name for path in (study / "predict").iterdir()) == [
        *("c0.json", "c0.nii.gz", "c1.json", "c1.nii.gz", "shard-00.tsv")
    ]
    run(study, nnunet=trained, command=command(study))
    (told,) = (trained / "told.jsonl").read_text().splitlines()  # the second run had nothing to do
    assert json.loads(told)[-3:] == ["-f", "0", "1"]


def test_what_an_nnunet_says_when_it_fails_is_told(study: Path, trained: Path) -> None:
    (study / "predictor.py").write_text("import sys; sys.exit('no CUDA here')")
    with pytest.raises(InputError, match="ended with code 1 and said: no CUDA here"):
        run(study, nnunet=trained, command=command(study))
    with pytest.raises(InputError, match=r"nowhere cannot be run .* give the command of your nnU-Net"):
        run(study, nnunet=trained, command=["nowhere"])


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (None, "is no trained nnU-Net v2"),
        (
            {"channel_names": {"0": "a", "1": "b"}, "file_ending": ".nii.gz"},
            "takes 2 channels as .nii.gz, the data have 1",
        ),
        ({"channel_names": {"0": "a"}, "file_ending": ".png"}, "takes 1 channels as .png"),
    ],
)
def test_a_model_for_other_data_is_refused(study: Path, trained: Path, about: Any, said: str) -> None:
    (trained / "dataset.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match=said):
        run(study, nnunet=trained, command=command(study))


def test_a_model_is_one_of_both_kinds() -> None:
    from segmake.configuration import external_settings, load_settings, train_settings

    with pytest.raises(ConfigError, match=r"models\.theirs.*either external: FOLDER or nnunet: FOLDER"):
        load_settings({"models": {"theirs": {"external": "a", "nnunet": "b"}}})
    with pytest.raises(ConfigError, match="unknown key 'lr'"):
        load_settings({"models": {"theirs": {"external": "a", "lr": 1}}})
    settings = load_settings({"models": {"ours": {}, "theirs": {"external": "a"}}})
    assert list(train_settings(settings, 5)) == ["ours"]
    assert external_settings(settings)["theirs"].external == Path("a")
