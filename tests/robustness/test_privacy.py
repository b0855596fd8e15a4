"""Nothing that identifies a person leaves convert: names are planted, every byte that came out is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustness import planted
from segmake.cli import main
from segmake.dataset.privacy import pseudonym, read_key, shift_days
from segmake.tables import Row, read_table, write_table

AFFINE = np.diag([1.0, 1.0, 3.0, 1.0])
HEADERS = planted.DICOM | planted.NIFTI | planted.OTHER
NAMES = {
    "case of a series": "Zwickel_R",
    "case of a NIfTI": "Herbst_Kuni",
    "case of a MetaImage": "Winter_Egon",
    "case of a NRRD": "Sommer_Ida",
    "case that is damaged": "Fruehling_Ute",
    "case with a gap": "Regen_Max",
    "group": "GROUP-Zwickelclan",
    "site folder": "VonHinterwald",
    "series folder": "ZWICKELHUBER_ROSALINDE",
    "slice": "IM_Zwickelhuber",
    "file": "Herbstmayr_K_ct",
    "folder": "Winterstoller Egon",
    "nrrd file": "sommerfeldt",
    "damaged file": "Fruehlingsdorf",
    "series with a gap": "Regenmantel",
    "slice with a gap": "IM_Regenmann",
}


def write_sources(root: Path) -> list[Row]:
    """Six scans with names in and on them; rows of a sheet."""
    home = root / NAMES["site folder"]
    series = planted.write_dicom(home / NAMES["series folder"], 1, NAMES["slice"])
    gap = planted.write_dicom(home / NAMES["series with a gap"], 2, NAMES["slice with a gap"])
    (gap / f"{NAMES['slice with a gap']}_5.dcm").unlink()
    damaged = home / f"{NAMES['damaged file']}.nii.gz"
    planted.write_nifti(damaged, planted.voxels(3), AFFINE)
    damaged.write_bytes(damaged.read_bytes()[:900])
    turned = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]])
    scans = {
        "case of a series": series,
        "case of a NIfTI": planted.write_nifti(home / f"{NAMES['file']}.nii.gz", planted.voxels(4), AFFINE),
        "case of a MetaImage": planted.write_metaimage(home / NAMES["folder"] / "ct.mhd", planted.voxels(5)),
        "case of a NRRD": planted.write_nrrd(home / f"{NAMES['nrrd file']}.nrrd", planted.voxels(6)),
        "case that is damaged": damaged,
        "case with a gap": gap,
    }
    rows = []
    for key, path in scans.items():
        affine = AFFINE if path.suffix == ".gz" else turned
        # The label of the series is a little off the grid of its scan: a repair, told in a sentence.
        shifted = affine + np.eye(4, k=3) * (0.01 if key == "case of a series" else 0)
        mask = planted.truth()
        mask[6, 6, 6] = len(rows) % 2
        label = planted.write_nifti(home / f"{path.name.split('.')[0]}_Truth.nii.gz", mask, shifted)
        row = {"case": NAMES[key], "group": NAMES[key], "site": "oslo", "split": "train"}
        rows.append(row | {"ct": str(path), "label": str(label)})
    rows[0]["group"] = NAMES["group"]
    return rows


def run(*words: object) -> None:
    """One sub-command; it ends well."""
    assert main([str(word) for word in words]) == 0


def run_stages(root: Path, rows: list[Row], *options: str) -> Path:
    """Convert, plan, evaluate and report, with truth in place of predictions."""
    out = root / "results"
    write_table(root / "cases.tsv", rows)
    table, plan = out / "convert/shard-00.tsv", out / "plan/plan.json"
    words = ["--cases", root / "cases.tsv", "--channels", '{"ct": "ct"}', "--labels", '{"nodule": 1}']
    log = out / "logs"
    run("--log", log / "convert.log", "convert", *words, "--on_error", "exclude", "--output", table, *options)
    meaning = ["--channels", '{"ct": "ct"}', "--labels", '{"nodule": 1}', "--budget", "12GFLOP"]
    copies = ["--allow_duplicates"]
    run(
        "--log",
        log / "plan.log",
        "plan",
        "--tables",
        table,
        "--output",
        plan,
        "--folds",
        2,
        *meaning,
        *copies,
    )
    done = [row for row in read_table(table) if row["status"] == "ok"]
    predicted = out / "predict/unet/shard-00.tsv"
    for row in done:
        copy = predicted.parent / f"{row['case']}.nii.gz"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((table.parent / row["label"]).read_bytes())
    write_table(predicted, [row | {"label": "", "fold": "0"} for row in done])
    scores = out / "evaluate/unet"
    files = ["--table", table, "--predictions", predicted, "--plan", plan]
    run("--log", log / "evaluate.log", "evaluate", *files, "--output", scores / "shard-00.tsv")
    gathered = ["--output", scores / "summary.tsv", "--metrics", scores / "metrics.tsv", "--resamples", 20]
    run("summarize", "--tables", scores / "shard-00.tsv", *gathered)
    files = [
        "--plan",
        plan,
        "--cases",
        table,
        "--predictions",
        predicted,
        "--tables",
        scores / "shard-00.tsv",
    ]
    files += ["--metrics", scores / "metrics.tsv", "--summary", scores / "summary.tsv"]
    shown = ["--plan", plan, "--cases", table, "--predictions", predicted]
    shown += ["--metrics", scores / "metrics.tsv", "--worst", 1, "--median", 0, "--best", 0]
    run("--log", log / "examples.log", "examples", *shown, "--output", out / "examples/unet/examples.tsv")
    run("--log", log / "figures.log", "figures", "--folder", out, "--dpi", 40)
    files += ["--figures", out / "figures/figures.tsv"]
    run("--log", log / "report.log", "report", *files, "--output", out / "report/index.html")
    return out


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with sources, a key, and results with pseudonyms and moved dates."""
    root = tmp_path_factory.mktemp("hidden")
    key = root / "safe" / "key"
    run_stages(root, write_sources(root / "sources"), "--pseudonymise", str(key), "--dates", "shift")
    return root


def test_at_least_thirty_strings_are_planted_and_the_search_finds_each(hidden: Path) -> None:
    words = HEADERS | NAMES
    assert len(words) == len(set(words.values())) >= 70
    cases = {key for key in NAMES if key.startswith(("case", "group"))}
    assert planted.search(hidden / "sources", words) == words.keys() - cases
    assert planted.search(hidden, {key: NAMES[key] for key in cases}) == cases


def test_nothing_planted_is_in_the_results(hidden: Path) -> None:
    results = hidden / "results"
    assert len([path for path in results.rglob("*") if path.is_file()]) > 30
    assert planted.search(results, HEADERS | NAMES) == set()
    assert planted.search(results, {"folder of the sources": str(hidden / "sources")}) == set()


def test_the_results_are_those_of_the_scans(hidden: Path) -> None:
    key = read_key(hidden / "safe" / "key")
    rows = {row["case"]: row for row in read_table(hidden / "results/convert/shard-00.tsv")}
    assert set(rows) == {pseudonym(key, "case", NAMES[name]) for name in NAMES if name.startswith("case")}
    status = {name: rows[pseudonym(key, "case", NAMES[name])]["status"] for name in NAMES if "case" in name}
    assert {name for name, word in status.items() if word != "ok"} == {
        "case that is damaged",
        "case with a gap",
    }
    gap = rows[pseudonym(key, "case", NAMES["case with a gap"])]
    assert f"channel ct of {gap['case']}" in gap["reason"]
    assert "6 mm" in gap["reason"]
    series = rows[pseudonym(key, "case", NAMES["case of a series"])]
    assert series["group"] == pseudonym(key, "subject", NAMES["group"])
    assert series["repairs"]


def test_the_sidecar_has_the_technique_and_moved_dates(hidden: Path) -> None:
    key = read_key(hidden / "safe" / "key")
    name = pseudonym(key, "case", NAMES["case of a series"])
    tags = json.loads((hidden / f"results/convert/{name}_dicom.json").read_text())
    assert (tags["Modality"], tags["KVP"], tags["Manufacturer"]) == ("CT", "120", "Maker")
    days = shift_days(key, pseudonym(key, "subject", NAMES["group"]))
    moved = date.fromisoformat(planted.DICOM["StudyDate"]).toordinal() + days
    assert tags["StudyDate"] == date.fromordinal(moved).strftime("%Y%m%d")


def test_the_way_back_is_beside_the_key(hidden: Path) -> None:
    back = {row["pseudonym"]: row["case"] for row in read_table(hidden / "safe" / "key.tsv")}
    rows = read_table(hidden / "results/convert/shard-00.tsv")
    assert {back[row["case"]] for row in rows} == {NAMES[key] for key in NAMES if key.startswith("case")}


def neutral(root: Path, rows: list[Row]) -> list[Row]:
    """The same scans under names that tell nothing; those that cannot be used are left out."""
    told: list[Row] = []
    for number, row in enumerate(rows[:4]):
        new: dict[str, Any] = dict(row) | {"case": f"c{number}", "group": f"c{number}"}
        for column in ("ct", "label"):
            source = Path(row[column])
            if source.suffix == ".mhd":
                text = source.read_text().replace("ct.raw", f"{number}_ct.raw")
                (root / f"{number}_ct.mhd").write_text(text)
                source.with_suffix(".raw").rename(root / f"{number}_ct.raw")
                new[column] = str(root / f"{number}_ct.mhd")
                continue
            ending = "" if source.is_dir() else "." + source.name.split(".", 1)[1]
            new[column] = str(source.rename(root / f"{number}_{column}{ending}"))
        told.append(new)
    return told


def test_headers_and_dates_stay_behind_without_a_key_too(tmp_path: Path) -> None:
    rows = neutral(tmp_path, write_sources(tmp_path / "sources"))
    results = run_stages(tmp_path, rows)
    assert {row["status"] for row in read_table(results / "convert/shard-00.tsv")} == {"ok"}
    assert planted.search(results, HEADERS) == set()
    tags: Mapping[str, str] = json.loads((results / "convert/c0_dicom.json").read_text())
    assert not {keyword for keyword in tags if keyword.endswith("Date")}


def test_a_key_inside_the_results_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = write_sources(tmp_path / "sources")
    write_table(tmp_path / "cases.tsv", rows)
    table = tmp_path / "convert/shard-00.tsv"
    words = ["convert", "--cases", str(tmp_path / "cases.tsv"), "--channels", '{"ct": "ct"}']
    words += ["--labels", '{"nodule": 1}', "--output", str(table)]
    assert main([*words, "--pseudonymise", str(table.parent / "key")]) == 2
    assert "must name a key file outside the results" in capfd.readouterr().err
    assert not table.parent.exists()
