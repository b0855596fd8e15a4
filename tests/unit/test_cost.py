import pytest

from segmake.errors import ConfigError
from segmake.plan import Triple
from segmake.prepare.cost import Budget, Network, forward_flop, parameters, step_bytes, step_flop

CUBE: Triple = (3, 3, 3)
SMALL = Network(1, 3, [8, 16, 32], [CUBE] * 3, [(1, 1, 1), (2, 2, 2), (2, 2, 2)])
FLAT = Network(2, 4, [8, 16, 24], [(3, 3, 1), CUBE, CUBE], [(1, 1, 1), (2, 2, 1), (2, 2, 2)])


def test_by_hand() -> None:
    net = Network(1, 2, [4, 8], [CUBE, CUBE], [(1, 1, 1), (2, 2, 2)])
    full, half = 8**3, 4**3
    encoder = 27 * (full * (1 * 4 + 4 * 4) + half * (4 * 8 + 8 * 8))
    up = full * 8 * 4
    decoder = 27 * full * (8 * 4 + 4 * 4)
    assert forward_flop(net, (8, 8, 8)) == 2 * (encoder + up + decoder + full * 4 * 2)
    assert parameters(net) == 27 * (20 + 96) + 8 * 8 * 4 + 27 * 48 + 8


@pytest.mark.parametrize(("net", "patch"), [(SMALL, (16, 24, 16)), (FLAT, (16, 16, 8))])
def test_against_dynunet(net: Network, patch: Triple) -> None:
    torch = pytest.importorskip("torch")
    from monai.networks.nets import DynUNet
    from torch.utils.flop_counter import FlopCounterMode

    torch.set_num_threads(1)
    kernels, strides = [list(k) for k in net.kernels], [list(s) for s in net.strides]
    model = DynUNet(3, net.channels, net.heads, kernels, strides, strides[1:], filters=list(net.features))
    counter = FlopCounterMode(display=False)
    with counter:
        loss = model(torch.zeros(2, net.channels, *patch)).sum()
        forward = counter.get_total_flops()
        loss.backward()
    # the first convolution needs no gradient of its input: the estimate is a little high
    assert forward == 2 * forward_flop(net, patch)
    assert counter.get_total_flops() == pytest.approx(step_flop(net, patch, 2), rel=0.03)
    weights = sum(p.numel() for p in model.parameters() if p.dim() > 1)
    assert parameters(net) == weights


def test_memory_is_what_autograd_keeps() -> None:
    torch = pytest.importorskip("torch")
    from monai.networks.nets import DynUNet

    torch.set_num_threads(1)
    kernels, strides = [list(k) for k in SMALL.kernels], [list(s) for s in SMALL.strides]
    model = DynUNet(3, 1, 3, kernels, strides, strides[1:], filters=list(SMALL.features))
    weights = {p.data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor):  # type: ignore[no-untyped-def]
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    patch = (32, 32, 32)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = model(torch.zeros(1, 1, *patch))
    assert out.shape[1] == 3
    per_patch = step_bytes(SMALL, patch, 2) - step_bytes(SMALL, patch, 1)
    activations = per_patch - 24 * 3 * 32**3
    assert sum(kept.values()) / 2 == pytest.approx(activations, rel=0.1)  # float32 here, half there


def test_cost_grows_with_patch_batch_and_width() -> None:
    assert step_flop(SMALL, (16, 16, 16), 4) == 2 * step_flop(SMALL, (16, 16, 16), 2)
    assert step_flop(SMALL, (32, 16, 16), 2) == 2 * step_flop(SMALL, (16, 16, 16), 2)
    wide = Network(1, 3, [16, 32, 64], SMALL.kernels, SMALL.strides)
    assert step_flop(wide, (16, 16, 16), 2) > 3.5 * step_flop(SMALL, (16, 16, 16), 2)
    assert step_bytes(wide, (16, 16, 16), 2) > step_bytes(SMALL, (16, 16, 16), 2)


def test_budget() -> None:
    assert Budget.parse("8GB") == Budget(8e9, "memory")
    assert Budget.parse(" 1.5 tflop ") == Budget(1.5e12, "compute")
    assert Budget.parse("100GFLOPs").limit == 1e11
    compute = Budget.parse("1GFLOP")
    cost = compute.cost(SMALL, (16, 16, 16), 2)
    assert cost == step_flop(SMALL, (16, 16, 16), 2)
    assert compute.fits(SMALL, (16, 16, 16), 2) == (cost <= 1e9)
    assert compute.say(8.12345e10) == "81.23 GFLOP"
    assert Budget.parse("24GB").cost(SMALL, (16, 16, 16), 2) == step_bytes(SMALL, (16, 16, 16), 2)


@pytest.mark.parametrize("text", ["", "8", "GB", "8 apples", "-8GB", "0GB", "1e3GB"])
def test_a_budget_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match=r"plan\.budget is GPU memory such as"):
        Budget.parse(text)
