"""predict: takes models and cases, makes label maps on the native grid of each source.

Training cases are predicted by the models that did not see them (out of fold), test and new cases by all
models together. Also one scan without a table: `segmake predict --model M --image SCAN --output SEG`.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmake.cores import use_cores
from segmake.device import choose_device
from segmake.errors import InputError, SegmakeError
from segmake.inference.bundle import RECIPE
from segmake.inference.estimate import Planned, format_estimate, measure
from segmake.inference.outputs import find_writer, write_whole
from segmake.inference.portable import load_model
from segmake.inference.predictor import AT_ONCE, Prediction, Predictor
from segmake.inference.probabilities import gathered
from segmake.inference.restore import Target
from segmake.jobs import PredictJob
from segmake.learning.checkpoint import TrainedModel
from segmake.ledger import Item, Outcome, Shard, read_record
from segmake.plan import Plan
from segmake.postprocessing import read_recipe
from segmake.prepare.case import prepare
from segmake.settings import IntakeSettings, PredictSettings
from segmake.tables import Row, hash_path, is_training, read_cases, write_table
from segmake.volume.channels import read_channels
from segmake.volume.cleaning import cleaned
from segmake.volume.extent import read_extent
from segmake.volume.findings import COLUMNS as LESION_COLUMNS
from segmake.volume.findings import findings
from segmake.volume.geometry import from_canonical
from segmake.volume.nifti import read_geometry, write_nifti
from segmake.volume.read import read_volume
from segmake.volume.volume import Affine, Array, Volume

log = logging.getLogger("segmake")
VERSION = 2


@dataclass(frozen=True)
class _Loaded:
    """A model, the hash of its file, and the cases it did not see."""

    model: TrainedModel
    digest: str


def run(job: PredictJob) -> None:
    """Predict a table of cases, or one scan; or say what that would take."""
    use_cores(job.threads)
    device = choose_device(job.device)
    loaded = [_Loaded(load_model(path, device, job.trust), hash_path(path)) for path in job.model]
    if not loaded:
        raise InputError("predict needs at least one --model; give the model.pt of a fold")
    if job.estimate:
        _estimate(job, loaded)
    elif job.table is None:
        _predict_scan(job, loaded, job.target)
    else:
        _predict_table(job, job.table, loaded)


def _estimate(job: PredictJob, loaded: list[_Loaded]) -> None:
    """Print what the job would take, from headers and one window."""
    models = [entry.model for entry in loaded]
    cases = {}
    if job.table is None:
        paths = _channel_files(job.image, list(models[0].plan.channels))
        cases[job.image[0].name] = Planned(read_extent(next(iter(paths.values()))), len(models))
    else:
        for row, fit in _fitting(job.table, loaded):
            cases[row["case"]] = Planned(read_extent(Path(row["path"])), len(fit))
    predictor = Predictor(models, job, job.threads, [case.extent for case in cases.values()])
    spacing_mm = next((case.extent.spacing_mm for case in cases.values()), predictor.plan.spacing_mm)
    sys.stdout.write(format_estimate(cases, measure(predictor, spacing_mm), predictor))


def _predict_scan(job: PredictJob, loaded: list[_Loaded], output: Path) -> None:
    """Predict one scan given as files and write one label map."""
    models = [entry.model for entry in loaded]
    paths = _channel_files(job.image, list(models[0].plan.channels))
    digest = hashlib.sha256("".join(entry.digest for entry in loaded).encode()).hexdigest()
    writer = find_writer(output, next(iter(paths.values())), models[0].plan, job, digest)
    predictor = Predictor(models, job, job.threads, [read_extent(next(iter(paths.values())))])
    predictor.warm_up(models)
    source = read_channels(paths, IntakeSettings())
    for note in source.notes:
        log.log(logging.WARNING if note.kind == "warning" else logging.INFO, "%s: %s", note.kind, note.text)
    canonical, affine = source.image.affine, source.affine
    prepared, target = _prepared(source.image, models[0].plan)
    del source  # the voxels of the scan are not needed any more
    like = read_geometry(next(iter(paths.values())))
    with gathered(job.probabilities, output.parent, models[0].plan, target.shape) as viewers:
        found = predictor.predict(prepared, target, models, viewers)
        for viewer in viewers:
            path = output.with_name(f"{output.name.partition('.')[0]}_probabilities.nii.gz")
            write_whole(path, viewer.native(affine), lambda path, volume: write_nifti(path, volume, like))
    labels = Volume(_cleaned(found.labels, job, canonical, models[0].plan), canonical)
    write_whole(output, from_canonical(labels, affine), writer)
    if job.lesions:
        table = output.with_name(f"{output.name.partition('.')[0]}_lesions.tsv")
        write_table(table, _lesions(labels, models[0].plan, job.lesion_ml), LESION_COLUMNS)
    for name, share in _maps(found).items():
        path = output.with_name(f"{output.name.partition('.')[0]}_{name}.nii.gz")
        write_whole(
            path,
            from_canonical(Volume(share, canonical), affine),
            lambda path, volume: write_nifti(path, volume, like),
        )
    log.info("%s: %s", output, _volumes(labels.data, target, models[0]))


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
    """Predict the cases of a shard; while the network has one, others are read, prepared and written."""
    names = set(PredictSettings.model_fields) - {"device", "memory_gb", "dicom_seg", "codes"}
    settings = job.model_dump(include=names, mode="json")
    shard = Shard("predict", VERSION, job.target, settings, AT_ONCE, job.on_error, processes=False)
    items, extents = [], []
    for row, fit in _fitting(table, loaded):
        items.append(Item(row["case"], (row["key"], *(entry.digest for entry in fit)), (row, fit)))
        with suppress(SegmakeError):  # its case will say what is wrong
            extents.append(read_extent(Path(row["path"])))
    predictor = Predictor([entry.model for entry in loaded], job, job.threads, extents)
    started = time.perf_counter()
    try:
        shard.run(items, functools.partial(_predict_case, predictor=predictor, table=table))
    finally:
        spent = time.perf_counter() - started
        log.info("%d cases in %.1f s, of which networks %.1f s", len(items), spent, predictor.seconds)


def _fitting(table: Path, loaded: list[_Loaded]) -> Iterator[tuple[Row, list[_Loaded]]]:
    """Rows of a table with the models that may predict them: all, unless they could have trained on it."""
    for row in read_cases([table]):
        fit = [entry for entry in loaded if not is_training(row) or row["case"] in entry.model.validation]
        if fit:
            yield row, fit
        else:
            log.info("predict %s left out: no trained fold has kept it for validation", row["case"])


def _predict_case(item: Item, scratch: Path, predictor: Predictor, table: Path) -> Outcome:
    row, fit = item.payload
    models = [entry.model for entry in fit]
    path = Path(row["path"])
    with predictor.room.take(predictor.foretell(read_extent(path), len(models)).peak):
        predictor.warm_up(models)
        # Canonical since convert; asking again could flip a grid at 45 degrees.
        image = read_volume(path)
        canonical = image.affine
        prepared, target = _prepared(image, models[0].plan)
        del image
        details = read_record(table.parent, item.case)["details"]
        affine: Affine = np.array(details["source_affine"])
        settings, parent = predictor.settings, scratch.parent
        with gathered(settings.probabilities, parent, models[0].plan, target.shape) as viewers:
            found = predictor.predict(prepared, target, models, viewers)
            for viewer in viewers:
                file = scratch / f"{item.case}_probabilities.nii.gz"
                write_nifti(file, viewer.native(affine), details["source_header"])
        del prepared
        for name, data in {"": found.labels, **_maps(found)}.items():
            file = scratch / f"{item.case}{name and '_'}{name}.nii.gz"
            write_nifti(file, from_canonical(Volume(data, canonical), affine), details["source_header"])
    if predictor.settings.lesions:
        listed = _lesions(Volume(found.labels, canonical), predictor.plan, predictor.settings.lesion_ml)
        write_table(scratch / f"{item.case}_lesions.tsv", listed, LESION_COLUMNS)
    columns = {
        "split": row["split"],
        "fold": str(models[0].fold) if is_training(row) else "",
        "models": str(len(models)),
        "backend": predictor.backend,
    }
    if found.uncertainty is not None:
        dice = found.uncertainty.predicted_dice()
        columns |= {f"predicted_dice_{name}": f"{value:.4f}" for name, value in dice.items()}
    return Outcome(f"{item.case}.nii.gz", columns)


def _prepared(image: Volume, plan: Plan) -> tuple[Array, Target]:
    """The prepared image, and where it lies in the canonical one."""
    prepared = prepare(image, plan)
    return prepared.data, Target(image.shape, image.spacing_mm, prepared.crop_start, prepared.crop_shape)


def _cleaned(labels: Array, job: PredictJob, affine: Affine, plan: Plan) -> Array:
    """The label map [1, X, Y, Z] after the post-processing that the job names or the bundle brings."""
    recipe = job.recipe or job.model[0] / RECIPE
    if job.recipe is None and not recipe.exists():
        return labels
    voxel_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    for step in read_recipe(recipe).steps:
        labels = cleaned(labels[0], plan.labels[step.label], step.kind, step.ml, voxel_ml)[np.newaxis]
    return labels


def _lesions(labels: Volume, plan: Plan, smallest_ml: float) -> list[dict[str, str]]:
    """Rows of the table of lesions."""
    return [part.row() for part in findings(labels, plan.labels, smallest_ml)]


def _maps(found: Prediction) -> dict[str, Array]:
    """Maps of uncertainty by name."""
    if found.uncertainty is None:
        return {}
    maps = {"entropy": found.uncertainty.entropy, "disagreement": found.uncertainty.disagreement}
    return maps if found.models > 1 else {"entropy": maps["entropy"]}


def _volumes(labels: Array, target: Target, model: TrainedModel) -> str:
    millilitres = float(np.prod(target.spacing_mm)) / 1000
    found = {
        name: np.count_nonzero(labels == value) * millilitres for name, value in model.plan.labels.items()
    }
    return ", ".join(f"{name} {volume:.4g} ml" for name, volume in found.items())
