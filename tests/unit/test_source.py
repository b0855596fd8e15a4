import os
from pathlib import Path

import pytest

from segmake.errors import InputError
from segmake.source import check_source, file_size, open_source, printable, shown


def test_a_good_file_has_its_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert check_source(tmp_path / "a") == 5
    with open_source(tmp_path / "a") as stream:
        assert stream.read() == b"12345"


def test_names_that_are_not_utf_8_are_shown_as_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(b"/data/M\xfcller.nii"))
    assert shown(path) == "/data/M\\xfcller.nii"
    assert shown(Path("/data/Müller 1.nii")) == "/data/Müller 1.nii"
    with pytest.raises(InputError, match=r"M\\xfcller\.nii does not exist"):
        check_source(tmp_path / path.name)


def test_what_cannot_be_read_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, said in {
        "empty": r"is empty \(0 bytes\); copy or export it again",
        "gone": r"gone does not exist; correct the path",
        "folder": r"is a folder, not a file",
        "link": r"is a link to .*nowhere, which does not exist",
        "pipe": r"is neither a file nor a folder",
        "loop": r"cannot be opened: Too many levels of symbolic links",
        "n" * 300: r"is too long for a path \(",
    }.items():
        with pytest.raises(InputError, match=said):
            check_source(tmp_path / name)
    assert file_size(tmp_path / "empty") == 0


def test_a_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.nii").write_bytes(b"1")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything, so the modes alone test nothing
    with pytest.raises(InputError, match=r"a\.nii may not be read by this user; change its permissions"):
        check_source(tmp_path / "a.nii")


def test_a_name_does_nothing_to_a_terminal() -> None:
    assert shown(Path("/a\n\x1b[2Jb ä.nii")) == "/a\\n\\x1b[2Jb ä.nii"
    assert printable("Müller 影") == "Müller 影"
