import pytest
import torch
from plan_cases import small_plan
from torch import nn

from segmake.errors import ConfigError
from segmake.learning.architectures import find
from segmake.learning.networks import build, check, logits


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Own(nn.Module):
    """A user's network: one convolution, and a coarser output in training."""

    def __init__(self, in_channels, out_channels, deep_supervision, width=2):
        super().__init__()
        self.first = nn.Conv3d(in_channels, width, 3, padding=1)
        self.last = nn.Conv3d(width, out_channels, 1)
        self.deep_supervision = deep_supervision

    def forward(self, x):
        result = self.last(self.first(x))
        if self.training and self.deep_supervision:
            return [result, nn.functional.avg_pool3d(result, 2)]
        return result


def test_a_dotted_name_gets_what_the_plan_offers_and_the_options():
    plan = small_plan(channels={"t1": "mr", "t2": "mr"})
    network = build(f"{__name__}.Own", {"width": 5}, plan, deep_supervision=True)
    assert network.first.weight.shape == (5, 2, 3, 3, 3)
    assert network.last.weight.shape[:2] == (3, 5)
    check(network, "Own", plan)
    assert [o.shape[-1] for o in logits(network.train(), torch.zeros(1, 2, 8, 8, 8))] == [8, 4]


def test_a_dotted_name_of_monai_is_the_same_network():
    options = {"init_filters": 8}
    dotted = build("monai.networks.nets.SegResNet", options, small_plan(), True, seed=3).state_dict()
    plain = build("SegResNet", options, small_plan(), True, seed=3).state_dict()
    assert all(torch.equal(dotted[name], value) for name, value in plain.items())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no.such.Net", r"cannot be imported \(ModuleNotFoundError: No module named 'no'\)"),
        ("os.path", "must be a class made from torch.nn.Module"),
        ("subprocess.Popen", "must be a class made from torch.nn.Module"),
        ("torch.nn.Lineaar", "got None"),
        ("MedNextX", "did you mean MedNeXt"),
    ],
)
def test_what_is_no_network_is_explained(name, said):
    with pytest.raises(ConfigError, match=said):
        find(name)


def test_a_module_that_breaks_on_import_is_explained(tmp_path, monkeypatch):
    (tmp_path / "broken_nets.py").write_text("raise OSError('no licence')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"cannot be imported \(OSError: no licence\)"):
        find("broken_nets.Net")


@pytest.mark.parametrize("name", ["MedNeXtS", "MedNeXtB"])
def test_variants_of_mednext_know_the_options_of_their_maker(name):
    parameters = find(name).parameters
    assert "kernel_size" in parameters
    assert "variant" not in parameters


@pytest.mark.parametrize(
    ("name", "options", "sizes"),
    [
        ("MedNeXt", {"blocks_down": (1, 1), "blocks_up": (1, 1), "kernel_size": 3}, [32, 16, 8]),
        ("SegResNetDS", {"init_filters": 8}, [32, 16, 8]),
        ("SegResNet", {"init_filters": 8}, [32]),
        ("BasicUNetPlusPlus", {"features": (2, 2, 2, 2, 2, 2)}, [32]),
    ],
)
def test_deep_supervision_comes_finest_first_from_every_network_that_has_it(name, options, sizes):
    plan = small_plan(patch=(32, 32, 32))
    images = torch.zeros(1, 1, 32, 32, 32)
    network = build(name, options, plan, deep_supervision=True)
    assert [o.shape[-1] for o in logits(network.train(), images)] == sizes
    assert len(logits(network.eval(), images)) == 1
    assert len(logits(build(name, options, plan, deep_supervision=False).train(), images)) == 1
