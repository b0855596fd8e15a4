"""What a configuration asks for, before anything has run."""

import os
import time
from pathlib import Path

import pytest

from segmake import experiment
from segmake.errors import ConfigError, InputError
from segmake.experiment import Experiment, check_writable

CASES = ("a", "b", "c", "d")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sheet of four cases on two sites; their files stand beside it."""
    lines = ["case\tsite\tct\tlabel\tclass\tscanner"]
    for name, site in zip(CASES, "ssnn", strict=True):
        for kind in ("ct", "seg"):
            (tmp_path / f"{name}_{kind}.nii").write_text(f"{name} {kind}")
        lines.append(f"{name}\t{site}\t{name}_ct.nii\t{name}_seg.nii\t\told")
    (tmp_path / "cases.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path


def load(folder: Path, results: Path | None = None, **sections) -> Experiment:
    data = {"cases": "cases.tsv", "channels": {"ct": "ct"}, "labels": {"nodule": 1}}
    return Experiment.load({"data": data, **sections}, [folder / "nowhere", folder], results)


def test_a_path_counts_from_the_first_folder_that_has_it(folder):
    (folder / "start.pt").write_bytes(b"weights")
    found = load(folder, train={"init_from": "start.pt", "replay": "earlier"})
    assert found.settings.data.cases == folder / "cases.tsv"
    assert found.models["unet"].init_from == folder / "start.pt"
    assert found.models["unet"].replay == folder / "nowhere" / "earlier"  # in none: the first is named


def test_every_case_is_in_one_shard(folder):
    found = load(folder, shards=3)
    assert sorted(case.name for cases in found.shards.values() for case in cases) == list(CASES)
    assert list(found.shards) == sorted(found.shards)
    assert set(found.shards) <= {"00", "01", "02"}


def test_shards_of_new_cases_stand_apart(folder):
    before = load(folder, shards=2)
    rows = [f"n{number}\tnew\tn{number}_ct.nii" for number in range(6)]
    known = [f"{name}\ttrain\t{name}_ct.nii\t{name}_seg.nii" for name in CASES]
    (folder / "cases.tsv").write_text("\n".join(["case\tsplit\tct\tlabel", *known, *rows]) + "\n")
    after = load(folder, shards=2)
    assert before.known == list(before.shards) == after.known
    assert set(after.shards) - set(after.known) == {"02", "03"}
    assert {case.name for case in after.shards["02"] + after.shards["03"]} == {f"n{n}" for n in range(6)}
    assert after.data_flags("03")[-4:] == ["--shard", "3", "--shards", "2"]


def test_without_known_cases_all_shards_are_asked(folder):
    (folder / "cases.tsv").write_text("case\tsplit\tct\na\tnew\ta_ct.nii\n")
    assert load(folder, shards=1).known == ["00"]
    (shard,) = load(folder, shards=2).known
    assert shard in ("02", "03")


def test_folds_are_counted_in_the_cases(folder):
    assert load(folder, plan={"folds": "leave-one-site-out"}).models["unet"].folds == [0, 1]
    assert load(folder, plan={"folds": "leave-one-site-out"}).sites() == ["n", "s"]
    assert load(folder).sites() == []
    with pytest.raises(ConfigError, match="trains folds"):
        load(folder, plan={"folds": "leave-one-site-out"}, train={"folds": [2]})


def test_a_job_is_told_where_its_cases_are(folder):
    words = load(folder, shards=2).data_flags("01")
    assert words[words.index("--cases") + 1] == str(folder / "cases.tsv")
    assert words[-4:] == ["--shard", "1", "--shards", "2"]


def test_phantoms_come_from_the_shard_before(tmp_path):
    found = Experiment.load({"data": {"layout": "phantom"}}, [tmp_path], None)
    words = found.data_flags("00", ["phantom/shard-00.tsv"])
    assert words[:2] == ["--cases", "phantom/shard-00.tsv"]
    assert "--layout" not in words
    assert "--labels" in words  # the layout names them, the job need not know it


def test_the_digest_changes_with_rows_and_with_files_of_its_shard_alone(folder):
    before = load(folder, shards=1).source_digest("00")
    assert load(folder, shards=1).source_digest("00") == before
    os.utime(folder / "b_seg.nii", ns=(1, 1))
    touched = load(folder, shards=1).source_digest("00")
    assert load(folder, shards=1).source_digest("00") == touched
    (folder / "b_seg.nii").unlink()
    missing = load(folder, shards=1).source_digest("00")
    sheet = folder / "cases.tsv"
    sheet.write_text(sheet.read_text().replace("a\ts\t", "a\tn\t"))
    moved = load(folder, shards=1).source_digest("00")
    assert len({before, touched, missing, moved}) == 4


def test_a_slow_disk_is_asked_for_many_files_at_a_time_with_the_same_answers(folder, monkeypatch):
    paths = [folder / f"{name}_{kind}.nii" for name in CASES for kind in ("ct", "seg", "none")] * 30
    quick = experiment._stamps(paths)
    ask, together, most = experiment._stamp, [0], [0]

    def slow(path: Path) -> str:
        together[0] += 1
        most[0] = max(most[0], together[0])
        time.sleep(0.001)
        together[0] -= 1
        return ask(path)

    monkeypatch.setattr(experiment, "_stamp", slow)
    assert experiment._stamps(paths) == quick
    assert most[0] > 4
    assert quick[2] == "missing"
    status = (folder / "a_ct.nii").stat()
    assert quick[0] == f"{status.st_size} {status.st_mtime_ns}"


def test_the_sheet_is_an_input_only_for_columns_that_are_asked_for(folder):
    assert load(folder).sheet_columns() == []
    assert load(folder, evaluate={"subgroups": ["scanner"]}).sheet_columns() == [str(folder / "cases.tsv")]


def test_a_repeated_run_is_that_of_the_same_model_and_fold(folder):
    (folder / "earlier").mkdir()
    words = load(folder, train={"replay": "earlier"}).train_flags("unet", "3")
    assert words[words.index("--replay") + 1] == str(folder / "earlier/train/unet/fold-3/model.pt")
    assert "--folds" not in words


def test_other_weights_to_start_from_are_another_training(folder):
    assert load(folder).start_digest("unet") == ""
    digests = []
    for content in (b"one", b"two"):
        (folder / "start.pt").write_bytes(content)
        digests.append(load(folder, train={"init_from": "start.pt"}).start_digest("unet"))
    assert len(set(digests)) == 2


def test_a_classifier_is_told_its_settings_and_classes_and_repeats_its_own_fold(folder):
    (folder / "imagenet.pt").write_bytes(b"weights")
    sections = {
        "slice": {"source": "label", "classes": ["benign", "malignant"]},
        "classifiers": {"plain": {"lr": 0.5}, "again": {"replay": "earlier", "init_from": "imagenet.pt"}},
    }
    found = load(folder, fit={"batch": 8}, **sections)
    assert found.fit_flags("plain", "1") == [
        *("--lr", "0.5", "--batch", "8", "--classes", '["benign", "malignant"]')
    ]
    words = found.fit_flags("again", "3")
    earlier = folder / "nowhere" / "earlier" / "fit" / "again" / "fold-3" / "model.pt"
    assert words[words.index("--replay") + 1] == str(earlier)
    assert found.fit_digest("plain") == ""
    first = found.fit_digest("again")
    (folder / "imagenet.pt").write_bytes(b"other weights")
    assert found.fit_digest("again") != first


def test_code_of_other_packages_is_trusted_where_it_is_named(folder):
    models = {"ours": {}, "theirs": {"network": "their.package.Net"}}
    found = load(folder, models=models)
    assert (found.trust("ours"), found.trust("theirs")) == ([], ["--trust", "their.package.Net"])


def test_a_key_file_must_not_lie_in_the_results(folder):
    sections = {"convert": {"pseudonymise": str(folder / "results" / "key")}}
    with pytest.raises(ConfigError, match="key"):
        load(folder, folder / "results", **sections)
    with pytest.raises(ConfigError, match="key"):
        load(folder, workdir=str(folder / "results"), **sections)


def test_a_results_folder_that_cannot_be_written_is_told(folder, monkeypatch):
    check_writable(folder / "deep" / "results")
    assert (folder / "deep" / "results").is_dir()
    with pytest.raises(ConfigError, match=r"cases.tsv/results stands where a folder is needed .*; remove it"):
        check_writable(folder / "cases.tsv" / "results")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match=r"workdir: .* may not be written by this user, .*; change its"):
        check_writable(folder / "deep")


def test_what_is_wrong_with_the_cases_is_told(folder):
    (folder / "cases.tsv").write_text("case\tct\n../a\tx.nii\n")
    with pytest.raises(InputError, match="row 2, column case"):
        load(folder)
