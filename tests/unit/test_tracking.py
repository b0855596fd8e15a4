import sys
import types

import pytest

from segmake.errors import ConfigError
from segmake.learning.tracking import MlflowRun


class Server:
    """What MlflowClient says to a server, as far as segmake uses it."""

    def __init__(self):
        self.said = []
        self.broken = False

    def client(self, tracking_uri):
        self.said.append(("connect", tracking_uri))
        return self

    def get_experiment_by_name(self, _):
        return None

    def create_experiment(self, name):
        self.said.append(("experiment", name))
        return "3"

    def create_run(self, place, run_name):
        self.said.append(("run", place, run_name))
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id="abc"))

    def log_param(self, *arguments):
        self.said.append(arguments)

    def log_metric(self, *arguments):
        if self.broken:
            raise OSError("server is gone")
        self.said.append(arguments)

    def set_terminated(self, *arguments):
        self.said.append(("end", *arguments))


@pytest.fixture
def server(monkeypatch):
    made = Server()
    monkeypatch.setitem(sys.modules, "mlflow", types.SimpleNamespace(MlflowClient=made.client))
    return made


def test_settings_and_metrics_are_told(server, tmp_path):
    run = MlflowRun("http://here", "train/unet/fold-0", tmp_path / "state" / "mlflow.txt", {"lr": 0.5})
    run.add(20, {"loss": 1.5, "val_dice": 0.25})
    run.close()
    assert server.said == [
        ("connect", "http://here"),
        ("experiment", "segmake"),
        ("run", "3", "train/unet/fold-0"),
        ("abc", "lr", 0.5),
        ("abc", "loss", 1.5, None, 20),
        ("abc", "val_dice", 0.25, None, 20),
        ("end", "abc"),
    ]


def test_a_resumed_training_goes_on_in_its_run(server, tmp_path):
    MlflowRun("http://here", "name", tmp_path / "mlflow.txt", {"lr": 0.5})
    server.said.clear()
    MlflowRun("http://here", "name", tmp_path / "mlflow.txt", {"lr": 0.5}).add(1, {"loss": 2.0})
    assert server.said == [("connect", "http://here"), ("abc", "loss", 2.0, None, 1)]


def test_a_lost_server_ends_the_telling_alone(server, tmp_path, caplog):
    run = MlflowRun("http://here", "name", tmp_path / "mlflow.txt", {})
    server.broken = True
    run.add(1, {"loss": 2.0})
    server.broken = False
    run.add(2, {"loss": 2.0})
    run.close()
    assert server.said[-1][0] == "run"
    assert caplog.messages == ["MLflow is told nothing more of this training: server is gone"]


def test_a_server_that_fails_at_once_is_explained(server, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "create_run", None)
    with pytest.raises(ConfigError, match=r"MLflow server http://here cannot be used"):
        MlflowRun("http://here", "name", tmp_path / "mlflow.txt", {})


def test_missing_mlflow_is_explained(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError, match=r"mlflow is not installed; run pip install 'segmake\[mlflow\]'"):
        MlflowRun("http://here", "name", tmp_path / "mlflow.txt", {})
