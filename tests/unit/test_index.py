import json
import logging
from pathlib import Path

import pytest

from segmake.cli import main
from segmake.dataset.sheet import read_sheet
from segmake.errors import InputError
from segmake.jobs import IndexJob
from segmake.stages.index import run


@pytest.fixture
def decathlon(tmp_path) -> Path:
    root = tmp_path / "Task00"
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
        for name in ("b", "a"):
            (root / folder / f"{name}.nii.gz").write_bytes(b"")
    training = [{"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in ("b", "a")]
    content = {"modality": {"0": "T1", "1": "T2"}, "labels": {"0": "background", "1": "Anterior"}}
    (root / "dataset.json").write_text(json.dumps(content | {"training": training, "test": []}))
    return root


def test_the_sheet_is_written_with_absolute_paths(decathlon, tmp_path, caplog):
    caplog.set_level(logging.INFO, "segmake")
    run(IndexJob(layout="msd", root=decathlon, output=tmp_path / "new" / "cases.tsv"))
    lines = (tmp_path / "new" / "cases.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["case", "group", "site", "split", "t1", "t2", "label", "class"]
    image, label = (str(decathlon / folder / "a.nii.gz") for folder in ("imagesTr", "labelsTr"))
    assert lines[1].split("\t") == ["a", "a", "", "train", image, image, label, ""]
    assert len(lines) == 3
    assert "2 cases, channels {'t1': 'mr', 't2': 'mr'}, labels {'anterior': 1}" in caplog.messages


def test_the_sheet_is_read_back_as_the_same_cases(decathlon, tmp_path):
    run(IndexJob(layout="msd", root=decathlon, output=tmp_path / "cases.tsv"))
    cases = read_sheet(tmp_path / "cases.tsv", ["t1", "t2"])
    assert [case.name for case in cases] == ["a", "b"]
    assert cases[1].channels["t2"] == decathlon / "imagesTr" / "b.nii.gz"
    assert cases[1].label == decathlon / "labelsTr" / "b.nii.gz"
    assert all(path.exists() for case in cases for path in case.sources())


def test_relative_roots_become_absolute(decathlon, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(IndexJob(layout="msd", root=Path("Task00"), output=Path("cases.tsv")))
    assert f"\t{decathlon}/labelsTr/b.nii.gz\t" in Path("cases.tsv").read_text()


def test_standard_output_holds_the_sheet_alone(decathlon, tmp_path, capsys):
    run(IndexJob(layout="msd", root=decathlon, output=tmp_path / "cases.tsv"))
    assert capsys.readouterr().out == ""
    assert main(["index", "msd", str(decathlon)]) == 0
    shown = capsys.readouterr()
    assert shown.out == (tmp_path / "cases.tsv").read_text()
    assert "2 cases" in shown.err


def test_other_folders_are_explained(tmp_path, capsys):
    with pytest.raises(InputError, match=r"needs a readable dataset\.json"):
        run(IndexJob(layout="msd", root=tmp_path))
    assert main(["index", "brats", str(tmp_path / "nowhere")]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "must be a folder in brats layout" in shown.err
