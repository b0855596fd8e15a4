"""Every network takes a step, is stopped, goes on, and ends where an undisturbed training ends."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from learning_cases import ball
from loop_cases import digest, losses, stop_after, task
from plan_cases import small_plan

from segmake.learning.checkpoint import tensors
from segmake.learning.interruption import Stopped
from segmake.learning.loop import train
from segmake.learning.networks import build
from segmake.learning.run import Run
from segmake.learning.sampling import Case

SMALL_BLOCKS = {"blocks_down": (1, 1), "blocks_up": (1, 1), "blocks_bottleneck": 1, "kernel_size": 3}
NETWORKS = {
    "DynUNet": ({}, (16, 16, 16)),
    "SegResNet": ({"init_filters": 8, "blocks_down": (1, 1), "blocks_up": (1,)}, (16, 16, 16)),
    "SegResNetDS": ({"init_filters": 8, "blocks_down": (1, 1, 1, 1)}, (16, 16, 16)),
    "UNet": ({}, (16, 16, 16)),
    "AttentionUnet": ({}, (16, 16, 16)),
    "SwinUNETR": ({"feature_size": 12, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 1, 1)}, (64, 32, 32)),
    "UNETR": ({"hidden_size": 12, "mlp_dim": 8, "num_heads": 2, "feature_size": 4}, (16, 16, 16)),
    "VNet": ({}, (32, 16, 16)),
    "MedNeXt": ({"init_filters": 4} | SMALL_BLOCKS, (16, 16, 16)),
    "monai.networks.nets.BasicUNet": ({"features": (2, 2, 2, 2, 2, 2)}, (32, 16, 16)),
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def short(name, **changes):
    options, patch = NETWORKS[name]
    plan = small_plan(patch=patch, batch=1)
    return task(training=[ball(0), ball(1)], plan=plan, network=name, options=options, steps=2, **changes)


@pytest.mark.parametrize("name", NETWORKS)
def test_stopped_after_a_step_and_resumed_equals_undisturbed(tmp_path, monkeypatch, name):
    plain = train(short(name), tmp_path / "plain.pt")
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        with pytest.raises(Stopped, match="after step 1"):
            train(short(name), tmp_path / "state.pt")
    resumed = train(short(name), tmp_path / "state.pt")
    assert digest(resumed) == digest(plain)
    assert losses(resumed) == losses(plain)
    fresh = build(name, *NETWORKS[name][:1], small_plan(patch=NETWORKS[name][1], batch=1), True)
    moved = [
        not torch.equal(a, b) for a, b in zip(fresh.parameters(), plain.network.parameters(), strict=True)
    ]
    assert sum(moved) > 0.8 * len(moved)  # some get no gradient from a patch so small


@pytest.fixture
def earlier(tmp_path) -> Run:
    """The state of an earlier training of another task is a file of weights too."""
    case = ball(2)
    whole = Case(
        "whole", case.image, (case.label > 0).astype("uint8"), np.minimum(case.foreground, [1, 99, 99, 99])
    )
    made = task(training=[whole], plan=small_plan(labels={"whole": 1}, batch=1), steps=1)
    made = replace(made, lesson=replace(made.lesson, validation=[]))
    return train(made, tmp_path / "earlier.pt")


def test_a_pretrained_start_resumes_exactly_with_a_frozen_encoder(tmp_path, monkeypatch, earlier, caplog):
    caplog.set_level(logging.INFO, "segmake")
    changes = {"init_from": tmp_path / "earlier.pt", "freeze": "encoder"}
    plain = train(short("DynUNet", **changes), tmp_path / "plain.pt")
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        with pytest.raises(Stopped):
            train(short("DynUNet", **changes), tmp_path / "state.pt")
    assert digest(train(short("DynUNet", **changes), tmp_path / "state.pt")) == digest(plain)
    assert "fresh: output_block" in caplog.text
    assert plain.start["file"] == "earlier.pt"
    given, frozen = tensors(earlier.network), ("input_block", "downsamples", "bottleneck")
    for name, value in tensors(plain.averaged).items():
        if name.startswith(frozen):
            assert torch.equal(value, given[name])
    assert any(
        not torch.equal(value, given[name])
        for name, value in tensors(plain.network).items()
        if "upsamples" in name
    )
