"""Classification networks by name: images [B, C, S, S] -> logits [B, classes].

MONAI's first; `package.module.name` is imported from the user's environment; any other name is one of timm
(extra `zoo`). ResNets are built so that torchvision's weights have exactly their names and shapes.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from monai.networks import nets
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from segmake.classification import FitSettings
from segmake.errors import ConfigError
from segmake.learning.architectures import find_named
from segmake.learning.networks import MISFITS, first_line, refuses_batch

Maker = Callable[..., nn.Module]
RESNETS = ("resnet10", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet200")
AS_TORCHVISION = {
    "conv1_t_size": 7,
    "conv1_t_stride": 2,
    "shortcut_type": "B",
    "bias_downsample": False,
}
"""Arguments with which MONAI's ResNets are those of He et al., CVPR 2016, as torchvision has them."""
DENSENETS = {f"densenet{n}": f"DenseNet{n}" for n in (121, 169, 201, 264)}
SENETS = {
    name.lower(): name
    for name in ("SENet154", "SEResNet50", "SEResNet101", "SEResNet152", "SEResNext50", "SEResNext101")
}
EFFICIENTNETS = tuple(f"efficientnet-b{n}" for n in range(9))
VIT_PATCH = 16
KNOWN = (*RESNETS, *DENSENETS, *EFFICIENTNETS, *SENETS, "vit")


class PlainViT(ViT):  # type: ignore[misc]
    """MONAI's vision transformer (Dosovitskiy et al., ICLR 2021) that returns its logits alone."""

    def __init__(self, in_channels: int, img_size: int, patch_size: int, **options: Any) -> None:
        if img_size % patch_size:  # the last rows and columns would not be seen
            raise ValueError(f"its squares of {patch_size} pixels do not divide {img_size}")
        super().__init__(in_channels, img_size, patch_size, **options)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [B, classes]."""
        logits: Tensor = super().forward(x)[0]
        return logits


def build_classifier(settings: FitSettings, channels: int, classes: int, size: int) -> nn.Module:
    """Make the network of the settings with weights drawn from their seed.

    Raises ConfigError for an unknown name, unknown options, or a size that the network cannot take.
    """
    name = settings.network
    maker = _maker(name, channels, classes, size)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        try:
            return maker(**settings.options)
        except MISFITS as error:
            raise ConfigError(
                f"fit.network {name} cannot be made for {channels} channels of {size} x {size} pixels and "
                f"{classes} classes: {first_line(error)}; see fit.options and slice.size"
            ) from error


def check_classifier(network: nn.Module, settings: FitSettings, shape: tuple[int, int], classes: int) -> None:
    """Send zeros through, so that a misfit is reported before training begins. shape: channels, size.

    Raises:
        ConfigError: the network does not take such images, or returns something else than logits.
    """
    channels, size = shape
    images = torch.zeros(2, channels, size, size, device=next(network.parameters()).device)
    was_training = network.training
    try:
        with torch.no_grad():
            output = network.eval()(images)
    except MISFITS as error:
        raise ConfigError(
            f"fit.network {settings.network} cannot take images of {size} x {size}: {first_line(error)}; "
            "change slice.size or choose another network"
        ) from error
    network.train(was_training)
    received = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if received != (2, classes):
        raise ConfigError(
            f"fit.network {settings.network} must return logits of shape (2, {classes}) for two images, got "
            f"{received}; choose a classification network"
        )
    if said := refuses_batch(network, (settings.batch, channels, size, size)):
        raise ConfigError(
            f"fit.network {settings.network} cannot be trained on batches of {settings.batch} images of "
            f"{size} x {size}: {said}; raise fit.batch or slice.size"
        )


def _maker(name: str, channels: int, classes: int, size: int) -> Maker:
    """What makes the network of this name, all but its options given."""
    into, onto = {"spatial_dims": 2, "in_channels": channels}, {"num_classes": classes}
    if name in RESNETS:
        return partial(
            getattr(nets, name), n_input_channels=channels, **AS_TORCHVISION, spatial_dims=2, **onto
        )
    if name in DENSENETS:
        return partial(getattr(nets, DENSENETS[name]), **into, out_channels=classes)
    if name in EFFICIENTNETS:
        return partial(nets.EfficientNetBN, name, pretrained=False, **into, **onto)
    if name in SENETS:
        return partial(getattr(nets, SENETS[name]), **into, **onto)
    if name == "vit":
        fixed: dict[str, Any] = {
            "img_size": size,
            "patch_size": VIT_PATCH,
            "classification": True,
            "post_activation": None,
        }
        return partial(PlainViT, **into, **onto, **fixed)
    if "." in name:
        return _imported(name, channels, classes, size)
    return _of_timm(name, channels, classes)


def _imported(name: str, channels: int, classes: int, size: int) -> Maker:
    """A class or function of another package, told what its parameters' names ask for."""
    found = find_named("fit.network", name)
    if not callable(found):
        raise ConfigError(
            f"fit.network '{name}' must be something that makes a network, got {found!r}; give "
            "package.module.Class or package.module.function"
        )
    told: dict[str, Any] = {"spatial_dims": 2, "pretrained": False}
    told |= dict.fromkeys(("in_channels", "n_input_channels", "in_chans"), channels)
    told |= dict.fromkeys(("num_classes", "out_channels", "n_classes"), classes)
    told |= dict.fromkeys(("img_size", "image_size"), size)
    parameters = inspect.signature(found).parameters
    return partial(found, **{key: value for key, value in told.items() if key in parameters})


def _of_timm(name: str, channels: int, classes: int) -> Maker:
    """A network of timm, never with weights from the net.

    Raises ConfigError when timm is not installed or does not know it.
    """
    near = ", ".join(difflib.get_close_matches(name, KNOWN, n=3) or ("resnet18", "densenet121", "vit"))
    try:
        timm = importlib.import_module("timm")
    except Exception as error:  # torchvision, which it needs, fails in other ways beside another torch
        raise ConfigError(
            f"fit.network '{name}' is none of MONAI's ({near} ...), and timm cannot be imported "
            f"({first_line(error)}); for its networks (vgg16, inception_v3, convnext_tiny ...) run "
            "pip install 'segmake[zoo]', or give package.module.Class"
        ) from error
    if not timm.is_model(name):
        raise ConfigError(
            f"fit.network '{name}' is neither one of MONAI's nor of timm's; did you mean {near}?"
        )
    return partial(timm.create_model, name, pretrained=False, in_chans=channels, num_classes=classes)
