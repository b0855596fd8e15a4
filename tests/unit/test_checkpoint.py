import json

import pytest
import torch
from plan_cases import small_plan

from segmake.errors import InputError
from segmake.learning.checkpoint import FORMAT, TrainedModel, load_model, read, save_model, versions, write
from segmake.learning.networks import build
from segmake.settings import TrainSettings

CPU = torch.device("cpu")


def trained(seed=0, **settings):
    chosen = TrainSettings(**settings)
    network = build(chosen.network, chosen.options, small_plan(), chosen.deep_supervision, seed)
    return TrainedModel(network, small_plan(), 1, chosen, seed, ["case1", "case3"], {"step": 5}, versions())


@pytest.mark.parametrize("settings", [{}, {"deep_supervision": False}, {"network": "UNet"}])
def test_round_trip_gives_equal_outputs_and_facts(tmp_path, settings):
    model = trained(**settings)
    save_model(tmp_path / "model.pt", model)
    loaded = load_model(tmp_path / "model.pt", CPU)
    images = torch.rand(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded.network(images), model.network.eval()(images))
    assert not loaded.network.training
    for name in ("plan", "fold", "settings", "seed", "validation", "history", "versions"):
        assert getattr(loaded, name) == getattr(model, name)


def test_equal_models_are_equal_files_under_any_name(tmp_path):
    save_model(tmp_path / "a.pt", trained())
    save_model(tmp_path / "deep" / "other.pt", trained())
    save_model(tmp_path / "c.pt", trained(seed=1))
    first = (tmp_path / "a.pt").read_bytes()
    assert first == (tmp_path / "deep" / "other.pt").read_bytes()
    assert first != (tmp_path / "c.pt").read_bytes()


def test_nothing_else_is_left_beside_the_file(tmp_path):
    save_model(tmp_path / "model.pt", trained())
    save_model(tmp_path / "model.pt", trained(seed=1))
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "model.pt"
    write({"value": 1}, path)
    with pytest.raises(AttributeError, match="lambda"):
        write({"value": lambda: 1}, path)
    assert read(path, CPU) == {"value": 1}


def test_a_broken_file_is_explained(tmp_path):
    path = tmp_path / "model.pt"
    save_model(path, trained())
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be read"):
        load_model(path, CPU)


def test_a_missing_file_is_explained(tmp_path):
    with pytest.raises(InputError, match=r"model\.pt cannot be read"):
        load_model(tmp_path / "model.pt", CPU)


def test_another_kind_of_file_is_explained(tmp_path):
    write({"weights": torch.zeros(2)}, tmp_path / "model.pt")
    with pytest.raises(InputError, match="not a segmake model"):
        load_model(tmp_path / "model.pt", CPU)


def test_a_model_with_unknown_settings_is_explained(tmp_path):
    save_model(tmp_path / "model.pt", trained())
    content = read(tmp_path / "model.pt", CPU)
    about = json.loads(content["about"])
    about["settings"]["colour"] = "red"
    write(
        {"format": FORMAT, "about": json.dumps(about), "weights": content["weights"]}, tmp_path / "model.pt"
    )
    with pytest.raises(InputError, match="another segmake"):
        load_model(tmp_path / "model.pt", CPU)


def test_code_in_a_file_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "evil"), "w"))

    torch.save({"format": FORMAT, "about": Evil()}, tmp_path / "model.pt")
    with pytest.raises(InputError, match="cannot be read"):
        load_model(tmp_path / "model.pt", CPU)
    assert not (tmp_path / "evil").exists()


def test_a_network_outside_of_monai_is_imported_for_those_who_name_it(tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(
        "from pathlib import Path\n"
        f"Path({str(tmp_path / 'imported')!r}).touch()\n"
        "from monai.networks.nets import UNet as Mine\n"
    )
    path = tmp_path / "model.pt"
    save_model(path, trained(network="UNet"))
    content = read(path, CPU)
    write(content | {"about": content["about"].replace('"UNet"', '"my_nets.Mine"')}, path)
    monkeypatch.syspath_prepend(tmp_path)
    for trusted in (None, "UNet", "my_nets.Other"):
        with pytest.raises(InputError, match=r"add --trust my_nets\.Mine"):
            load_model(path, CPU, trusted)
    assert not (tmp_path / "imported").exists()
    loaded = load_model(path, CPU, "my_nets.Mine").network
    assert all(
        torch.equal(a, b)
        for a, b in zip(loaded.parameters(), trained(network="UNet").network.parameters(), strict=True)
    )


def test_a_dotted_name_of_monai_needs_no_trust(tmp_path):
    save_model(tmp_path / "model.pt", trained(network="monai.networks.nets.UNet"))
    assert type(load_model(tmp_path / "model.pt", CPU).network).__name__ == "UNet"
