import logging
import os
from pathlib import Path

import pytest

from segmake.dataset.sheet import Case
from segmake.dataset.veil import Veil, held_back, veil_of

NAME = "case-0123456789ab"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A patient's folder with a MetaImage, a DICOM folder and a label."""
    home = tmp_path / "Doe John"
    (home / "series").mkdir(parents=True)
    for name in ("Doe_t1.mhd", "Doe_t1.raw", "series/DOE^J_1.dcm", "series/DOE^J_2.dcm", "Doe_seg.nii"):
        (home / name).touch()
    channels = {"t1": home / "Doe_t1.mhd", "ct": home / "series#1.2.840.99"}
    private = ("Doe_J", "Doe John", "Doe_t1", "Doe_t1.mhd", "Doe_seg", "Doe_seg.nii")
    return Case(NAME, channels, home / "Doe_seg.nii", private=private)


def test_messages_about_cases_with_their_own_names_stay(tmp_path: Path) -> None:
    plain = Case("Doe", {"t1": tmp_path / "Doe.nii"})
    assert (
        veil_of(plain)(f"{plain.channels['t1']} of Doe is damaged") == f"{tmp_path}/Doe.nii of Doe is damaged"
    )


def test_files_are_called_by_their_role(case: Case) -> None:
    tell = veil_of(case)
    t1, label = case.channels["t1"], case.label
    home = t1.parent
    assert tell(f"{t1} is damaged") == f"channel t1 of {NAME} is damaged"
    assert tell(f"'{label}' holds 7") == f"'label of {NAME}' holds 7"
    assert tell(f"{home}/series: slice DOE^J_2.dcm is 5 mm off") == (
        f"channel ct of {NAME}: slice file 2 of channel ct of {NAME} is 5 mm off"
    )
    assert (
        tell(f"{home}/series#1.2.840.99 and 1.2.840.99") == f"channel ct of {NAME} and channel ct of {NAME}"
    )
    assert tell(f"{home}/series/DOE^J_1.dcm.") == f"file 1 of channel ct of {NAME}."
    assert tell(f"no such file: {home}/Doe_t1.raw") == f"no such file: file 2 of channel t1 of {NAME}"
    assert tell(f"{home}/other.txt and Doe_J") == f"its folder/other.txt and {NAME}"
    assert tell(f"no {home.parent}") == "no its folder"


def test_relative_paths_and_links_are_the_same_files(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").symlink_to(tmp_path / "Doe John")
    monkeypatch.chdir(tmp_path)
    near = Case(NAME, {"t1": Path("here/Doe_t1.mhd")}, private=("Doe_t1",))
    tell = veil_of(near)
    for told in ("here/Doe_t1.mhd", f"{tmp_path}/here/Doe_t1.mhd", os.path.realpath("here/Doe_t1.mhd")):
        assert tell(f"bad {told}: bad") == f"bad channel t1 of {NAME}: bad"


def test_sentences_keep_their_numbers_and_words() -> None:
    case = Case(NAME, {"t1": Path("/data/12/3.nii")}, private=("12", "3", "ct", "ann", "1234"))
    text = "12 slices of the annual ct are 3 mm apart, 1234 as ann; add 12345"
    told = f"12 slices of the annual ct are 3 mm apart, {NAME} as {NAME}; add 12345"
    assert Veil(case)(text) == told


def test_a_source_that_is_gone_is_no_obstacle() -> None:
    case = Case(NAME, {"t1": Path("/nowhere/Doe/t1.nii")}, private=("Doe",))
    assert Veil(case)("/nowhere/Doe/t1.nii does not exist") == f"channel t1 of {NAME} does not exist"


def test_messages_are_held_back_while_names_are_unknown(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("segmake")
    with held_back(log) as messages:
        log.warning("channel %s is left out, Doe lacks it", "t2")
    log.warning("heard again")
    assert messages == ["channel t2 is left out, Doe lacks it"]
    assert [record.getMessage() for record in caplog.records] == ["heard again"]
