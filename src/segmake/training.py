"""The settings of training: what both branches share, and those of `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from segmake.recipe import AugmentSettings
from segmake.section import Section

Axis = Literal["x", "y", "z"]


class LearnSettings(Section):
    """How a network learns, whatever it learns: budget, optimiser, start, machine."""

    network: str
    """Name of the network."""
    options: dict[str, Any] = {}
    """Extra keyword arguments for that network."""
    folds: list[NonNegativeInt] = Field([0, 1, 2, 3, 4], min_length=1)
    """Folds to train; all that there are where this is not set."""
    seeds: list[NonNegativeInt] = []
    """Train with each of these; other seeds than `seed` make models of their own, such as `unet.seed-1`."""
    seed: NonNegativeInt = 0
    """Seed of everything random in training; the `seed` at the top where this is not set. Models that differ
    by their seed alone measure its noise (`evaluate/comparison.tsv`)."""
    steps: PositiveInt = 2000
    """Optimiser steps; the schedule anneals over them."""
    minutes: PositiveFloat | None = None
    """Stop after this many minutes instead (the schedule anneals to fit; `replay` repeats such a run)."""
    replay: Path | None = None
    """Repeat the steps and learning rates of an earlier run: its workdir (as a flag, its model.pt)."""
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    """sgd has Nesterov momentum."""
    momentum: NonNegativeFloat = Field(0.99, lt=1)
    """Momentum of sgd."""
    lr: PositiveFloat | None = None
    """Peak learning rate; where not set 3e-3 for adamw, 1e-4 for adam, 1e-2 for sgd."""
    weight_decay: NonNegativeFloat | None = None
    """Weight decay; where not set 1e-2 for adamw (decoupled), 0 for adam, 3e-5 for sgd."""
    schedule: Literal["cosine", "poly"] = "cosine"
    """How the learning rate falls to zero after warming up; poly has power 0.9."""
    warmup: NonNegativeFloat = Field(0.02, lt=1)
    """Fraction of the budget spent warming the learning rate up."""
    accumulate: PositiveInt = 1
    """Parts a batch is computed in, one after the other, to save memory; losses are averaged over them."""
    clip: PositiveFloat = 1.0
    """Largest gradient norm."""
    ema: NonNegativeFloat = Field(0.99, lt=1)
    """Decay of the averaged weights that are published (0 turns averaging off)."""
    init_from: Path | None = None
    """Start from the weights of a model.pt, MONAI bundle (folder or zip) or state dict, where they fit."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 autocast where the hardware has it."""
    compile: Literal["auto", "always", "never"] = "auto"
    """Compile the network (torch.compile); auto: where the run is long enough to earn the time back."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: CUDA when there is one."""
    mlflow: str | None = None
    """Address of an MLflow server that is told the course of training (extra `mlflow`)."""
    checkpoint_minutes: PositiveFloat = 2.0
    """Time between rolling checkpoints."""
    cache_gb: NonNegativeFloat = 4.0
    """Training arrays up to this size are held in memory; larger ones are read from disk patch by patch."""


class TrainSettings(LearnSettings):
    """One network on one fold. `models:` overrides these per model."""

    network: str = "DynUNet"
    """A segmentation network of monai.networks.nets."""
    oversample: NonNegativeFloat = Field(0.5, le=1)
    """Fraction of patches centred on a foreground voxel."""
    deep_supervision: bool = True
    """Weigh losses at lower resolutions (where the network has such outputs)."""
    batch_dice: bool = True
    """Dice loss over the patches of a batch together instead of each patch by itself."""
    flip: list[Axis] = ["x"]
    """Axes that augmentation and test-time mirroring may flip. Grids are RAS+: x swaps left and right."""
    augment: AugmentSettings = AugmentSettings()
    """How strongly patches are changed: none, light, default or strong, or the keys of `train.augment`."""
    freeze: Literal["none", "encoder"] = "none"
    """Which part of the network keeps the weights it starts with."""
    cases: list[PositiveInt | Literal["all"]] = Field(["all"], min_length=1)
    """Numbers of cases to train on, for a learning curve: models of their own, such as `unet.cases-10`."""
