"""What a configuration asks of the 2D branch, before anything has run."""

from pathlib import Path
from typing import Any

import pytest

from segmake.configuration import fit_settings, load_settings
from segmake.errors import ConfigError, InputError
from segmake.experiment import Experiment

PLACES = "case,coordX,coordY,coordZ\na,1,2,3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sheet of four pictures, one of eight volumes with labels, and a table of places."""
    lines = ["case\timage\tclass"]
    for name in "abcd":
        (tmp_path / f"{name}.png").write_text(name)
        lines.append(f"{name}\t{name}.png\tx")
    (tmp_path / "pictures.tsv").write_text("\n".join(lines) + "\n")
    rows = [f"v{n}\tv{n}.nii\tl{n}.nii" for n in range(8)]
    (tmp_path / "volumes.tsv").write_text("\n".join(["case\tct\tlabel", *rows]) + "\n")
    (tmp_path / "places.csv").write_text(PLACES)
    return tmp_path


def pictures(folder: Path, **sections: Any) -> Experiment:
    config = {
        "data": {"cases": "pictures.tsv", "channels": {"image": "xray"}},
        "models": {},
        "classifiers": {"r": {}},
    }
    return Experiment.load(config | sections, [folder], None)


def volumes(folder: Path, **sections: Any) -> Experiment:
    data = {"cases": "volumes.tsv", "channels": {"ct": "ct"}, "labels": {"nodule": 1}}
    config = {"data": data, "classifiers": {"r": {}}, "slice": {"source": "prediction"}}
    return Experiment.load(config | sections, [folder], None)


def test_pictures_need_no_3d_branch(folder: Path) -> None:
    found = pictures(folder, shards=2, plan={"folds": 3})
    assert (found.names, list(found.classifiers)) == ([], ["r"])
    assert found.classifiers["r"].folds == [0, 1, 2]
    flags = found.slice_flags("01", {})
    assert flags[:2] == ["--cases", str(folder / "pictures.tsv")]
    assert flags[-4:] == ["--shard", "1", "--shards", "2"]
    assert found.divide_flags([]) == ["--folds", "3"]


def test_pictures_may_have_folds_of_their_own(folder: Path) -> None:
    (folder / "own.tsv").write_text("case\tfold\na\t0\nb\t0\nc\t1\nd\t1\n")
    found = pictures(folder, plan={"splits": "own.tsv"})
    assert found.divide_flags([]) == ["--splits", str(folder / "own.tsv")]
    assert found.classifiers["r"].folds == [0, 1]


def test_names_of_pictures_are_hidden_by_the_key(folder: Path) -> None:
    (folder / "key").mkdir()
    found = pictures(folder, convert={"pseudonymise": str(folder / "key" / "k")}, workdir=str(folder / "out"))
    shard = next(iter(found.shards))
    assert found.slice_flags(shard, {})[-2:] == ["--pseudonymise", str(folder / "key" / "k")]
    assert not {"a", "b", "c", "d"} & {case.name for cases in found.shards.values() for case in cases}


def test_patches_of_volumes_come_from_tables(folder: Path) -> None:
    found = volumes(folder)
    assert found.sliced_model == "unet"
    files = {"table": "convert/shard-00.tsv", "predictions": "predict/unet/shard-00.tsv"}
    assert found.slice_flags("00", files) == [
        *("--table", "convert/shard-00.tsv", "--predictions", "predict/unet/shard-00.tsv"),
        *("--channels", '{"ct":"ct"}', "--labels", '{"nodule":1}'),
    ]
    assert found.divide_flags(["plan/plan.json"]) == ["--plan", "plan/plan.json"]
    other = volumes(folder, models={"a": {}, "b": {}}, slice={"source": "prediction", "model": "b"})
    assert other.sliced_model == "b"


def test_the_digest_changes_with_pictures_and_with_places(folder: Path) -> None:
    one = pictures(folder, shards=1).slice_digest("00")
    (folder / "a.png").write_text("longer than before")
    assert pictures(folder, shards=1).slice_digest("00") != one
    placed = {"slice": {"source": "lesions", "lesions": "places.csv"}, "shards": 1}
    found = volumes(folder, **placed)
    assert found.settings.slice.lesions == folder / "places.csv"
    before = found.slice_digest("00")
    (folder / "places.csv").write_text(PLACES + "b,1,2,3\n")
    assert volumes(folder, **placed).slice_digest("00") != before
    (folder / "v1.nii").write_text("volumes are looked at by convert")
    assert volumes(folder, shards=1).slice_digest("00") == ""


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"slice": {"source": "images"}}, "2D images of their own, without a 3D branch"),
        ({"slice": {"source": "prediction", "model": "u"}}, "one of models as slice.model, got 'u' and unet"),
        ({"models": {}}, "needs one of models as slice.model, got '' and no models"),
        ({"models": {}, "slice": {"source": "label"}, "plan": {"folds": "leave-one-site-out"}}, "site"),
        ({"slice": {"source": "lesions", "lesion": "x"}}, "did you mean 'lesions'"),
        ({"classifiers": {"r": {"folds": [7]}}}, r"classifiers\.r trains folds \[7\], but the plan has 5"),
        ({"classifiers": {"r": {"network": 3}}}, r"classifiers\.r: network is 3"),
        ({"classifiers": {"a b": {}}}, "got 'a b' in classifiers"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_runs(
    folder: Path, sections: Any, sentence: str
) -> None:
    with pytest.raises((ConfigError, InputError), match=sentence):
        volumes(folder, **sections)


def test_classifiers_take_fit_and_their_own_settings_and_seeds() -> None:
    settings = load_settings(
        {
            "seed": 4,
            "models": {},
            "data": {"layout": "npz", "root": "x"},
            "fit": {"batch": 8, "seeds": [4, 5]},
            "classifiers": {"small": {}, "large": {"network": "resnet50", "seeds": [1]}},
        }
    )
    found = fit_settings(settings, 2)
    assert list(found) == ["small", "small.seed-5", "large.seed-1"]
    assert (found["small"].seed, found["small.seed-5"].seed) == (4, 5)
    assert (found["small"].batch, found["large.seed-1"].network) == (8, "resnet50")
    assert found["small"].folds == [0, 1]


def test_two_classifiers_of_one_name_are_refused() -> None:
    config = {"models": {}, "data": {"layout": "npz", "root": "x"}}
    twice = {"r": {"seeds": [0, 1]}, "r.seed-1": {}}
    with pytest.raises(ConfigError, match=r"would be called 'r\.seed-1'"):
        fit_settings(load_settings(config | {"classifiers": twice}), 2)
