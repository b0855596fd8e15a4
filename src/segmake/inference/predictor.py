"""Loaded models at work: one thread runs the networks, others read, prepare and write meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from segmake.device import choose_device
from segmake.inference.backends import (
    Forward,
    check_backend,
    choose_backend,
    count_flop,
    openvino_forward,
    torch_forward,
)
from segmake.inference.ensemble import Ensemble, windows_at_once
from segmake.inference.labelling import Viewer, label_volume
from segmake.inference.memory import Footprint, Room, foretell, prepared_shape, process_bytes
from segmake.inference.restore import Target
from segmake.inference.uncertainty import Uncertainty
from segmake.inference.windows import positions
from segmake.learning.checkpoint import TrainedModel
from segmake.plan import Plan
from segmake.settings import PredictSettings
from segmake.volume.extent import Extent
from segmake.volume.volume import Array

AT_ONCE = 3
"""Cases under work: one is read and prepared, one is in the network, one is written."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is known of a case, on its canonical grid.

    labels: [1, X, Y, Z]; models: how many were asked; uncertainty: when it was asked for.
    """

    labels: Array
    models: int
    uncertainty: Uncertainty | None


class Predictor:
    """Models of one plan, for many cases.

    Args:
        models: all of the job; a case may use some of them.
        settings: how to predict.
        threads: processor cores.
        extents: of all cases of the job, from which the backend is chosen.

    Raises:
        ConfigError: the backend that was asked for is not there.
    """

    def __init__(
        self,
        models: Sequence[TrainedModel],
        settings: PredictSettings,
        threads: int,
        extents: Sequence[Extent],
    ) -> None:
        self.models, self.settings, self.threads = list(models), settings, threads
        self.device = choose_device(settings.device)
        check_backend(settings.backend, self.device)
        self.windows = windows_at_once(settings, self.device)
        base = process_bytes(self.plan, self.windows, sum(map(_weight_bytes, models)))
        self.room = Room(max(0.0, settings.memory_gb * 1e9 - base))
        self.seconds = 0.0
        self._forwards: dict[int, Forward] = {}
        self._thread = ThreadPoolExecutor(1, "network", torch.set_num_threads, (threads,))
        self._chosen = self._thread.submit(self._choose, extents)

    @property
    def plan(self) -> Plan:
        """How images are prepared, and what the outputs mean."""
        return self.models[0].plan

    @property
    def backend(self) -> str:
        """What runs the networks, torch or openvino; chosen beside the reading: counting takes a second."""
        return self._chosen.result()

    def foretell(self, extent: Extent, members: int) -> Footprint:
        """What a case will take, before it is read."""
        prepared = prepared_shape(extent, self.plan)
        return foretell(extent, prepared, self.plan, self.settings, (members, self.room.size))

    def warm_up(self, models: Sequence[TrainedModel]) -> None:
        """Begin to make ready what runs these models, while their first case is still read."""
        for model in models:
            self._thread.submit(self._forward, model)

    def predict(
        self, data: Array, target: Target, models: Sequence[TrainedModel], viewers: Sequence[Viewer] = ()
    ) -> Prediction:
        """Label a prepared image [C, X, Y, Z]; waits until the network is free. viewers: see its logits too.

        Raises:
            InputError: the models do not fit together, or their outputs are not finite.
        """
        return self._thread.submit(self._predict, data, target, models, viewers).result()

    def try_out(self, work: Callable[[Ensemble], None]) -> None:
        """Let the network's thread work with the first model alone, unmirrored, to see what that takes."""

        def alone() -> None:
            plain = self.settings.model_copy(update={"mirror": False})
            work(Ensemble(self.models[:1], plain, [self._forward(self.models[0])]))

        self._thread.submit(alone).result()

    def _predict(
        self, data: Array, target: Target, models: Sequence[TrainedModel], viewers: Sequence[Viewer]
    ) -> Prediction:
        ensemble = Ensemble(models, self.settings, [self._forward(model) for model in models])
        _, x, y, z = data.shape
        extent = Extent(target.size, target.spacing_mm)
        room = (ensemble.members, self.room.size)
        tiling = foretell(extent, (x, y, z), ensemble.plan, self.settings, room).tiling
        uncertainty = Uncertainty(ensemble.plan, target.shape) if self.settings.uncertainty else None
        seen = [*viewers] if uncertainty is None else [*viewers, uncertainty]
        labels = label_volume(ensemble.stripes(data, target, tiling), ensemble.plan, target.shape, seen)
        return Prediction(labels, len(models), uncertainty)

    def _forward(self, model: TrainedModel) -> Forward:
        """What runs a model; made once."""
        found = self._forwards.get(id(model))
        if found is None:
            precision = self.settings.precision
            if self.backend == "openvino":
                shape = (len(model.plan.channels), *model.plan.patch)
                found = openvino_forward(model.network, shape, precision, self.threads)
            else:
                found = torch_forward(model.network, self.device, precision)
            found = self._forwards[id(model)] = self._timed(found)
        return found

    def _timed(self, forward: Forward) -> Forward:
        """The same, adding up the time that networks take."""

        def timed(windows: Tensor) -> Tensor:
            started = time.perf_counter()
            outputs = forward(windows)
            self.seconds += time.perf_counter() - started
            return outputs

        return timed

    def _choose(self, extents: Sequence[Extent]) -> str:
        settings, plan = self.settings, self.plan
        work = 0.0
        if settings.backend == "auto" and self.device.type == "cpu":
            shapes = [prepared_shape(extent, plan) for extent in extents]
            windows = sum(len(positions(shape, plan.patch, settings.overlap)) for shape in shapes)
            flop = count_flop(self.models[0].network, len(plan.channels), plan.patch)
            passes = Ensemble(self.models[:1], settings).passes * len(self.models)
            work = windows * flop * passes
        return choose_backend(settings.backend, self.device, settings.precision, work, len(self.models))


def _weight_bytes(model: TrainedModel) -> int:
    return sum(weight.nbytes for weight in model.network.state_dict().values())
