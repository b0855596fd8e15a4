"""Images -> logits of classes: several networks, mirrored copies, passes with random dropout."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations

import torch
from torch import Tensor, nn

from segmake.classification import ClassifySettings
from segmake.device import autocast
from segmake.errors import ConfigError
from segmake.inference.uncertainty import binary_entropy, entropy_of

Dropout = nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d | nn.AlphaDropout | nn.FeatureAlphaDropout
AXES = {"x": -1, "y": -2}


def class_logits(
    networks: Sequence[nn.Module], images: Tensor, settings: ClassifySettings, flip: Collection[str] = ()
) -> Tensor:
    """Logits [passes, B, classes] in float32: a pass for each network, or `samples` of each.

    images: [B, C, S, S] as the networks take them, on their device. With `mirror` each pass is the mean over
    the images flipped along none, some and all of the axes of `flip` (x: columns, y: rows). Random dropout is
    seeded by its pass.

    Raises:
        ConfigError: `samples` of a network without dropout, which would all be equal.
    """
    images = images.contiguous(memory_format=torch.channels_last)
    flips = _subsets([AXES[axis] for axis in flip]) if settings.mirror else [()]
    passes = []
    with torch.inference_mode(), autocast(images.device, settings.precision):
        for network in networks:
            if not settings.samples:
                passes.append(_logits(network, images, flips))
                continue
            with _dropping(network):
                for sample in range(settings.samples):
                    torch.manual_seed(sample)
                    passes.append(_logits(network, images, flips))
    return torch.stack(passes)


def disagreement(logits: Tensor, sigmoid: bool) -> Tensor:
    """How much passes [passes, B, classes] contradict each other: [B], 0 to 1.

    Mutual information of class and pass: the entropy of the mean probabilities less the mean entropy
    (Houlsby et al., arXiv 1112.5745, 2011), as a share of the largest entropy; over classes that do not
    exclude each other its mean.
    """
    chances = (logits.sigmoid() if sigmoid else logits.softmax(-1)).movedim(-1, 0)  # [classes, passes, B]
    if sigmoid:
        shared = binary_entropy(chances.mean(1)) - binary_entropy(chances).mean(1)
        return shared.mean(0).clamp(min=0)
    return (entropy_of(chances.mean(1)) - entropy_of(chances).mean(0)).clamp(min=0)


def _logits(network: nn.Module, images: Tensor, flips: Sequence[tuple[int, ...]]) -> Tensor:
    """Mean over flipped copies, in float32."""
    return torch.stack([network(images.flip(axes) if axes else images).float() for axes in flips]).mean(0)


def _subsets(axes: Sequence[int]) -> list[tuple[int, ...]]:
    return [some for count in range(len(axes) + 1) for some in combinations(axes, count)]


@contextmanager
def _dropping(network: nn.Module) -> Iterator[None]:
    """Let dropout, and nothing else, behave as in training; the random state outside stays."""
    layers = [layer for layer in network.modules() if isinstance(layer, Dropout) and layer.p > 0]
    if not layers:
        raise ConfigError(
            f"classify.samples needs a network with dropout, {type(network).__name__} has none; fit one that "
            "has, such as densenet121 with options {dropout_prob: 0.2}, or set samples to 0"
        )
    with torch.random.fork_rng():
        try:
            for layer in layers:
                layer.train()
            yield
        finally:
            for layer in layers:
                layer.eval()
