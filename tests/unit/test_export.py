"""Exported models give the labels of `segmake predict`, run by segmake and by MONAI."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from monai import bundle as monai_bundle
from plan_cases import small_plan
from scipy.ndimage import gaussian_filter
from torch import nn

from segmake.errors import ConfigError, InputError
from segmake.inference import portable
from segmake.inference.bundle import graph_plan, inference, metadata
from segmake.inference.portable import ClassScores, export_program
from segmake.jobs import ExportJob, PredictJob
from segmake.learning.checkpoint import TrainedModel, save_model, versions
from segmake.learning.networks import build
from segmake.plan import Normalisation, Plan
from segmake.postprocessing import Recipe, Step, read_recipe
from segmake.settings import TrainSettings
from segmake.stages import export, predict

torch.set_num_threads(1)
CPU = torch.device("cpu")
PLAN = small_plan(crop="nonzero", labels={"core": 1, "rim": 300})


def trained(plan: Plan, seed: int) -> TrainedModel:
    network = build("UNet", {}, plan, False, seed)
    facts = {"validation": ["Jane Doe"], "history": {"step": 5.0}, "versions": versions()}
    return TrainedModel(network.eval(), plan, seed, TrainSettings(network="UNet"), seed, **facts)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    paths = [folder / f"{seed}.pt" for seed in range(2)]
    for seed, path in enumerate(paths):
        save_model(path, trained(PLAN, seed))
    return paths


@pytest.fixture(scope="module")
def made(models: list[Path]) -> Path:
    folder = models[0].parent / "bundle"
    export.run(ExportJob(model=models, output=folder))
    return folder


@pytest.fixture(scope="module")
def scan(models: list[Path]) -> Path:
    """Fits one window: MONAI places several windows elsewhere."""
    values = gaussian_filter(np.random.default_rng(0).random((19, 14, 12)), 2).astype(np.float32)
    values[:3] = 0  # cropped away
    affine = np.array([[-1, 0, 0, 5], [0, 0, 1, 6], [0, -1, 0, 7], [0, 0, 0, 1.0]])
    path = models[0].parent / "scan.nii.gz"
    nib.save(nib.Nifti1Image(values * 100, affine), path)
    return path


@pytest.fixture(scope="module")
def expected(models: list[Path], scan: Path) -> nib.Nifti1Image:
    output = scan.with_name("expected.nii.gz")
    predict.run(PredictJob(model=models, image=[scan], output=output, precision="fp32", device="cpu"))
    found = nib.load(output)
    assert set(np.unique(found.dataobj)) == {0, 1, 300}
    return found


def assert_same(path: Path, expected: nib.Nifti1Image) -> None:
    found = nib.load(path)
    assert np.array_equal(found.dataobj, expected.dataobj)
    assert np.array_equal(found.affine, expected.affine)


def run_bundle(folder: Path, config: str, **settings: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI's own
        monai_bundle.run(config_file=str(folder / "configs" / config), bundle_root=str(folder), **settings)


def test_segmake_predicts_with_the_bundle_as_with_its_models(
    made: Path, scan: Path, expected: nib.Nifti1Image, tmp_path: Path
) -> None:
    output = tmp_path / "labels.nii.gz"
    predict.run(PredictJob(model=[made], image=[scan], output=output, precision="fp32", device="cpu"))
    assert_same(output, expected)


@pytest.mark.parametrize("config", ["inference.json", "inference_exact.json"])
def test_monai_runs_the_bundle_to_the_same_labels(
    made: Path, scan: Path, expected: nib.Nifti1Image, tmp_path: Path, config: str
) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(made, folder)
    try:
        run_bundle(folder, config, images=[str(scan)])
    finally:
        torch.set_grad_enabled(True)
    (output,) = (folder / "eval").glob("*.nii.gz")
    assert_same(output, expected)


def test_the_bundle_tells_of_the_training_and_names_no_case(made: Path, models: list[Path]) -> None:
    about = json.loads((made / "configs" / "metadata.json").read_text())
    assert [model["fold"] for model in about["segmake"]["models"]] == [0, 1]
    assert about["segmake"]["models"][0]["cases"] == {"training": 0, "validation": 1}
    assert about["network_data_format"]["outputs"]["pred"]["channel_def"]["2"] == "rim"
    assert Plan.model_validate(about["segmake"]["plan"]) == PLAN.model_copy(update={"folds": {}})
    for path in made.rglob("*"):
        assert path.is_dir() or b"Jane" not in path.read_bytes()
    assert "- 300: rim" in (made / "docs" / "README.md").read_text()


def test_the_bundle_has_a_card_that_hugging_face_reads(made: Path) -> None:
    card = ModelCard((made / "README.md").read_text(encoding="utf-8"))
    assert (card.data.pipeline_tag, card.data.license) == ("image-segmentation", "unknown")
    assert card.data.tags[-1] == "mr"
    assert card.text.strip() == (made / "docs/README.md").read_text(encoding="utf-8").strip()


def test_a_bundle_brings_its_post_processing(models: list[Path], tmp_path: Path) -> None:
    steps = [{"label": "core", "kind": "largest"}]
    (tmp_path / "recipe.json").write_text(json.dumps({"steps": steps, "folds": {"0": steps}}))
    export.run(ExportJob(model=models, output=tmp_path / "made", recipe=tmp_path / "recipe.json"))
    found = read_recipe(tmp_path / "made" / "configs" / "recipe.json")
    assert found == Recipe(steps=[Step(label="core", kind="largest")])


def test_a_bundle_is_replaced_and_nothing_else_is(made: Path, models: list[Path], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="exists and is no bundle"):
        export.run(ExportJob(model=models, output=tmp_path / "mine"))
    with pytest.raises(InputError, match="at least one --model"):
        export.run(ExportJob(model=[], output=tmp_path / "new"))
    with pytest.raises(InputError, match=r"mine is no bundle of segmake export"):
        portable.load_model(tmp_path / "mine", CPU)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_overlapping_regions_become_classes() -> None:
    plan = small_plan(regions={"whole": [1, 2], "core": [1]})
    fixed = torch.tensor([[3.0, -1.0], [2.0, 1.0]])

    class Heads(nn.Module):
        def __init__(self, values: torch.Tensor) -> None:
            super().__init__()
            self.values = values

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.values[None, :, None, None, None].expand(len(x), 2, *x.shape[2:])

    fold = trained(small_plan(), 0)
    members = [TrainedModel(Heads(values), plan, 0, fold.settings, 0, [], {}, {}) for values in fixed]
    scores = ClassScores(members)(torch.zeros(1, 1, 2, 2, 2))
    # means 2.5 and 0: background 0, core both heads, rim the first
    assert scores[0, :, 0, 0, 0].tolist() == [0.0, 2.5, 2.5]
    assert graph_plan(plan).heads == [(0,), (1,), (2,)]


def test_each_kind_of_intensities_has_its_transforms() -> None:
    ct = Normalisation(scheme="ct", lower=-100, upper=300, mean=50, std=25)
    plan = small_plan(
        channels={"ct": "ct", "pet": "pet"},
        normalisation={"ct": ct, "pet": Normalisation(scheme="zscore", masked=True)},
    )
    steps = inference(plan)["preprocessing"]["transforms"]
    names = [step["_target_"] for step in steps]
    assert names[3:] == [
        *("SplitDimd", "ScaleIntensityRanged", "NormalizeIntensityd", "ConcatItemsd", "Spacingd")
    ]
    window = steps[4]
    assert (window["a_min"], window["a_max"], window["b_min"], window["b_max"]) == (-100, 300, -6.0, 10.0)
    assert metadata([trained(PLAN, 0)], ["x"])["network_data_format"]["inputs"]["image"]["num_channels"] == 1


def test_a_network_that_no_graph_can_hold_is_explained() -> None:
    class Undecided(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if float(x.sum()) > 0 else -x

    fold = trained(small_plan(), 0)
    scores = ClassScores([TrainedModel(Undecided(), small_plan(), 0, fold.settings, 0, [], {}, {})])
    with pytest.raises(InputError, match=r"cannot be exported .* share its model\.pt"):
        export_program(scores, torch.zeros(2, 1, 4, 4, 4))


def test_onnx_needs_its_packages(models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setattr(portable, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'segmake\[export\]'"):
        export.run(ExportJob(model=models, output=tmp_path / "new", onnx=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_onnx_computes_the_same(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    scores = ClassScores([trained(PLAN, 0), trained(PLAN, 1)])
    images = torch.rand(3, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        portable.save_onnx(export_program(scores, images[:2]), tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    (found,) = session.run(["scores"], {"image": images.numpy()})
    with torch.inference_mode():
        assert np.allclose(found, scores(images), atol=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
