import random
import shutil
from pathlib import Path

import pytest
from audit_cases import make_run

from segmake.audit.integrity import figures_of, find_damage, made_of, read_recorded
from segmake.cli import main


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "results")


@pytest.fixture
def results(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "results"))


def damaged(folder: Path) -> list[str]:
    found = find_damage(read_recorded(folder).checks, threads=2)
    return [str(check.path.relative_to(folder)) for check in found]


def result_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "cases.tsv")


def test_every_result_is_recorded(finished):
    recorded = {check.path for check in read_recorded(finished).checks}
    own = {path for path in result_files(finished) if path.suffix == ".json" and path.name != "plan.json"}
    assert recorded | own == set(result_files(finished))
    assert read_recorded(finished).records == 12


def test_a_corrupted_byte_in_any_of_twenty_files_is_found(results):
    chosen = random.Random(0).sample(result_files(results), 20)
    for number, path in enumerate(chosen):
        before = path.read_bytes()
        place = random.Random(number).randrange(len(before))
        path.write_bytes(before[:place] + bytes([before[place] ^ 4]) + before[place + 1 :])
        assert damaged(results) == [str(path.relative_to(results))], path
        path.write_bytes(before)
    assert damaged(results) == []


def test_a_lost_file_is_found(results):
    for name in (
        "plan/plan.json",
        "train/unet/fold-1/history.csv",
        "figures/dice_unet.svg",
        "convert/b.nii.gz",
    ):
        (results / name).unlink()
    assert damaged(results) == [
        "convert/b.nii.gz",
        "figures/dice_unet.svg",
        "plan/plan.json",
        "train/unet/fold-1/history.csv",
    ]


def test_one_digit_of_one_table_names_the_table_and_every_figure_of_it(results, capsys):
    table = results / "evaluate/unet/metrics.tsv"
    table.write_text(table.read_text().replace("0.8000", "0.8001", 1))
    assert main(["verify", str(results)]) == 2
    shown = capsys.readouterr().err
    line = f"{table} (summarize); figures made from it: dice_unet"
    assert shown.splitlines()[0] == line
    assert (
        f"1 file is missing or changed: {table} (summarize). Figures that depend on them: dice_unet." in shown
    )
    assert "training_unet" not in shown


def test_a_table_far_up_names_the_figures_that_it_decides_in_the_end(results):
    recorded = read_recorded(results)
    reached = made_of(results / "convert/a.nii.gz", recorded.dependents)
    assert results / "convert/shard-00.tsv" in reached
    assert results / "evaluate/unet/metrics.tsv" in reached
    assert figures_of(results / "convert/a.nii.gz", results, recorded.dependents) == [
        "dice_unet",
        "training_unet",
    ]
    assert figures_of(results / "evaluate/unet/a.tsv", results, recorded.dependents) == ["dice_unet"]
    assert figures_of(results / "figures/dice_unet.svg", results, recorded.dependents) == ["dice_unet"]
    assert figures_of(results / "figures/figures.tsv", results, recorded.dependents) == []


def test_a_folder_in_the_results_knows_the_figures_too(results):
    (results / "evaluate/unet/a.tsv").write_text("")
    folder = results / "evaluate"
    recorded = read_recorded(folder)
    assert [check.path.name for check in find_damage(recorded.checks, 1)] == ["a.tsv"]
    assert figures_of(folder / "unet/a.tsv", folder, recorded.dependents) == ["dice_unet"]


def test_work_under_way_is_no_result(results):
    (results / ".snakemake").mkdir()
    (results / ".snakemake/x.manifest.json").write_text("{}")
    (results / "convert/.a.work").mkdir()
    (results / "convert/.a.work/shard-00.tsv").write_text("case\tstatus\tkey\npath\tok\tk\n")
    assert damaged(results) == []


def test_results_without_figures_name_none(results):
    shutil.rmtree(results / "figures")
    assert figures_of(results / "plan/plan.json", results, read_recorded(results).dependents) == []
