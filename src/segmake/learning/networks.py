"""Segmentation networks by name, shaped by the plan.

A network maps images [B, C, X, Y, Z] to logits [B, heads, X, Y, Z]; `logits` hides how each of them returns
its outputs.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from monai.networks import nets
from monai.networks.nets.dynunet import DynUNet
from torch import Tensor, nn

from segmake.errors import ConfigError
from segmake.plan import Plan


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


def build(
    network: str, options: Mapping[str, Any], plan: Plan, deep_supervision: bool, seed: int = 0
) -> nn.Module:
    """Make a network for this plan with weights drawn from `seed`; `options` override what the plan says.

    Raises ConfigError for an unknown name, unknown options, or a shape that the network cannot take.
    """
    dynamic = network in ("DynUNet", "DynUnet", "Dynunet")
    maker = PlannedUNet if dynamic else _find(network)
    known = inspect.signature(DynUNet if dynamic else maker).parameters
    unknown = sorted(set(options) - set(known))
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=3) or sorted(known)
        raise ConfigError(
            f"{network} has no option '{unknown[0]}' (train.options); did you mean {', '.join(near)}?"
        )
    planned = _dynamic(plan, deep_supervision) if dynamic else _general(plan)
    arguments = {name: value for name, value in planned.items() if name in known} | dict(options)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            made: nn.Module = maker(**arguments)
        except (TypeError, ValueError, AssertionError, RuntimeError, ImportError) as error:
            raise ConfigError(
                f"{network} cannot be made from this plan: {_first_line(error)}; see train.options"
            ) from error
    return made


def logits(network: nn.Module, images: Tensor) -> list[Tensor]:
    """Run a network: outputs [B, heads, ...] from finest to coarsest (one unless deeply supervised)."""
    result = network(images)
    if isinstance(result, Tensor):
        return [result]
    return [item for item in result if isinstance(item, Tensor) and item.ndim == images.ndim]


def check(network: nn.Module, name: str, plan: Plan) -> None:
    """Send one patch of zeros through, so that a misfit is reported before training begins."""
    device = next(network.parameters()).device
    images = torch.zeros(1, len(plan.channels), *plan.patch, device=device)
    was_training = network.training
    try:
        with torch.no_grad():
            outputs = logits(network.eval(), images)
    except (RuntimeError, ValueError, AssertionError, IndexError, TypeError, ImportError) as error:
        raise ConfigError(
            f"{name} cannot take the plan's patch {plan.patch}: {_first_line(error)}; "
            "pin plan.patch to multiples of the network's strides or choose another train.network"
        ) from error
    network.train(was_training)
    expected = (1, len(plan.heads), *plan.patch)
    received = tuple(outputs[0].shape) if outputs else ()
    if received != expected:
        raise ConfigError(
            f"{name} must return logits of shape {expected} for one patch, got {received}; "
            "choose a segmentation network for train.network"
        )


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


def _general(plan: Plan) -> dict[str, Any]:
    """Say the plan in the words of MONAI's other networks."""
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
    }


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _find(network: str) -> type[nn.Module]:
    """Find the class of monai.networks.nets that takes channels in and gives channels out."""
    known = {
        item.__name__: item
        for item in vars(nets).values()
        if inspect.isclass(item)
        and issubclass(item, nn.Module)
        and {"in_channels", "out_channels"} <= set(inspect.signature(item).parameters)
    }
    if network not in known:
        lower = {name.lower(): name for name in sorted(known)}
        close = difflib.get_close_matches(network.lower(), lower, n=3, cutoff=0.5)
        near = ", ".join(lower[name] for name in close) or "DynUNet, SegResNet, UNet"
        raise ConfigError(
            f"train.network must be a segmentation network of monai.networks.nets, got '{network}'; "
            f"did you mean {near}?"
        )
    return known[network]
