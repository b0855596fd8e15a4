"""Pseudonyms, the key, the way back, dates; tests/robustness/test_privacy.py asks what leaves convert."""

import hashlib
import hmac
import multiprocessing
import re
from pathlib import Path

import pytest

from segmake.dataset.privacy import (
    check_place,
    clean_tags,
    pseudonym,
    pseudonymise,
    read_key,
    shift_days,
    way_back,
)
from segmake.dataset.sheet import Case
from segmake.errors import ConfigError
from segmake.tables import read_table

KEY = bytes(range(32))


def a_case(folder: Path, name: str, group: str = "", **values: object) -> Case:
    place = folder / name
    channels = {"t1": place / f"{name}_t1.nii.gz", "ct": place / "ct"}
    return Case(name, channels, group=group or name, **values)  # type: ignore[arg-type]


def test_a_pseudonym_is_the_keyed_hash_of_the_name() -> None:
    expected = hmac.new(KEY, b"case\0Jane_Doe", hashlib.sha256).hexdigest()[:12]
    assert pseudonym(KEY, "case", "Jane_Doe") == f"case-{expected}"
    assert pseudonym(KEY, "subject", "Jane_Doe")[-12:] != expected
    assert pseudonym(bytes(32), "case", "Jane_Doe")[-12:] != expected


def test_a_missing_key_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    key_file = tmp_path / "safe" / "key"
    key = read_key(key_file)
    assert re.fullmatch(r"[0-9a-f]{64}\n", key_file.read_text())
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert bytes.fromhex(key_file.read_text()) == key == read_key(key_file)
    assert [path.name for path in key_file.parent.iterdir()] == ["key"]
    assert read_key(tmp_path / "other") != key


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        for number in range(10):
            keys = pool.map(read_key, [tmp_path / f"key{number}"] * 8, chunksize=1)
            assert len(set(keys)) == 1
    assert len(list(tmp_path.iterdir())) == 10


@pytest.mark.parametrize("text", ["", "secret", "ab" * 31, "ab" * 33, "zz" * 32, "\u00e4"])
def test_a_file_that_is_no_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"must hold 64 hexadecimal digits; name a file that does not exist"
    ):
        read_key(path)
    assert path.read_text(encoding="utf-8") == text


def test_a_key_that_cannot_be_read_or_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read or made: Is a directory; correct it"):
        read_key(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be read or made: File exists; correct it"):
        read_key(tmp_path / "file" / "key")


def test_the_key_stays_outside_the_results(tmp_path: Path) -> None:
    check_place(tmp_path / "key", tmp_path / "results")
    check_place(tmp_path / "results-key", tmp_path / "results")
    (tmp_path / "link").symlink_to(tmp_path / "results")
    for inside in ("results/key", "results/a/b/key", "link/key", "other/../results/key"):
        with pytest.raises(ConfigError, match="must name a key file outside the results in"):
            check_place(tmp_path / inside, tmp_path / "results")


def test_cases_and_groups_are_hidden_and_the_rest_stays(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    cases = [
        a_case(tmp_path, "Ann_1", "Ann", site="oslo", split="test", class_="benign", extra={"born": "1960"}),
        a_case(tmp_path, "Ann_2", "Ann"),
        a_case(tmp_path, "Bob", ""),
    ]
    hidden = pseudonymise(cases, key_file)
    key = read_key(key_file)
    assert [case.name for case in hidden] == sorted(pseudonym(key, "case", case.name) for case in cases)
    found = {case.name: case for case in hidden}
    first = found[pseudonym(key, "case", "Ann_1")]
    assert (first.site, first.split, first.class_, dict(first.extra)) == ("oslo", "test", "benign", {})
    assert first.group == found[pseudonym(key, "case", "Ann_2")].group == pseudonym(key, "subject", "Ann")
    assert first.channels == cases[0].channels
    assert set(first.private) == {"Ann", "Ann_1", "Ann_1_t1", "Ann_1_t1.nii.gz"}
    assert pseudonymise(cases[::-1], key_file) == hidden


def test_the_way_back_grows_and_keeps_what_it_has(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    pseudonymise([a_case(tmp_path, "Ann_1", "Ann"), a_case(tmp_path, "Bob")], key_file)
    table = way_back(key_file)
    assert table == tmp_path / "key.tsv"
    assert table.stat().st_mode & 0o777 == 0o600
    first = read_table(table)
    assert {row["case"]: row["group"] for row in first} == {"Ann_1": "Ann", "Bob": "Bob"}
    key = read_key(key_file)
    for row in first:
        assert row["pseudonym"] == pseudonym(key, "case", row["case"])
        assert row["subject"] == pseudonym(key, "subject", row["group"])
    before = table.stat().st_mtime_ns
    pseudonymise([a_case(tmp_path, "Bob")], key_file)
    assert table.stat().st_mtime_ns == before
    pseudonymise([a_case(tmp_path, "Cid")], key_file)
    assert {row["case"] for row in read_table(table)} == {"Ann_1", "Bob", "Cid"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "key.tsv"]


TAGS = {
    "Modality": "CT",
    "RepetitionTime": "2000",
    "StudyDate": "20240301",
    "AcquisitionTime": "101500.5",
    "AcquisitionDateTime": "20240301101500.5+0100",
    "segmake": "kept",
}


def test_dates_and_times_are_dropped_and_durations_are_none() -> None:
    assert clean_tags(TAGS) == {"Modality": "CT", "RepetitionTime": "2000", "segmake": "kept"}
    assert TAGS["StudyDate"] == "20240301"


def test_dates_are_moved_by_whole_days() -> None:
    assert clean_tags(TAGS, -1) == TAGS | {
        "StudyDate": "20240229",
        "AcquisitionDateTime": "20240229101500.5+0100",
    }
    assert clean_tags({"StudyDate": "20240101"}, -365) == {"StudyDate": "20230101"}


@pytest.mark.parametrize("value", ["", "2024", "20241301", "March 1st", "2024.03.01", "00010101"])
def test_a_date_that_cannot_be_moved_is_dropped(value: str) -> None:
    assert clean_tags({"StudyDate": value, "Modality": "MR"}, -365) == {"Modality": "MR"}


def test_a_patient_moves_as_a_whole_by_up_to_a_year() -> None:
    days = [shift_days(KEY, f"subject-{number}") for number in range(3000)]
    assert min(days) == -365
    assert max(days) == -1
    assert len(set(days)) == 365
    assert shift_days(KEY, "subject-7") == days[7]
    assert [shift_days(bytes(32), f"subject-{number}") for number in range(3000)] != days
