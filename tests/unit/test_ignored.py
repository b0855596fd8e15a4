"""Voxels that nobody judged (`data.ignore`), from the source to the score."""

from pathlib import Path

import numpy as np
import pytest
import torch
from learning_cases import ball
from plan_cases import small_plan
from scan_cases import grid, write
from torch import nn

from segmake.configuration import check
from segmake.errors import ConfigError, InputError
from segmake.jobs import EvaluateJob
from segmake.learning.sampling import Case
from segmake.learning.validation import Validation
from segmake.plan import IGNORED
from segmake.prepare.case import class_index, foreground_locations, prepare, prepare_label
from segmake.prepare.fingerprint import measure
from segmake.prepare.intake import take_in
from segmake.settings import ConvertSettings, DataSettings
from segmake.stages import evaluate
from segmake.tables import read_table
from segmake.volume.nifti import write_nifti
from segmake.volume.volume import Volume

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def label_map():
    """Two structures, of which the second reaches into a part that nobody judged (9)."""
    data = np.zeros((1, 12, 12, 8), dtype=np.int16)
    data[0, 2:5, 2:8, 2:6] = 1
    data[0, 6:10, 2:8, 2:6] = 2
    data[0, 8:, 4:, :] = 9
    return data


def test_the_value_is_taken_in_and_others_are_not(tmp_path: Path) -> None:
    image = write(tmp_path / "t1.nii.gz", np.arange(1152).reshape(12, 12, 8).astype(np.float32), grid("RAS"))
    seg = write(tmp_path / "seg.nii.gz", label_map()[0].astype(np.uint8), grid("RAS"))
    data = {"channels": {"t1": "mr"}, "labels": {"core": 1, "rim": 2}}
    found = take_in({"t1": image}, seg, DataSettings(**data, ignore=9), ConvertSettings())
    assert np.array_equal(found.label.data, label_map())
    with pytest.raises(InputError, match=r"label values 9 \(256 voxels\)"):
        take_in({"t1": image}, seg, DataSettings(**data, ignore=8), ConvertSettings())


def test_a_label_cannot_be_ignored() -> None:
    with pytest.raises(ConfigError, match=r"data\.ignore 2 is a value of data\.labels"):
        check(DataSettings, {"labels": {"core": 2}, "ignore": 2}, "data")


def test_it_is_no_foreground_of_the_fingerprint() -> None:
    image = Volume(np.random.default_rng(0).normal(5, 1, (1, 12, 12, 8)).astype(np.float32), AFFINE)
    label = label_map()
    found = measure(image, Volume(label, AFFINE), ["t1"], "case", 9)
    inside = (label == 1) | (label == 2)
    assert found["labels"] == {"1": int((label == 1).sum()), "2": int((label == 2).sum())}
    assert found["channels"]["t1"]["count"] == inside.sum()
    assert found["channels"]["t1"]["mean"] == pytest.approx(float(image.data[inside].mean()), rel=1e-5)


def test_it_has_an_index_of_its_own_and_no_locations() -> None:
    index = class_index(label_map()[0], [0, 1, 2], 9)
    assert np.array_equal(index == IGNORED, label_map()[0] == 9)
    assert np.array_equal(index[index != IGNORED], label_map()[0][label_map()[0] != 9])
    places = foreground_locations(index, 3, 1000, "key")
    assert set(places[:, 0].tolist()) == {1, 2}
    with pytest.raises(InputError, match="holds the value 9"):
        class_index(label_map()[0], [0, 1, 2])


def test_on_another_grid_it_keeps_its_place() -> None:
    plan = small_plan(spacing_mm=(0.5, 0.5, 1.0), ignore=9)
    image = Volume(np.random.default_rng(0).normal(5, 1, (1, 12, 12, 8)).astype(np.float32), AFFINE)
    index = prepare_label(Volume(label_map(), AFFINE), prepare(image, plan), plan)
    assert sorted(np.unique(index).tolist()) == [0, 1, 2, IGNORED]
    assert index.shape == (24, 24, 16)
    assert (index == IGNORED).sum() == pytest.approx(8 * (label_map() == 9).sum(), rel=0.03)


class Bright(nn.Module):
    """Calls bright voxels the first label."""

    def forward(self, images):
        return torch.cat([1 - images, images - 1, images * 0 - 9], dim=1)


def test_it_changes_no_validation_dice() -> None:
    case, plan = ball(0), small_plan(ignore=9)
    wrong = case.image.copy()
    wrong[0, :, :, :5] = 5.0  # all called foreground
    label = case.label.copy()
    plain = Validation([case], plan, torch.device("cpu"), "fp32").dice(Bright())
    label[:, :, :5] = IGNORED
    judged = case.label.copy()
    judged[:, :, :5] = 0
    clean = case.image.copy()
    clean[0, :, :, :5] = -1
    dice = [
        Validation([Case("", image, mask, case.foreground)], plan, torch.device("cpu"), "fp32").dice(Bright())
        for image, mask in ((wrong, label), (clean, judged))
    ]
    assert dice[0] == dice[1] > 0
    assert dice[0] != plain


def scores(tmp_path: Path, prediction: np.ndarray, **flags) -> dict[tuple[str, str], str]:
    write_nifti(tmp_path / "prediction" / "a.nii.gz", Volume(prediction, AFFINE))
    write_nifti(tmp_path / "truth" / "a.nii.gz", Volume(label_map(), AFFINE))
    folders = {"prediction": tmp_path / "prediction", "truth": tmp_path / "truth"}
    evaluate.run(EvaluateJob(**folders, output=tmp_path / "scores.tsv", **flags))
    return {(row["label"], row["metric"]): row["value"] for row in read_table(tmp_path / "scores.tsv")}


@pytest.mark.parametrize("flags", [{"labels": {"1": 1, "2": 2}}, {}])
def test_what_is_predicted_there_changes_no_score(tmp_path: Path, flags) -> None:
    first = label_map()
    first[0, 2, 2:4] = 0
    found = [scores(tmp_path, first, ignore=9, **flags)]
    for value in (0, 1, 2):
        other = first.copy()
        other[label_map() == 9] = value
        found.append(scores(tmp_path, other, ignore=9, **flags))
    assert all(each == found[0] for each in found)
    assert {label for label, _ in found[0]} == {"1", "2"}
    truth, right = (label_map() == 1).sum(), (first == 1).sum()
    assert float(found[0]["1", "dice"]) == pytest.approx(2 * right / (truth + right))
    assert float(found[0]["2", "dice"]) == 1
