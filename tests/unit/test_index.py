import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from scan_cases import grid, sheet, write

from segmake.cli import main
from segmake.dataset.sheet import read_sheet
from segmake.errors import CasesFailed, InputError
from segmake.jobs import IndexJob
from segmake.stages import index
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
    with pytest.raises(InputError, match=r"this layout has a dataset.json, but .* does not exist"):
        run(IndexJob(layout="msd", root=tmp_path))
    assert main(["index", "brats", str(tmp_path / "nowhere")]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "must be a folder in brats layout" in shown.err


SHAPE = (6, 7, 8)
IMAGE = np.random.default_rng(0).integers(0, 900, SHAPE).astype(np.int16)
LABEL = (np.indices(SHAPE).sum(axis=0) % 3 == 0).astype(np.uint8)


def a_sheet(folder: Path, *bad: str) -> Path:
    """Two good cases, and the bad ones of these names."""
    rows = []
    for number, name in enumerate(("fine", "good", *bad)):
        write(folder / f"{name}.nii.gz", IMAGE + np.int16(number), grid())
        write(folder / f"{name}_seg.nii.gz", np.roll(LABEL, number, axis=2), grid())
        rows.append({"case": name, "t1": f"{name}.nii.gz", "label": f"{name}_seg.nii.gz", "problem": ""})
    data = (IMAGE + np.int16(9)).astype(np.float32)
    data[0, 0, 0] = np.nan
    for name in bad:
        row = next(row for row in rows if row["case"] == name)
        if name == "repaired":
            write(folder / "repaired.nii.gz", data, grid())
        elif name == "warned":
            write(folder / "warned_seg.nii.gz", LABEL * 0, grid())
        elif name == "excluded":
            row["problem"] = "label x.nii has no image; add it"
        elif name == "stopped":
            write(folder / "stopped_seg.nii.gz", LABEL * 5, grid())
        elif name == "copy":
            row["t1"] = "fine.nii.gz"
    return sheet(folder, rows)


def check(folder: Path, *bad: str, **flags: object) -> IndexJob:
    fields = {"layout": "sheet", "root": a_sheet(folder, *bad), "check": True}
    return IndexJob(**(fields | {"channels": {"t1": "mr"}, "labels": {"lesion": 1}} | flags))


def test_a_check_of_good_cases_is_one_line(tmp_path, capsys):
    run(check(tmp_path))
    assert capsys.readouterr().out == "2 cases: 2 without a remark\n"


def test_a_check_that_finds_repairs_and_warnings_goes_well(tmp_path, capsys):
    run(check(tmp_path, "repaired", "warned"))
    assert capsys.readouterr().out.splitlines() == [
        "repaired\trepaired\t1 voxels that were NaN or infinite filled with the least finite value",
        "warned\twarned\tlabel map is empty",
        "4 cases: 1 with a warning, 1 repaired, 2 without a remark",
    ]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_check_names_what_would_stop_or_be_left_out(tmp_path, capsys, threads):
    output = tmp_path / "written.tsv"
    with pytest.raises(CasesFailed, match="2 of 4 cases cannot be used as they are; see the lines above"):
        run(check(tmp_path, "excluded", "stopped", threads=threads, output=output))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "excluded\texcluded\tlabel x.nii has no image; add it"
    assert lines[1].startswith("stopped\tstopped\t")
    assert "holds label values 5 (" in lines[1]
    assert lines[2:] == ["4 cases: 1 would stop, 1 would be left out, 2 without a remark"]
    assert len(output.read_text().splitlines()) == 5


def test_a_check_finds_copies(tmp_path, capsys):
    with pytest.raises(CasesFailed, match=r"0 of 3 cases .* and scores would be too good"):
        run(check(tmp_path, "copy"))
    assert "leak\t\ttwo cases hold the same image voxels (copy and fine)" in capsys.readouterr().out


def test_a_check_without_names_of_labels_tells_their_values(tmp_path, capsys):
    run(check(tmp_path, labels={}))
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "label maps hold the values 1; name them in data.labels"


def test_a_check_follows_the_settings_of_convert(tmp_path, capsys):
    folder = tmp_path / "pairs"
    for name, image in (("a", IMAGE), ("b", IMAGE + np.int16(1))):
        write(folder / "images" / f"{name}.nii.gz", image, grid())
        write(folder / "labels" / f"{name}.nii.gz", np.roll(LABEL, name == "b", 0) * np.uint8(4), grid("LPS"))
    words = ["index", "pairs", str(folder), "--check", "--channels", '{"t1": "ct"}', "--threads", "2"]
    assert main([*words, "--labels", '{"tumour": 3}', "--label_map", '{"4": 3}']) == 2
    assert "lies elsewhere" not in capsys.readouterr().out
    words += ["--labels", '{"tumour": 3}', "--label_map", '{"4": 3}', "--regrid", "always"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert told.count("CT values from") == 2
    assert told.count("4 became 3") == 2


def test_a_fault_in_one_case_is_told_like_the_others(tmp_path, capsys, monkeypatch):
    def fault(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(index, "take_in", fault)
    with pytest.raises(CasesFailed, match="2 of 2"):
        run(check(tmp_path))
    assert "stopped\tfine\tZeroDivisionError: by zero" in capsys.readouterr().out


def test_a_killed_process_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "take_in", lambda *_: os._exit(1))
    with pytest.raises(InputError, match="killed, perhaps for lack of memory; give fewer --threads"):
        run(check(tmp_path, threads=2))
