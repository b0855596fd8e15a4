from pathlib import Path

import numpy as np
import pytest
import torch
from plan_cases import small_plan
from scan_cases import grid

from segmake.inference.probabilities import Probabilities, channel_names, gathered
from segmake.inference.restore import Stripe
from segmake.inference.windows import Box
from segmake.volume.geometry import from_canonical, to_canonical
from segmake.volume.volume import Volume

SHAPE = (6, 5, 4)


def stripe(logits, start=(0, 0, 0)) -> Stripe:
    return Stripe(Box(start, tuple(logits.shape[2:])), logits)


def test_softmax_shares_without_the_background(tmp_path: Path) -> None:
    seen = Probabilities(tmp_path, small_plan(), SHAPE)
    logits = torch.log(torch.tensor([0.5, 0.3, 0.2]))[None, :, None, None, None].expand(1, 3, 2, 5, 4)
    seen.view(stripe(logits, (3, 0, 0)), torch.zeros(2, 5, 4))
    assert seen.names == ["core", "rim"]
    assert seen.data.shape == (2, *SHAPE)
    assert np.unique(seen.data[0, 3:5]).tolist() == [round(0.3 * 255)]
    assert np.unique(seen.data[1, 3:5]).tolist() == [51]
    assert not seen.data[:, :3].any()  # what no stripe covers is background
    assert not seen.data[:, 5:].any()


def test_models_are_averaged_and_regions_are_by_themselves(tmp_path: Path) -> None:
    plan = small_plan(regions={"whole": [1, 2], "core": [1]})
    seen = Probabilities(tmp_path, plan, SHAPE)
    logits = torch.zeros(2, 2, *SHAPE)
    logits[0, 0], logits[1, 0], logits[:, 1] = 3.0, 1.0, -20.0
    seen.view(stripe(logits), torch.zeros(SHAPE))
    assert np.unique(seen.data[0]).tolist() == [round(255 / (1 + np.exp(-2)))]
    assert not seen.data[1].any()


def test_labels_that_no_region_tells_apart_have_channels() -> None:
    plan = small_plan(labels={"a": 1, "b": 2, "c": 4}, regions={"whole": [1, 2, 4], "c": [4]})
    assert channel_names(plan) == ["whole", "c", "a", "b"]


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SAL"])
def test_they_lie_on_the_native_grid(tmp_path: Path, codes: str) -> None:
    affine = grid(codes, (1, 2, 3), 20)
    native = Volume(np.random.default_rng(0).integers(0, 255, (2, 4, 5, 6)).astype(np.uint8), affine)
    canonical = to_canonical(native)
    seen = Probabilities(tmp_path, small_plan(), canonical.shape)
    seen.data[...] = canonical.data
    found = seen.native(affine)
    assert np.array_equal(found.data, native.data)
    assert np.array_equal(found.data, from_canonical(canonical, affine).data)
    assert np.shares_memory(found.data, seen.data)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with gathered(True, tmp_path / "new", small_plan(), SHAPE) as viewers:
        assert len(list((tmp_path / "new").iterdir())) == len(viewers) == 1
    assert list((tmp_path / "new").iterdir()) == []
    with gathered(False, tmp_path, small_plan(), SHAPE) as viewers:
        assert viewers == []
