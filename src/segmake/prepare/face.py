"""Does a scan show a head with its face? Then a rendering of it shows the patient.

The DICOM attribute BodyPartExamined decides where there is one. Else a scan counts as a head when what is
not air has the size of one and most rays from its sides meet, a few millimetres in, a layer of bone: dark
between two bright layers in MR, above 300 HU in CT. Brains without their skull, crops and trunks do not.
A scan whose background is not its darkest value has been normalised and masked, and is not judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from segmake.volume.volume import Array

BODY_PARTS = ("HEAD", "BRAIN", "FACE", "SKULL", "ORBIT", "SINUS")
LEAST_MM, MOST_MM = (110, 130, 90), (220, 280, 400)
"""Width, depth and height of a head; a trunk is wider, a brain has no bone around it."""
BODY_HU, BONE_HU = -300, 300
THIN_MM = 3.0
DEPTH_MM = 30.0
"""How far below the skin a ray looks for bone."""
BONE_MM = 2.0
"""Least thickness of the layer."""


def shows_face(channel: Array, spacing_mm: Sequence[float], modality: str, tags: Mapping[str, str]) -> bool:
    """Whether a channel [X, Y, Z] on a canonical grid looks like a head that nobody has defaced."""
    part = tags.get("BodyPartExamined", "").upper()
    if part:
        return any(word in part for word in BODY_PARTS)
    size_mm = np.array(channel.shape) * spacing_mm
    if modality not in ("ct", "mr") or (size_mm < LEAST_MM).any():
        return False
    steps = tuple(slice(None, None, max(1, int(THIN_MM / size))) for size in spacing_mm)
    thin = channel[steps].astype(np.float32)
    levels = (BODY_HU, BONE_HU) if modality == "ct" else _mr_levels(thin)
    if levels is None:
        return False
    box = _extent(thin > levels[0])
    starts = [near.start * (step.step or 1) for near, step in zip(box, steps, strict=True)]
    counts = [(near.stop - near.start) * (step.step or 1) for near, step in zip(box, steps, strict=True)]
    box_mm = np.array(counts) * spacing_mm
    if (box_mm < LEAST_MM).any() or (box_mm > MOST_MM).any():
        return False
    # The upper part, above the orbits; the middle third from front to back.
    heights = starts[2] + np.linspace(0.55, 0.85, 7) * counts[2]
    depths = starts[1] + np.linspace(0.35, 0.65, 7) * counts[1]
    lines = channel[:, depths.astype(int)[:, None], heights.astype(int)[None]].reshape(channel.shape[0], -1)
    rays = [*lines.T, *lines[::-1].T]
    found = [_meets_bone(ray.astype(np.float32), spacing_mm[0], levels, modality) for ray in rays]
    return bool(np.mean(found) > 0.5)


def _mr_levels(thin: Array) -> tuple[float, float] | None:
    """Intensities above which there is tissue, and below which there is bone; None for masked scans."""
    sides = [thin[0], thin[-1], thin[:, 0], thin[:, -1]]
    air = float(np.median(np.concatenate([side.ravel() for side in sides])))
    least, high = float(thin.min()), float(np.percentile(thin, 99))
    if air - least > 0.1 * (high - least):
        return None
    body = air + 0.15 * (high - air)
    tissue = thin[thin > body]
    return (body, air + 0.3 * (float(np.median(tissue)) - air)) if tissue.size else None


def _extent(mask: Array) -> tuple[slice, ...]:
    """Box of the planes that hold a tenth of the fullest plane or more: tables and noise do not count."""
    box = []
    for axis in range(3):
        filled = mask.sum(axis=tuple({0, 1, 2} - {axis}))
        planes = np.flatnonzero(filled >= max(1, 0.1 * filled.max()))
        box.append(slice(int(planes[0]), int(planes[-1]) + 1) if planes.size else slice(0, 0))
    return tuple(box)


def _meets_bone(ray: Array, step_mm: float, levels: tuple[float, float], modality: str) -> bool:
    """Whether a ray from outside meets skin, then a layer of bone, then tissue again."""
    body, bone = levels
    skin = int(np.argmax(ray > body))
    depth = ray[skin + 1 : skin + 1 + round(DEPTH_MM / step_mm)]
    layer = depth > bone if modality == "ct" else depth < bone
    thick = max(1, round(BONE_MM / step_mm))
    runs = np.convolve(layer, np.ones(thick), "valid") > thick - 0.5 if layer.size >= thick else layer[:0]
    if ray[skin] <= body or not runs.any():
        return False
    beyond = depth[int(np.argmax(runs)) + thick :]
    return bool(((beyond > body) & ~layer[-beyond.size :]).any()) if beyond.size else False
