"""predict: takes models and cases, makes label maps on the native grid of each source.

Training cases are predicted by the models that did not see them (out of fold), test and new cases by all
models together. Also one scan without a table: `segmake predict --model M --image SCAN --output SEG`.
"""

from __future__ import annotations

import functools
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from segmake.device import choose_device
from segmake.errors import InputError
from segmake.inference.ensemble import Ensemble
from segmake.inference.restore import restore_labels
from segmake.jobs import PredictJob
from segmake.learning.checkpoint import TrainedModel, load_model
from segmake.ledger import Item, Outcome, Shard, read_record
from segmake.prepare.case import prepare
from segmake.settings import IntakeSettings, PredictSettings
from segmake.tables import Row, hash_path, is_training, read_cases
from segmake.volume.channels import read_channels
from segmake.volume.geometry import from_canonical
from segmake.volume.nifti import read_geometry, write_nifti
from segmake.volume.read import NIFTI, read_volume
from segmake.volume.volume import Affine, Array, Volume

log = logging.getLogger("segmake")
VERSION = 1


@dataclass(frozen=True)
class _Loaded:
    """A model, the hash of its file, and the cases it did not see."""

    model: TrainedModel
    digest: str


def run(job: PredictJob) -> None:
    """Predict a table of cases, or one scan."""
    torch.set_num_threads(job.threads)
    device = choose_device(job.device)
    loaded = [_Loaded(load_model(path, device), hash_path(path)) for path in job.model]
    if not loaded:
        raise InputError("predict needs at least one --model; give the model.pt of a fold")
    with threadpool_limits(job.threads, user_api="blas"):  # resampling is matrix products
        if job.table is None:
            _predict_scan(job, [entry.model for entry in loaded])
        else:
            _predict_table(job, job.table, loaded)


def _predict_scan(job: PredictJob, models: list[TrainedModel]) -> None:
    """Predict one scan given as files and write one label map."""
    if not job.output.name.endswith(NIFTI):
        raise InputError(f"a label map is written as {' or '.join(NIFTI)}, got {job.output}; rename it")
    paths = _channel_files(job.image, list(models[0].plan.channels))
    source = read_channels(paths, IntakeSettings())
    for note in source.notes:
        log.log(logging.WARNING if note.kind == "warning" else logging.INFO, "%s: %s", note.kind, note.text)
    image = source.image
    labels = predict_volume(image, Ensemble(models, job))
    native = from_canonical(Volume(_smallest(labels), image.affine), source.affine)
    scratch = job.output.with_name(f".{os.getpid()}.{job.output.name}")
    write_nifti(scratch, native, read_geometry(next(iter(paths.values()))))
    scratch.replace(job.output)
    log.info("%s: %s", job.output, _volumes(labels, image, models[0]))


def _channel_files(images: list[Path], channels: list[str]) -> dict[str, Path]:
    """File of each channel in the model's order: files in that order, `name=file` in any, or one for all."""
    if len(images) == 1 and len(channels) > 1:
        return dict.fromkeys(channels, images[0])
    named = dict(str(image).partition("=")[::2] for image in images)
    if set(named) == set(channels):
        return {channel: Path(named[channel]) for channel in channels}
    if set(named) & set(channels):
        raise InputError(
            f"--image names {', '.join(named)}, but the model takes {', '.join(channels)}; name each once"
        )
    if len(images) != len(channels):
        raise InputError(
            f"the model takes {len(channels)} channels ({', '.join(channels)}), got {len(images)} "
            "images; give one file per channel in this order, or as channel=file in any"
        )
    return dict(zip(channels, images, strict=True))


def _predict_table(job: PredictJob, table: Path, loaded: list[_Loaded]) -> None:
    """Predict the cases of a shard."""
    settings = job.model_dump(include=set(PredictSettings.model_fields) - {"device"}, mode="json")
    shard = Shard("predict", VERSION, job.output, settings, 1, job.on_error, processes=False)
    items = []
    for row in read_cases([table]):
        fit = _unbiased(row, loaded)
        if fit:
            items.append(Item(row["case"], (row["key"], *(entry.digest for entry in fit)), row))
        else:
            log.info("predict %s left out: no trained fold has kept it for validation", row["case"])
    shard.run(items, functools.partial(_predict_case, job=job, loaded=loaded, table=table))


def _unbiased(row: Row, loaded: list[_Loaded]) -> list[_Loaded]:
    """The models that may predict a case: all of them unless they could have trained on it."""
    if not is_training(row):
        return loaded
    return [entry for entry in loaded if row["case"] in entry.model.validation]


def _predict_case(item: Item, scratch: Path, job: PredictJob, loaded: list[_Loaded], table: Path) -> Outcome:
    row: Row = item.payload
    models = [entry.model for entry in _unbiased(row, loaded)]
    # Canonical since convert; asking again could flip a grid at 45 degrees.
    image = read_volume(Path(row["path"]))
    labels = predict_volume(image, Ensemble(models, job))
    details = read_record(table.parent, item.case)["details"]
    affine: Affine = np.array(details["source_affine"])
    native = from_canonical(Volume(_smallest(labels), image.affine), affine)
    name = f"{item.case}.nii.gz"
    write_nifti(scratch / name, native, details["source_header"])
    columns = {
        "split": row["split"],
        "fold": str(models[0].fold) if is_training(row) else "",
        "models": str(len(models)),
    }
    return Outcome(name, columns)


def predict_volume(image: Volume, ensemble: Ensemble) -> Array:
    """Label values [1, X, Y, Z] int16 of a canonical image."""
    prepared = prepare(image, ensemble.plan)
    logits = ensemble.logits(prepared.data)
    box = (prepared.crop_start, prepared.crop_shape)
    return restore_labels(logits, ensemble.plan, *box, image.shape, image.spacing_mm)[np.newaxis]


def _smallest(labels: Array) -> Array:
    """uint8 where the values fit, as viewers like it."""
    return labels.astype(np.uint8) if labels.max() < 256 else labels


def _volumes(labels: Array, image: Volume, model: TrainedModel) -> str:
    millilitres = float(np.prod(image.spacing_mm)) / 1000
    found = {
        name: np.count_nonzero(labels == value) * millilitres for name, value in model.plan.labels.items()
    }
    return ", ".join(f"{name} {volume:.4g} ml" for name, volume in found.items())
