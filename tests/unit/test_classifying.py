"""What holds for every training holds for classifiers: repeated, resumed, divided and stopped exactly."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from disc_cases import discs, fit_task
from loop_cases import digest, stop_after
from torch import nn

from segmake.errors import ConfigError
from segmake.learning import loop
from segmake.learning.checkpoint import tensors, write
from segmake.learning.classifying import freeze_encoder, stages
from segmake.learning.interruption import Stopped
from segmake.learning.loop import train
from segmake.learning.patchwork import Patches


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def every_step(monkeypatch):
    """Each step makes a row with a look at validation patches."""
    monkeypatch.setattr(loop, "ROW_STEPS", 1)
    monkeypatch.setattr(loop, "VALIDATION_STEPS", 1)


def test_learns_to_tell_discs_from_noise(tmp_path):
    task = fit_task(discs(32), steps=60, batch=8, lr=1e-2, ema=0.8)
    run = train(task, tmp_path / "state.pt")
    assert run.history.last("val_auc") > 0.95
    assert run.history.last("loss") < 0.5 * run.history.rows[0]["loss"]
    assert run.history.to_csv().startswith("step,minutes,lr,loss,val_auc\n")


def test_same_seed_same_weights_and_another_seed_others(tmp_path):
    runs = [train(fit_task(seed=seed), tmp_path / f"{i}.pt") for i, seed in enumerate([0, 0, 1])]
    assert digest(runs[0]) == digest(runs[1]) != digest(runs[2])


def stopped_and_resumed(tmp_path, monkeypatch, step, **changes):
    plain = train(fit_task(**changes), tmp_path / "plain.pt")
    with monkeypatch.context() as patch:
        stop_after(patch, step)
        with pytest.raises(Stopped, match=f"after step {step}") as caught:
            train(fit_task(**changes), tmp_path / "state.pt")
    assert caught.value.exit_code == 75
    resumed = train(fit_task(**changes), tmp_path / "state.pt")
    assert digest(resumed) == digest(plain)
    assert [row["loss"] for row in resumed.history.rows] == [row["loss"] for row in plain.history.rows]
    return plain


@pytest.mark.parametrize(
    "changes",
    [
        {"augment": "strong", "balance": "sampling"},
        {"loss": "focal", "balance": "weights", "smoothing": 0.1, "precision": "bf16"},
        {"accumulate": 2, "optimizer": "sgd", "momentum": 0.9, "layer_decay": 0.5},
        {
            "network": "densenet121",
            "options": {"init_features": 4, "growth_rate": 4, "block_config": (1, 1), "dropout_prob": 0.2},
        },
    ],
)
def test_stopped_and_resumed_equals_undisturbed(tmp_path, monkeypatch, changes):
    stopped_and_resumed(tmp_path, monkeypatch, 3, **changes)


def test_a_run_by_the_clock_is_repeated_exactly(tmp_path):
    first = train(fit_task(minutes=0.01), tmp_path / "first.pt")
    replay = {"rates": first.rates, "compiled": first.compiled}
    assert digest(train(fit_task(minutes=0.01, replay=replay), tmp_path / "again.pt")) == digest(first)


def test_accumulated_gradients_are_those_of_the_whole_batch(tmp_path):
    options = {
        "network": "vit",
        "options": {"hidden_size": 12, "mlp_dim": 8, "num_layers": 1, "num_heads": 2},
    }
    options |= {"steps": 1, "ema": 0.0, "optimizer": "sgd", "warmup": 0.0}
    options |= {"balance": "weights", "augment": "none"}  # no batch normalisation, which sees parts alone
    whole = train(fit_task(**options), tmp_path / "whole.pt")
    parts = train(fit_task(accumulate=3, **options), tmp_path / "parts.pt")
    for one, other in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_a_divergence_names_the_cases_and_lowers_the_rate(tmp_path, monkeypatch, caplog):
    original, calls = loop._learn, []

    def learn(*arguments):
        loss, norm = original(*arguments)
        calls.append(loss)
        return (float("nan") if len(calls) == 3 else loss), norm

    monkeypatch.setattr(loop, "_learn", learn)
    run = train(fit_task(), tmp_path / "state.pt")
    assert "patches of case" in caplog.text
    assert len(run.setbacks) == 1
    assert run.setbacks[0].cases == fit_task().lesson.source(range(4)).names(2)


def test_averaged_weights_have_averaged_statistics(tmp_path):
    run = train(fit_task(ema=0.9), tmp_path / "state.pt")
    name = "bn1.running_mean"
    last, averaged = run.network.get_buffer(name), run.averaged.get_buffer(name)
    assert not torch.equal(last, averaged)
    assert torch.equal(run.network.bn1.num_batches_tracked, run.averaged.bn1.num_batches_tracked)
    plain = train(fit_task(ema=0.0), tmp_path / "plain.pt")
    assert torch.allclose(plain.network.get_buffer(name), plain.averaged.get_buffer(name))


def figures(monkeypatch, values):
    """Let validation find these figures, one after the other."""
    left = iter(values)
    monkeypatch.setattr("segmake.learning.classifying.Classification._auc", lambda *_, **__: next(left))


def test_training_ends_when_validation_is_no_better_and_the_best_weights_are_published(
    tmp_path, monkeypatch, every_step, caplog
):
    caplog.set_level(logging.INFO, "segmake")
    figures(monkeypatch, [0.5, 0.9, 0.8, 0.7, 0.6, 0.5])
    run = train(fit_task(patience=2), tmp_path / "state.pt")
    assert run.step == 4
    assert (run.best.figure, run.best.step) == (0.9, 2)
    assert "weights after step 2 are published" in caplog.text
    figures(monkeypatch, [0.5, 0.9, 0.1])
    two = train(fit_task(patience=2, replay={"rates": run.rates[:2]}), tmp_path / "two.pt")
    for name, value in tensors(run.averaged).items():
        assert torch.equal(value, tensors(two.averaged)[name]), name


def test_patience_resumes_exactly(tmp_path, monkeypatch, every_step):
    figures(monkeypatch, [0.5, 0.9, 0.8, 0.7, 0.6])
    plain = train(fit_task(patience=2), tmp_path / "plain.pt")
    figures(monkeypatch, [0.5, 0.9, 0.8, 0.7, 0.6])
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(Stopped):
            train(fit_task(patience=2), tmp_path / "state.pt")
    resumed = train(fit_task(patience=2), tmp_path / "state.pt")
    assert resumed.step == plain.step == 4
    assert digest(resumed) == digest(plain)


def torchvision_like(channels=3, classes=1000):
    """What torchvision saves of a ResNet: the same names, a head of ImageNet."""
    torch.manual_seed(7)
    weights = tensors(fit_task(channels=channels).lesson.build())
    made = {
        name: torch.rand_like(value) + 0.1 if value.is_floating_point() else value
        for name, value in weights.items()
    }
    width = made["fc.weight"].shape[1]
    return made | {"fc.weight": torch.randn(classes, width), "fc.bias": torch.randn(classes)}


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_imagenet_weights_are_taken_but_for_the_head(tmp_path, channels, caplog):
    caplog.set_level(logging.INFO, "segmake")
    given = torchvision_like()
    write(given, tmp_path / "imagenet.pt")
    lesson = fit_task(channels=channels, init_from=tmp_path / "imagenet.pt").lesson
    network = lesson.build()
    taken = lesson.start(network)
    assert torch.equal(network.get_parameter("layer1.0.conv1.weight"), given["layer1.0.conv1.weight"])
    assert torch.equal(network.get_buffer("bn1.running_mean"), given["bn1.running_mean"])
    expected = given["conv1.weight"]
    if channels != 3:
        expected = expected.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1) * (3 / channels)
    assert torch.allclose(network.get_parameter("conv1.weight"), expected)
    assert taken.fresh == ("fc.weight", "fc.bias")
    assert "fresh: fc.weight, fc.bias; not used: fc.weight, fc.bias" in caplog.text


def test_a_frozen_encoder_keeps_weights_and_statistics_and_resumes_exactly(tmp_path, monkeypatch):
    given = torchvision_like()
    write(given, tmp_path / "imagenet.pt")
    changes = {"channels": 3, "init_from": tmp_path / "imagenet.pt", "freeze": "encoder"}
    run = stopped_and_resumed(tmp_path, monkeypatch, 2, **changes)
    fresh = tensors(fit_task(**changes).lesson.build())
    for name, value in tensors(run.averaged).items():
        same = given if not name.startswith("fc") else fresh
        assert torch.equal(value, same[name]) == (not name.startswith("fc")), name


def test_freezing_random_weights_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="freeze keeps the weights of init_from, which is not set"):
        train(fit_task(freeze="encoder"), tmp_path / "state.pt")


def test_only_the_last_layer_of_any_network_learns():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3))
    percent = freeze_encoder(network.train())
    assert [value.requires_grad for value in network.parameters()] == [False] * 4 + [True] * 2
    assert not network[1].training
    assert percent == pytest.approx(100 * (1 - 9 / (20 + 4 + 9)))


def test_stages_go_from_the_input_to_the_head_without_gap():
    network = fit_task().lesson.build()
    found = stages(network)
    names = {id(value): name for name, value in network.named_parameters()}
    firsts = [next(names[id(weight)] for weight in group) for group in found]
    assert [name.split(".")[0] for name in firsts] == ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]
    assert names[id(found[0][1])] == "bn1.weight"
    assert sorted(id(weight) for group in found for weight in group) == sorted(names)
    dense = fit_task(network="densenet121", options={"init_features": 8, "growth_rate": 8}).lesson.build()
    assert len(stages(dense)) > 8  # its features are taken apart


def test_earlier_stages_learn_slower():
    lesson = fit_task(layer_decay=0.5).lesson
    groups = lesson.parameters(lesson.build())
    assert [group["factor"] for group in groups] == [0.5**n for n in (5, 4, 3, 2, 1, 0)]


def test_validation_looks_at_patches_spread_over_all_cases(monkeypatch):
    monkeypatch.setattr("segmake.learning.classifying.LOOKED_AT", 4)
    task = fit_task()
    many = discs(16)
    asked = []

    class Noted(np.ndarray):
        def __getitem__(self, rows):
            asked.extend(rows if isinstance(rows, list) else [])
            return super().__getitem__(rows)

    pictures = many.pictures.view(Noted)
    lesson = replace(task.lesson, validation=Patches(pictures, many.truth, many.names))
    lesson.measure(torch.device("cpu"), task.ranks)(lesson.build().eval())
    assert asked == [0, 5, 10, 15]
