"""Where a classifier looks: Grad-CAM and occlusion maps of single images.

Grad-CAM: Selvaraju et al., ICCV 2017, on the last layer that is fine enough to point (by monai.visualize).
Occlusion: Zeiler & Fergus, ECCV 2014: what the logit loses when a square is hidden. Both tell what a network
uses, not that it is right.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from monai.visualize import GradCAM
from torch import Tensor, nn

from segmake.errors import ConfigError
from segmake.volume.volume import Array

FINE = 7
"""Pixels of the map that Grad-CAM is made of, at least: what a ResNet has of an image of 224. The last layer
of small patches would have 2, too few to point at anything."""
SQUARES = 14
"""Places of the hidden square along a side; neighbours overlap by half."""
AT_ONCE = 32


def grad_cam(network: nn.Module, image: Tensor, class_index: int) -> Array:
    """Heat [S, S], 0 to 1, of a class in one image [C, S, S] as the network takes it.

    All 0 where nothing in the image speaks for the class.

    Raises:
        ConfigError: no layer of the network has an extent in the image (a transformer).
    """
    layer = _last_map(network, image)
    # a copy, for the camera leaves its hooks in the network
    camera = GradCAM(copy.deepcopy(network), target_layers=layer, postprocessing=lambda heat: heat)
    with torch.enable_grad():
        heat = camera(x=image[None].clone().requires_grad_(), class_idx=class_index)
    return _scaled(heat[0, 0])


@torch.inference_mode()
def occlusion(network: nn.Module, image: Tensor, class_index: int) -> Array:
    """Heat [S, S], 0 to 1: what the logit of a class loses where squares of the image take its mean grey.

    A pixel has the mean loss over the squares that hide it. (MONAI's own indexes tensors in a way that torch
    is about to read otherwise.)
    """
    size = image.shape[-1]
    side = max(2, 2 * size // SQUARES)
    starts = sorted({*range(0, size - side, max(1, side // 2)), size - side})
    places = [(row, column) for row in starts for column in starts]
    lost, times = torch.zeros(size, size), torch.zeros(size, size)
    whole = network(image[None])[0, class_index].float()
    for some in (places[i : i + AT_ONCE] for i in range(0, len(places), AT_ONCE)):
        hidden = image.repeat(len(some), 1, 1, 1)
        for copied, (row, column) in zip(hidden, some, strict=True):
            copied[:, row : row + side, column : column + side] = image.mean()
        losses = (whole - network(hidden)[:, class_index].float()).tolist()
        for loss, (row, column) in zip(losses, some, strict=True):
            lost[row : row + side, column : column + side] += loss
            times[row : row + side, column : column + side] += 1
    return _scaled(lost / times)


def heat_share(heat: Array, inside: Array) -> float:
    """Share of the heat [S, S] that lies inside a mask [S, S]; 0 without any heat."""
    total = float(heat.sum())
    return float(heat[inside].sum()) / total if total else 0.0


def _last_map(network: nn.Module, image: Tensor) -> str:
    """Name of the last layer whose output is a map of the image, `FINE` where there is one so fine."""
    seen: dict[str, int] = {}

    def watch(name: str) -> torch.utils.hooks.RemovableHandle:
        def note(_: nn.Module, __: object, output: object) -> None:
            if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[-2:]) > 1:
                seen.pop(name, None)
                seen[name] = min(output.shape[-2:])

        handle: torch.utils.hooks.RemovableHandle = modules[name].register_forward_hook(note)
        return handle

    modules = {name: module for name, module in network.named_modules() if name}
    handles = [watch(name) for name in modules]
    try:
        with torch.inference_mode():
            network(image[None])
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise ConfigError(
            f"{type(network).__name__} has no layer for a Grad-CAM on images of {image.shape[-1]} pixels; "
            "use a convolutional network, larger patches, or classify.occlusion alone"
        )
    return next((name for name in reversed(seen) if seen[name] >= FINE), [*seen][-1])


def _scaled(heat: Tensor) -> Array:
    """What speaks for the class, as a share of the strongest."""
    positive = heat.detach().float().clamp(min=0)
    top = float(positive.max())
    result: Array = (positive / top if top > 0 else positive).cpu().numpy().astype(np.float32)
    return result
