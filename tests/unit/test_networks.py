import math

import pytest
import torch
from plan_cases import small_plan

from segmake.errors import ConfigError
from segmake.learning.networks import build, check, logits


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def total(network):
    return math.fsum(float(p.detach().double().sum()) for p in network.parameters())


def test_dynunet_follows_the_plan():
    network = build("DynUNet", {}, small_plan(), deep_supervision=True)
    widths = [
        network.input_block.conv1.conv,
        network.downsamples[0].conv1.conv,
        network.bottleneck.conv1.conv,
    ]
    assert [layer.out_channels for layer in widths] == [4, 8, 8]
    assert [layer.stride for layer in widths] == [(1, 1, 1), (2, 2, 2), (2, 2, 2)]


def test_anisotropic_strides_keep_the_flat_axis():
    strides, kernels = [(1, 1, 1), (2, 2, 1), (2, 2, 2)], [(3, 3, 1), (3, 3, 3), (3, 3, 3)]
    plan = small_plan(patch=(16, 16, 6), strides=strides, kernels=kernels)
    outputs = logits(build("DynUNet", {}, plan, deep_supervision=True), torch.zeros(1, 1, 16, 16, 6))
    assert [tuple(o.shape[2:]) for o in outputs] == [(16, 16, 6), (8, 8, 6)]


def test_deep_supervision_comes_finest_first_and_only_in_training():
    network = build("DynUNet", {}, small_plan(), deep_supervision=True)
    images = torch.zeros(1, 1, 16, 16, 16)
    assert [o.shape[-1] for o in logits(network.train(), images)] == [16, 8]
    assert isinstance(network.eval()(images), torch.Tensor)
    assert len(logits(build("DynUNet", {}, small_plan(), False).train(), images)) == 1


def test_supervised_outputs_equal_those_of_monai_at_full_size():
    from monai.networks.nets.dynunet import DynUNet

    network = build("DynUNet", {}, small_plan(), deep_supervision=True).train()
    images = torch.rand(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    ours = logits(network, images)
    theirs = DynUNet.forward(network, images).unbind(1)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(torch.nn.functional.interpolate(ours[1], (16, 16, 16)), theirs[1])


def test_weights_come_from_the_seed_and_leave_the_global_stream_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = build("DynUNet", {}, small_plan(), False, seed=3)
    assert torch.equal(torch.rand(1), expected)
    assert total(first) == total(build("DynUNet", {}, small_plan(), False, seed=3))
    assert total(first) != total(build("DynUNet", {}, small_plan(), False, seed=4))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("UNet", {}),
        ("AttentionUnet", {}),
        ("SegResNet", {"init_filters": 8}),
        ("BasicUNet", {"features": (4, 4, 4, 4, 4, 4)}),
    ],
)
def test_other_networks_take_the_plan(name, options):
    plan = small_plan(patch=(32, 32, 32))
    network = build(name, options, plan, deep_supervision=True)
    check(network, name, plan)
    assert logits(network.train(), torch.zeros(2, 1, 32, 32, 32))[0].shape == (2, 3, 32, 32, 32)


def test_heads_of_regions_give_the_channels():
    plan = small_plan(regions={"whole": [1, 2], "core": [1]})
    network = build("DynUNet", {}, plan, False)
    assert logits(network, torch.zeros(1, 1, 16, 16, 16))[0].shape[1] == len(plan.heads) == 2


@pytest.mark.parametrize(
    ("wrong", "near"), [("DynUnett", "DynUNet"), ("swinunet", "SwinUNETR"), ("q", "UNet")]
)
def test_unknown_network_names_near_ones(wrong, near):
    with pytest.raises(ConfigError, match=near):
        build(wrong, {}, small_plan(), True)


def test_unknown_option_names_near_ones():
    with pytest.raises(ConfigError, match=r"'drop_out'.*dropout"):
        build("DynUNet", {"drop_out": 0.1}, small_plan(), True)


def test_options_override_the_plan():
    network = build("DynUNet", {"filters": [2, 4, 6]}, small_plan(), False)
    assert network.bottleneck.conv1.conv.out_channels == 6


def test_a_patch_that_does_not_fit_is_explained():
    plan = small_plan(patch=(15, 16, 16))
    with pytest.raises(ConfigError, match=r"cannot take the plan's patch \(15, 16, 16\)"):
        check(build("DynUNet", {}, plan, True), "DynUNet", plan)


@pytest.mark.parametrize(
    ("name", "options", "patch", "advice"),
    [
        (
            "SwinUNETR",
            {"feature_size": 12, "depths": (1, 1, 1, 1)},
            (40, 56, 32),
            r"\[64, 64, 32\], multiples of 32",
        ),
        (
            "UNETR",
            {"hidden_size": 12, "num_heads": 2, "mlp_dim": 4},
            (40, 32, 16),
            r"\[48, 32, 16\], multiples of 16",
        ),
        ("MedNeXt", {"init_filters": 4, "kernel_size": 3}, (40, 32, 32), r"\[48, 32, 32\], multiples of 16"),
        ("VNet", {}, (40, 32, 32), r"\[48, 32, 32\], multiples of 16"),
        ("UNet", {}, (18, 16, 16), r"\[20, 16, 16\], multiples of 4"),
    ],
)
def test_a_misfit_comes_with_a_patch_that_fits(name, options, patch, advice):
    plan = small_plan(patch=patch)
    with pytest.raises(ConfigError, match=rf"cannot take the plan's patch .* pin plan\.patch to {advice}"):
        check(build(name, options, plan, True), name, plan)


def test_an_option_that_the_plan_does_not_suit_is_explained():
    with pytest.raises(
        ConfigError, match=r"SegResNet cannot be made .* divisible by num_groups .* train\.options"
    ):
        build("SegResNet", {}, small_plan(), True)


def test_a_network_that_does_not_segment_is_explained():
    options = {"init_features": 4, "growth_rate": 2, "block_config": (1, 1)}
    network = build("DenseNet", options, small_plan(), True)
    with pytest.raises(ConfigError, match="must return logits of shape"):
        check(network, "DenseNet", small_plan())


def test_a_batch_too_small_to_normalise_is_explained():
    plan = small_plan(batch=1)
    with pytest.raises(
        ConfigError, match=r"VNet cannot be trained on batches of 1 x \(16, 16, 16\): .* raise plan"
    ):
        check(build("VNet", {}, plan, True), "VNet", plan)
    check(build("VNet", {}, small_plan(batch=2), True), "VNet", small_plan(batch=2))
