import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from segmake.errors import InputError
from segmake.plan import Normalisation, Plan


def a_plan(**values: Any) -> Plan:
    base: dict[str, Any] = {
        "channels": {"t1": "mr"},
        "labels": {"necrosis": 1, "edema": 2, "enhancing": 4},
        "spacing_mm": (1.0, 1.0, 2.5),
        "patch": (32, 32, 16),
        "batch": 2,
        "features": [8, 16],
        "kernels": [(3, 3, 3)] * 2,
        "strides": [(1, 1, 1), (2, 2, 2)],
        "normalisation": {"t1": Normalisation(scheme="zscore", masked=True)},
        "crop": "nonzero",
        "folds": {"a": 0, "b": 1},
        "median_shape": (40, 41, 42),
    }
    return Plan(**(base | values))


FOUR = {"necrosis": 1, "edema": 2, "non_enhancing": 3, "enhancing": 4}
NESTED = a_plan(regions={"WT": [1, 2, 4], "TC": [1, 4], "ET": [4]})
BRATS_2015 = a_plan(labels=FOUR, regions={"WT": [1, 2, 3, 4], "TC": [1, 3, 4], "ET": [4]})
PARTIAL = a_plan(regions={"ET": [4]})
APART = a_plan(regions={"N": [1], "E": [2, 4]})
SOFTMAX = a_plan()


def test_without_regions_every_class_has_a_head() -> None:
    assert SOFTMAX.heads == [(0,), (1,), (2,), (3,)]
    assert SOFTMAX.sigmoid is False
    assert SOFTMAX.decoder() == np.eye(4).tolist()
    assert SOFTMAX.label_values == [0, 1, 2, 4]


def test_nested_regions_are_heads_of_class_indices() -> None:
    assert NESTED.heads == [(1, 2, 3), (1, 3), (3,)]
    assert NESTED.sigmoid is True
    assert NESTED.decoder() == [[0, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]]


def test_labels_that_regions_do_not_tell_apart_get_a_head_of_their_own() -> None:
    assert BRATS_2015.heads == [(1, 2, 3, 4), (1, 3, 4), (4,), (1,), (3,)]
    assert PARTIAL.heads == [(3,), (1,), (2,)]
    assert APART.heads == [(1,), (2, 3), (2,), (3,)]


def test_the_order_of_a_regions_labels_means_nothing() -> None:
    assert a_plan(regions={"WT": [4, 2, 1]}).heads[0] == (1, 2, 3)


@pytest.mark.parametrize("plan", [SOFTMAX, NESTED, BRATS_2015, PARTIAL, APART])
def test_heads_that_are_right_decode_to_the_class(plan: Plan) -> None:
    for index in range(len(plan.label_values)):
        logits = np.array([5.0 if index in head else -5.0 for head in plan.heads])
        assert np.argmax(np.array(plan.decoder()) @ logits) == index


@pytest.mark.parametrize("plan", [NESTED, BRATS_2015, PARTIAL, APART])
def test_decoding_picks_the_likeliest_class(plan: Plan) -> None:
    """Against the likelihood of each class under independent heads, written out."""
    for logits in np.random.default_rng(0).normal(0, 3, (50, len(plan.heads))):
        chance = 1 / (1 + np.exp(-logits))
        likelihood = [
            np.prod([p if index in head else 1 - p for p, head in zip(chance, plan.heads, strict=True)])
            for index in range(len(plan.label_values))
        ]
        scores = np.array(plan.decoder()) @ logits
        assert np.argmax(scores) == np.argmax(likelihood)
        shifts = scores - np.log(likelihood)
        assert np.allclose(shifts, shifts[0])


def test_every_class_has_a_code_of_its_own() -> None:
    values = range(1, 4)
    subsets = [list(s) for n in (1, 2, 3) for s in itertools.combinations(values, n)]
    for regions in itertools.combinations(subsets, 2):
        plan = a_plan(labels={"a": 1, "b": 2, "c": 3}, regions=dict(zip("xy", regions, strict=True)))
        codes = [tuple(row) for row in plan.decoder()]
        assert len(set(codes)) == len(codes) == 4
        assert len(set(plan.heads)) == len(plan.heads)


def test_a_plan_is_written_and_read_back(tmp_path: Path) -> None:
    plan = BRATS_2015.model_copy(update={"reasons": {"batch": "fits 8 GB"}})
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan
    text = (tmp_path / "plan.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "channels": {\n    "t1": "mr"\n  },')
    assert text.endswith("}\n")


@pytest.mark.parametrize("content", [None, "", "{}", '{"patch": [1, 2]}', "[1]"])
def test_what_is_no_plan_is_explained(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "plan.json").write_text(content, encoding="utf-8")
    with pytest.raises(
        InputError, match=r"plan\.json is not a readable plan: .*; run `segmake plan`"
    ) as caught:
        Plan.load(tmp_path / "plan.json")
    assert "\n" not in str(caught.value)


def test_a_plan_is_closed() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        a_plan(colour="red")
