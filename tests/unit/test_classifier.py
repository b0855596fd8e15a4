import pytest
import torch

from segmake.classification import FitSettings
from segmake.errors import InputError
from segmake.learning.checkpoint import read, write
from segmake.learning.classifier import (
    TrainedClassifier,
    load_classifier,
    normalise,
    save_classifier,
)
from segmake.learning.classifiers import build_classifier

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def classifier(**changes):
    settings = FitSettings(network="resnet10", seed=3, **changes)
    return TrainedClassifier(
        network=build_classifier(settings, 2, 3, 32),
        settings=settings,
        classes=["benign", "malignant", "none"],
        channels=2,
        size=32,
        multi_label=False,
        fold=1,
        seed=3,
        training=["a", "b"],
        validation=["c"],
        history={"step": 4, "val_auc": 0.75},
        versions={"torch": "2"},
        rates=[1 / 3, 0.1],
        compiled=True,
        hashes={"1": "abc"},
        start={"file": "imagenet.pt"},
    )


def test_a_round_trip_keeps_everything(tmp_path):
    kept = classifier(lr=0.5)
    save_classifier(tmp_path / "model.pt", kept)
    found = load_classifier(tmp_path / "model.pt", CPU)
    left, right = vars(kept), vars(found)
    assert {name: right[name] for name in left if name != "network"} == {
        name: left[name] for name in left if name != "network"
    }
    images = torch.randn(2, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = kept.network.eval()(images)
        assert torch.allclose(found.network(images), expected, atol=1e-5)
    assert not found.network.training


def test_equal_classifiers_are_equal_files(tmp_path):
    for name in ("a.pt", "b.pt"):
        save_classifier(tmp_path / name, classifier())
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_another_file_is_explained(tmp_path):
    write({"format": 1, "about": "{}"}, tmp_path / "segmentation.pt")
    with pytest.raises(InputError, match=r"not a classifier of format 1; give a model\.pt of fit"):
        load_classifier(tmp_path / "segmentation.pt", CPU)


def test_weights_that_do_not_fit_are_explained(tmp_path):
    save_classifier(tmp_path / "model.pt", classifier())
    content = read(tmp_path / "model.pt", CPU)
    del content["weights"]["fc.bias"]
    write(content, tmp_path / "model.pt")
    with pytest.raises(InputError, match="written by another segmake"):
        load_classifier(tmp_path / "model.pt", CPU)


def test_code_of_others_is_imported_only_when_named(tmp_path):
    model = classifier()
    foreign = model.settings.model_copy(update={"network": "test_classifiers.Mean"})
    network = build_classifier(foreign, 2, 3, 32)
    fields = vars(model) | {"settings": foreign, "network": network}
    save_classifier(tmp_path / "model.pt", TrainedClassifier(**fields))
    with pytest.raises(InputError, match=r"add --trust test_classifiers\.Mean"):
        load_classifier(tmp_path / "model.pt", CPU)
    found = load_classifier(tmp_path / "model.pt", CPU, trusted="test_classifiers.Mean")
    assert torch.equal(found.network.head.weight, network.head.weight)


def test_bytes_become_about_standard_normal_for_natural_images():
    images = torch.tensor([[[[0, 255]]]], dtype=torch.uint8)
    found = normalise(images)
    assert found.dtype == torch.float32
    assert found.ravel().tolist() == pytest.approx([-0.449 / 0.226, (1 - 0.449) / 0.226], abs=1e-5)
    assert images.ravel().tolist() == [0, 255]  # the caller's bytes stay
