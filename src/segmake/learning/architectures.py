"""Which class a network's name means, and what the plan says in the words of its parameters.

A name without a dot is a class of monai.networks.nets; `package.module.Class` is imported from the user's
environment. It is code: only a name that the user wrote is imported (`checkpoint.load_model`).
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from monai.networks import nets
from monai.networks.nets.dynunet import DynUNet
from monai.networks.nets.mednext import create_mednext
from torch import Tensor, nn

from segmake.errors import ConfigError
from segmake.plan import Plan

DYNAMIC = ("DynUNet", "DynUnet", "Dynunet")
MEDNEXTS = ("MedNeXtS", "MedNeXtB", "MedNeXtM", "MedNeXtL")


class PlannedUNet(DynUNet):  # type: ignore[misc]
    """MONAI's DynUNet that returns its deep supervision outputs at their own resolution.

    The base class enlarges them to the full grid, which costs more than the heads themselves
    (Isensee et al., nnU-Net, Nature Methods 2021, compares them at their own resolution).
    """

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Logits [B, heads, X, Y, Z]; in training, with deep supervision, finest first in a list."""
        result: Tensor = self.output_block(self.skip_layers(x))
        if self.training and self.deep_supervision:
            return [result, *self.heads]
        return result


@dataclass(frozen=True)
class Architecture:
    """A way to make a network, and the parameters it knows."""

    name: str
    make: Callable[..., nn.Module]
    parameters: tuple[str, ...]

    def arguments(self, options: Mapping[str, Any], plan: Plan, deep_supervision: bool) -> dict[str, Any]:
        """What the plan says in the words of this network, overridden by `options`.

        Raises ConfigError for an option that it does not know.
        """
        unknown = sorted(set(options) - set(self.parameters))
        if unknown:
            near = difflib.get_close_matches(unknown[0], self.parameters, n=3) or sorted(self.parameters)
            raise ConfigError(
                f"{self.name} has no option '{unknown[0]}' (train.options); did you mean {', '.join(near)}?"
            )
        planned = (_dynamic if self.make is PlannedUNet else _general)(plan, deep_supervision)
        if "." not in self.name and not self.name.startswith("MedNeXt") and self.make is not PlannedUNet:
            planned.pop("deep_supervision")  # BasicUNetPlusPlus means something else by it
        return {name: value for name, value in planned.items() if name in self.parameters} | dict(options)


def find(network: str) -> Architecture:
    """Architecture of a name; a name with a dot is imported.

    Raises ConfigError for a name that means nothing, or something that is no network.
    """
    if network in DYNAMIC:
        return Architecture(network, PlannedUNet, _parameters(DynUNet))
    if "." in network:
        made = _imported(network)
        return Architecture(network, made, _parameters(made))
    if network in MEDNEXTS:
        return Architecture(network, vars(nets)[network], _parameters(create_mednext)[1:])  # without variant
    known = {
        item.__name__: item
        for item in vars(nets).values()
        if inspect.isclass(item)
        and issubclass(item, nn.Module)
        and {"in_channels", "out_channels"} <= set(_parameters(item))
    }
    if network not in known:
        lower = {name.lower(): name for name in (*sorted(known), *MEDNEXTS)}
        close = difflib.get_close_matches(network.lower(), lower, n=3, cutoff=0.5)
        near = ", ".join(lower[name] for name in close) or "DynUNet, SegResNet, UNet"
        raise ConfigError(
            "train.network must be a segmentation network of monai.networks.nets, or package.module.Class, "
            f"got '{network}'; did you mean {near}?"
        )
    return Architecture(network, known[network], _parameters(known[network]))


def find_named(setting: str, path: str) -> Any:
    """What package.module.name is; None where the module has no such name.

    Raises:
        ConfigError: the module cannot be imported.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except Exception as error:
        raise ConfigError(
            f"{setting} '{path}' cannot be imported ({type(error).__name__}: {error}); install its package "
            "beside segmake, or correct the name"
        ) from error


def _imported(network: str) -> type[nn.Module]:
    """Import package.module.Class."""
    found = find_named("train.network", network)
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        raise ConfigError(
            f"train.network '{network}' must be a class made from torch.nn.Module, got {found!r}; give "
            "package.module.Class"
        )
    return found


def _parameters(maker: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(maker).parameters)


def _dynamic(plan: Plan, deep_supervision: bool) -> dict[str, Any]:
    """Say the plan in the words of DynUNet; every level but the coarsest two is supervised."""
    levels = len(plan.strides)
    return {
        "spatial_dims": 3,
        "in_channels": len(plan.channels),
        "out_channels": len(plan.heads),
        "kernel_size": plan.kernels,
        "strides": plan.strides,
        "upsample_kernel_size": plan.strides[1:],
        "filters": plan.features,
        "deep_supervision": deep_supervision and levels > 2,
        "deep_supr_num": max(1, levels - 2),
    }


def _general(plan: Plan, deep_supervision: bool) -> dict[str, Any]:
    """Say the plan in the words of the other networks."""
    strides = [s[0] if len(set(s)) == 1 else s for s in plan.strides[1:]]
    return {
        "spatial_dims": 3,
        "in_channels": len(plan.channels),
        "out_channels": len(plan.heads),
        "img_size": plan.patch,
        "input_image_size": plan.patch,
        "channels": plan.features,
        "strides": strides,
        "init_filters": plan.features[0],
        "deep_supervision": deep_supervision,
        "dsdepth": 3 if deep_supervision else 1,
    }
