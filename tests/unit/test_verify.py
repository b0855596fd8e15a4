from pathlib import Path

import pytest

from segmake.cli import main
from segmake.errors import InputError
from segmake.jobs import PlanJob, VerifyJob
from segmake.ledger import Item, Outcome, Shard
from segmake.provenance import write_manifest
from segmake.stages.verify import DamagedFiles, DifferentFigures, run
from segmake.tables import write_text


def make(item: Item, scratch: Path) -> Outcome:
    (scratch / f"{item.case}.txt").write_text(f"content of {item.case}")
    (scratch / f"{item.case}.d").mkdir()
    (scratch / f"{item.case}.d" / "part").write_text("part")
    return Outcome(f"{item.case}.txt")


@pytest.fixture
def results(tmp_path) -> Path:
    """Two stages of three cases, with the other files that a results folder holds."""
    for folder in ("convert", "predict/unet"):
        shard = Shard(folder.split("/")[0], 1, tmp_path / folder / "shard-00.tsv", {})
        shard.run([Item(name, ("key",)) for name in "abc"], make)
    write_text(tmp_path / "convert" / "shard-00.manifest.json", "{}")
    write_text(tmp_path / "plan" / "plan.json", '{"patch": [1, 2, 3]}')
    write_text(tmp_path / "plan" / "list.json", "[1]")
    write_text(tmp_path / "train" / "notes.json", "half a fi")
    write_text(tmp_path / ".snakemake" / "x.json", "{}")
    return tmp_path


def test_an_intact_folder_passes(results, caplog):
    caplog.set_level("INFO", "segmake")
    run(VerifyJob(folder=results))
    assert caplog.messages[-1] == "12 files of 6 cases, all intact"


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda folder: (folder / "b.txt").write_text("CONTENT OF b"), "b.txt (predict of case b)"),
        (lambda folder: (folder / "b.txt").unlink(), "b.txt (predict of case b)"),
        (lambda folder: (folder / "c.d" / "part").write_text("trap"), "c.d (predict of case c)"),
        (lambda folder: (folder / "c.d" / "more").write_text(""), "c.d (predict of case c)"),
        (lambda folder: (folder / "a.json").unlink(), "a.json (record of case a)"),
        (lambda folder: (folder / "a.json").write_text('{"case":'), "a.json (record of case a)"),
        (lambda folder: (folder / "a.json").write_bytes(b"\xff\x00"), "a.json (record of case a)"),
    ],
)
def test_what_is_damaged_is_named(results, damage, named):
    folder = results / "predict" / "unet"
    damage(folder)
    with pytest.raises(DamagedFiles) as caught:
        run(VerifyJob(folder=results))
    assert str(caught.value).startswith(f"1 file is missing or changed: {folder}/{named}. Restore")


def test_the_command_line_names_all_and_exits_with_2(results, capsys):
    (results / "convert" / "a.txt").unlink()
    (results / "predict" / "unet" / "c.txt").write_text("other")
    assert main(["verify", str(results)]) == 2
    shown = capsys.readouterr().err
    assert f"2 files are missing or changed: {results}/convert/a.txt (convert of case a); " in shown
    assert f"{results}/predict/unet/c.txt (predict of case c)" in shown
    assert "Traceback" not in shown
    assert main(["verify", str(results / "predict")]) == 2
    assert "1 file is missing" in capsys.readouterr().err


def test_many_are_counted_in_the_sentence_and_all_logged(tmp_path, caplog):
    shard = Shard("convert", 1, tmp_path / "shard-00.tsv", {})
    shard.run([Item(f"case{number:02d}", ()) for number in range(13)], make)
    for path in tmp_path.glob("*.txt"):
        path.write_text("")
    caplog.clear()
    with pytest.raises(
        DamagedFiles, match=r"^13 files .*case09\.txt \(convert of case case09\); and 3 more\. Re"
    ):
        run(VerifyJob(folder=tmp_path))
    assert len([line for line in caplog.messages if line.endswith(")")]) == 13


def test_a_stage_folder_alone_can_be_checked(results):
    run(VerifyJob(folder=results / "convert"))
    (results / "convert" / "a.txt").unlink()
    with pytest.raises(DamagedFiles, match=r"a\.txt \(convert of case a\)"):
        run(VerifyJob(folder=results / "convert"))


def test_failed_cases_are_not_missing(tmp_path, caplog):
    def fail_b(item: Item, scratch: Path) -> Outcome:
        if item.case == "b":
            raise InputError("broken")
        return make(item, scratch)

    shard = Shard("convert", 1, tmp_path / "shard-00.tsv", {}, on_error="exclude")
    shard.run([Item(name, ()) for name in "abc"], fail_b)
    with caplog.at_level("INFO", logger="segmake"):
        run(VerifyJob(folder=tmp_path))
    assert "4 files of 2 cases, all intact" in caplog.text


def test_running_the_stage_again_mends(results, caplog):
    (results / "convert" / "b.txt").write_text("damaged")
    Shard("convert", 1, results / "convert" / "shard-00.tsv", {}).run(
        [Item(n, ("key",)) for n in "abc"], make
    )
    with caplog.at_level("INFO", logger="segmake"):
        run(VerifyJob(folder=results))
    assert "all intact" in caplog.text


def test_a_changed_plan_or_model_is_named_from_its_manifest(results):
    plan = results / "plan" / "plan.json"
    write_text(plan, "{}")
    write_manifest("plan", PlanJob(output=plan), 1.0)
    run(VerifyJob(folder=results))
    write_text(plan, "{ }")
    with pytest.raises(DamagedFiles, match=r"plan\.json \(plan\)"):
        run(VerifyJob(folder=results))


@pytest.mark.parametrize("folder", [".", "plan", "nowhere"])
def test_a_folder_without_records_is_explained(tmp_path, folder):
    write_text(tmp_path / "plan" / "plan.json", "{}")
    with pytest.raises(InputError, match="holds no records of segmake; give the workdir"):
        run(VerifyJob(folder=tmp_path / folder))


@pytest.mark.parametrize("different", [[], ["figures/a.svg differs", "figures/b.svg is missing"]])
def test_figures_are_drawn_again(results, different, caplog, monkeypatch):
    caplog.set_level("INFO", "segmake")
    monkeypatch.setattr("segmake.redrawing.redraw", lambda _: different)
    if not different:
        run(VerifyJob(folder=results, figures=True))
        assert caplog.messages == ["all figures were drawn again to the same bytes"]
        return
    with pytest.raises(DifferentFigures) as caught:
        run(VerifyJob(folder=results, figures=True))
    assert str(caught.value).startswith(
        "2 files of figures are not what their tables give: figures/a.svg differs; figures/b.svg is missing. "
    )
    assert caplog.messages == different
