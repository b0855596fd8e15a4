import copy

import pytest
import torch
from torch import nn

from segmake.learning.reproducibility import level, statement, weights_sha256


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2), nn.PReLU())


def test_equal_weights_have_equal_hashes_and_nothing_else_has():
    first = network()
    same = copy.deepcopy(first)
    assert weights_sha256(first) == weights_sha256(same)
    assert len(weights_sha256(first)) == 64
    with torch.no_grad():
        same[0].bias[1] = torch.nextafter(same[0].bias[1], torch.tensor(9.0))
    assert weights_sha256(first) != weights_sha256(same)


def test_buffers_names_types_and_shapes_count():
    first = network()
    hashes = {weights_sha256(first)}
    first[1].num_batches_tracked += 1
    hashes.add(weights_sha256(first))
    hashes.add(weights_sha256(nn.Sequential(first)))
    hashes.add(weights_sha256(first.to(torch.bfloat16)))
    row, column = nn.Linear(4, 1, bias=False), nn.Linear(1, 4, bias=False)
    column.weight.data = row.weight.data.T.clone()
    hashes |= {weights_sha256(row), weights_sha256(column)}
    assert len(hashes) == 6


def test_how_weights_lie_in_memory_does_not_count():
    plain = nn.Conv3d(4, 4, 3)
    other = copy.deepcopy(plain).to(memory_format=torch.channels_last_3d)
    assert weights_sha256(plain) == weights_sha256(other)


@pytest.mark.parametrize(
    ("device", "compiled", "clocked", "reached", "why"),
    [
        ("cpu", False, False, "deterministic", "with as many threads, repeats it"),
        ("cuda", False, False, "recorded", "on a GPU"),
        ("cpu", True, False, "recorded", "compiled network may round"),
        ("cpu", False, True, "recorded", "followed the clock; replay repeats it"),
        ("cpu", False, False, "recorded", "went on in another number of processes"),
    ],
)
def test_a_level_says_what_keeps_it_from_the_next(device, compiled, clocked, reached, why):
    found = level(device, compiled, clocked, regrouped="another number" in why)
    assert found[0] == reached
    assert why in found[1]


def test_every_reason_is_given():
    assert statement({"1": "a", "10": "b"}, "cuda", True, True, [2, 1]) == {
        "level": "recorded",
        "why": "its sums on a GPU may run in another order; a compiled network may round differently; "
        "its learning rates followed the clock; replay repeats it; it went on in another number of "
        "processes",
        "device": "cuda",
        "processes": [2, 1],
        "weights": {"1": "a", "10": "b"},
    }
