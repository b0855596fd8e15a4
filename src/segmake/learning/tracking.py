"""The course of training as a run of an MLflow server (extra `mlflow`)."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segmake.errors import ConfigError

log = logging.getLogger("segmake")
EXPERIMENT = "segmake"


class MlflowRun:
    """A run of the experiment `segmake`; its number is kept in a file, for a resumed training to go on in it.

    A server that fails is told nothing more, and training goes on.

    Raises:
        ConfigError: mlflow is not installed, or the server cannot be used from the start.
    """

    def __init__(self, address: str, name: str, number: Path, settings: Mapping[str, Any]) -> None:
        try:
            mlflow = importlib.import_module("mlflow")
        except ImportError as error:
            raise ConfigError(
                f"mlflow is {address}, but mlflow is not installed; run pip install 'segmake[mlflow]' "
                "or leave mlflow out"
            ) from error
        self.alive = True
        try:
            self.client = mlflow.MlflowClient(tracking_uri=address)
            self.number = self._known(number) or self._new(name, number, settings)
        except Exception as error:  # of the network, the server or its database
            raise ConfigError(f"the MLflow server {address} cannot be used: {error}") from error

    def _known(self, number: Path) -> str:
        return number.read_text(encoding="utf-8") if number.exists() else ""

    def _new(self, name: str, number: Path, settings: Mapping[str, Any]) -> str:
        experiment = self.client.get_experiment_by_name(EXPERIMENT)
        place = experiment.experiment_id if experiment else self.client.create_experiment(EXPERIMENT)
        made: str = self.client.create_run(place, run_name=name).info.run_id
        for key, value in settings.items():
            self.client.log_param(made, key, value)
        number.parent.mkdir(parents=True, exist_ok=True)
        number.write_text(made, encoding="utf-8")
        return made

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Tell the scalars of a step."""
        self._tell("log_metric", [(key, value, None, step) for key, value in scalars.items()])

    def close(self) -> None:
        """Say that the run has ended for now."""
        self._tell("set_terminated", [()])

    def _tell(self, method: str, calls: list[tuple[Any, ...]]) -> None:
        try:
            for arguments in calls if self.alive else []:
                getattr(self.client, method)(self.number, *arguments)
        except Exception as error:  # a lost server is no reason to lose a training
            log.warning("MLflow is told nothing more of this training: %s", error)
            self.alive = False
