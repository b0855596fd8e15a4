"""export: takes trained models, makes a MONAI bundle: one graph, its texts, ONNX on request."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import torch

from segmake.errors import InputError
from segmake.inference.bundle import MODEL, RECIPE, inference, inference_exact, metadata, readme
from segmake.inference.ensemble import Ensemble
from segmake.inference.portable import ClassScores, check_onnx, export_program, save_onnx
from segmake.jobs import ExportJob
from segmake.learning.checkpoint import TrainedModel, load_model
from segmake.postprocessing import read_recipe
from segmake.reporting.card import front_matter
from segmake.settings import PredictSettings
from segmake.tables import hash_path, write_text

log = logging.getLogger("segmake")


def run(job: ExportJob) -> None:
    """Write the bundle beside its place, then rename it into place."""
    if not job.model:
        raise InputError("export needs at least one --model; give the model.pt of a fold")
    if job.output.exists() and not (job.output / "configs" / "metadata.json").exists():
        raise InputError(f"{job.output} exists and is no bundle; name a new folder for --output")
    if job.onnx:
        check_onnx()
    models = [load_model(path, torch.device("cpu"), job.trust) for path in job.model]
    Ensemble(models, PredictSettings(device="cpu"))  # of one plan, or it says so
    scratch = job.output.with_name(f".{job.output.name}.work")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        _write(scratch, job, models)
        shutil.rmtree(job.output, ignore_errors=True)
        scratch.replace(job.output)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    log.info("%s: %d models in one graph", job.output, len(models))


def _write(folder: Path, job: ExportJob, models: list[TrainedModel]) -> None:
    plan = models[0].plan
    texts = {
        "configs/metadata.json": metadata(models, [hash_path(path) for path in job.model]),
        "configs/inference.json": inference(plan),
        "configs/inference_exact.json": inference_exact(plan),
    }
    for name, content in texts.items():
        write_text(folder / name, json.dumps(content, indent=1) + "\n")
    if job.recipe is not None:
        write_text(
            folder / RECIPE, read_recipe(job.recipe).model_copy(update={"folds": {}}).model_dump_json()
        )
    told = readme(models)
    head = front_matter("segmake", "train", "", list(dict.fromkeys(plan.channels.values())), [])
    write_text(folder / "docs" / "README.md", told)
    write_text(folder / "README.md", f"{head}\n{told}")  # where Hugging Face looks for a model card
    (folder / MODEL).parent.mkdir()
    program = export_program(ClassScores(models), torch.zeros(2, len(plan.channels), *plan.patch))
    torch.export.save(program, folder / MODEL)
    if job.onnx:
        save_onnx(program, (folder / MODEL).with_suffix(".onnx"))
