import zipfile

import pytest
import torch

from segmake.errors import InputError
from segmake.learning.checkpoint import write
from segmake.learning.weights import bare, identify, read_weights
from segmake.tables import hash_path

WEIGHTS = {"a.weight": torch.arange(4.0), "a.bias": torch.ones(1)}


def same(found, expected=WEIGHTS):
    return list(found) == list(expected) and all(
        torch.equal(found[name], expected[name]) for name in expected
    )


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        {"state_dict": WEIGHTS, "epoch": 3, "optimizer": {"step": torch.ones(1)}},
        {"format": 1, "about": "{}", "rates": torch.ones(9), "weights": WEIGHTS},
        {f"module.{name}": value for name, value in WEIGHTS.items()},
        {"network": {f"_orig_mod.module.{name}": value for name, value in WEIGHTS.items()}},
    ],
)
def test_every_form_gives_the_weights_by_bare_name(tmp_path, content):
    write(content, tmp_path / "any.pt")
    assert same(read_weights(tmp_path / "any.pt"))


def test_a_bundle_is_a_folder_or_a_zip(tmp_path):
    folder = tmp_path / "spleen"
    write(WEIGHTS, folder / "models" / "model.pt")
    (folder / "configs").mkdir()
    with zipfile.ZipFile(tmp_path / "spleen.zip", "w") as archive:
        archive.write(folder / "models" / "model.pt", "spleen/models/model.pt")
        archive.writestr("spleen/LICENSE", "text")
    assert same(read_weights(folder))
    assert same(read_weights(tmp_path / "spleen.zip"))
    assert identify(folder) == hash_path(folder / "models" / "model.pt")


def test_prefixes_are_taken_off_the_front_alone():
    assert bare("network.module._orig_mod.a.network.weight") == "a.network.weight"
    assert bare("networks.weight") == "networks.weight"


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "evil"), "w"))

    torch.save({"a": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match=r"evil\.pt cannot be read as weights"):
        read_weights(tmp_path / "evil.pt")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("content", "said"), [(b"nonsense", "cannot be read as weights"), (b"", "cannot be read")]
)
def test_another_file_is_explained(tmp_path, content, said):
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_weights(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.ones(2)]])
def test_a_file_without_weights_is_explained(tmp_path, content):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(InputError, match="holds no weights by name"):
        read_weights(tmp_path / "x.pt")


def test_what_is_not_there_is_explained(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.pt does not exist"):
        read_weights(tmp_path / "nothing.pt")
    with pytest.raises(InputError, match=r"models/model\.pt does not exist; .* folder of a MONAI bundle"):
        read_weights(tmp_path)
