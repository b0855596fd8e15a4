"""The figures stage on a finished run's tables, with nothing else importable."""

import subprocess
import sys

import pytest
from figure_cases import write_results

from segmake.cli import main
from segmake.figures.catalogue import read_catalogue

BLOCKED = ("torch", "monai", "nibabel", "SimpleITK", "pydicom", "highdicom", "blosc2")
BLOCKER = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocker())
from segmake.cli import main
sys.exit(main(sys.argv[1:]))
"""
QUICK = ("--formats", '["svg"]')


def figures(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "figures").glob("*.svg"))}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write_results(root, models=("unet",), cases=3, labels={"core": 1}, folds=1)
    assert main(["figures", "--folder", str(root), *QUICK]) == 0
    return root


def test_every_kind_of_figure_of_one_model_is_there(finished):
    kinds = {entry.kind for entry in read_catalogue(finished / "figures/figures.tsv")}
    assert kinds == {
        *("training", "dice", "surface", "scores", "volumes", "subgroups", "example"),
    }
    names = {entry.file("svg") for entry in read_catalogue(finished / "figures/figures.tsv")}
    assert names == set(figures(finished))


def test_without_torch_and_without_any_reader_of_images_the_bytes_are_the_same(finished, tmp_path):
    before = figures(finished)
    for name in before:
        (finished / "figures" / name).unlink()
    code = [sys.executable, "-c", BLOCKER, "figures", "--folder", str(finished), *QUICK]
    done = subprocess.run(
        code, capture_output=True, text=True, check=False, env={"PYTHONHASHSEED": "7"}, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert figures(finished) == before


def test_named_tables_give_the_figures_that_a_whole_folder_gives(finished, monkeypatch):
    before = figures(finished)
    monkeypatch.chdir(finished)
    words = ["--history", "train/unet/fold-0/history.csv", "--output", "figures/figures.tsv"]
    assert main(["figures", *words, *QUICK]) == 0
    assert figures(finished) == {"training_unet.svg": before["training_unet.svg"]}  # the others went
    assert (finished / "figures/figures.manifest.json").exists()
