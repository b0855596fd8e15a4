import os
from pathlib import Path

import numpy as np
import pytest

from segmake.errors import GeometryError, InputError
from segmake.volume.source import check_affine, check_source, check_spacing, open_source, shown


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
        "n" * 300: r"cannot be opened: File name too long",
    }.items():
        with pytest.raises(InputError, match=said):
            check_source(tmp_path / name)


def test_a_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.nii").write_bytes(b"1")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything, so the modes alone test nothing
    with pytest.raises(InputError, match=r"a\.nii may not be read by this user; change its permissions"):
        check_source(tmp_path / "a.nii")


@pytest.mark.parametrize("size", [0, -1, np.nan, np.inf, 1e6, 1000, 1e-7])
def test_voxel_sizes_that_cannot_be_meant_are_refused(size: float) -> None:
    with pytest.raises(GeometryError, match=r"voxel sizes of the header are \(1, .*, 1\) mm, not between"):
        check_spacing((1, size, 1), "the header")


def test_sizes_from_microscopes_to_scouts_are_kept() -> None:
    check_spacing((1e-5, 999, 0.5), "the header")
    turn = np.array([[0, -1.5, 0, 10], [0.8, 0, 0.6, -20], [-0.6, 0, 0.8, 30], [0, 0, 0, 1.0]])
    check_affine(turn, "the header")
    check_affine(np.diag([1e-5, 1e-5, 1e-4, 1]), "the header")


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (np.zeros((3, 3)), r"\(0, 0, 0\) mm"),
        (np.full((3, 3), np.nan), r"the sform is .*nan.*, not finite"),
        ([[1, 1, 0], [1, 1, 0], [0, 0, 1]], r"the axes of the sform lie in one plane"),
        ([[1, 1, 0], [1, 1.0001, 0], [0, 0, 1]], r"lie in one plane"),
    ],
)
def test_affines_that_place_nothing_are_refused(matrix: np.ndarray, said: str) -> None:
    affine = np.eye(4)
    affine[:3, :3] = matrix
    with pytest.raises(GeometryError, match=said):
        check_affine(affine, "the sform")
