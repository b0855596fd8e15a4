"""imagefolder and inbreast: layouts of 2-D images with a class."""

import logging
from pathlib import Path

import pytest
from layout_cases import touch

from segmake.dataset.layouts import index_layout
from segmake.dataset.sheet import read_sheet, write_sheet
from segmake.errors import InputError


def test_a_folder_is_a_class(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "nodule/1.png",
        "nodule/deep/2.JPG",
        "other/1.tif",
        "other/3.dcm",
        "other/list.txt",
        ".x/1.png",
    )
    found = index_layout("imagefolder", tmp_path)
    assert [(case.name, case.class_, case.split, case.group) for case in found.cases] == [
        ("nodule_1", "nodule", "train", "nodule_1"),
        ("nodule_deep_2", "nodule", "train", "nodule_deep_2"),
        ("other_1", "other", "train", "other_1"),
        ("other_3", "other", "train", "other_3"),
    ]
    assert found.cases[1].channels == {"image": tmp_path / "nodule/deep/2.JPG"}
    assert (found.channels, found.labels) == ({"image": "other"}, {})


def test_splits_stand_above_classes(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{split}/{name}/1.png" for split in ("train", "val", "test") for name in ("a", "b")))
    touch(tmp_path, "docs/figure/1.png")
    cases = index_layout("imagefolder", tmp_path).cases
    assert [(case.name, case.split) for case in cases] == [
        ("test_a_1", "test"),
        ("test_b_1", "test"),
        ("train_a_1", "train"),
        ("train_b_1", "train"),
        ("val_a_1", "train"),
        ("val_b_1", "train"),
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["1.png", "2.png"], "must hold two or more folders, each with the pictures of a class"),
        (["a/1.png"], "got a; put them there"),
        (["a/1.txt", "b/1.csv"], "got none"),
        (["a/1.png", "a/1.jpg", "b/1.png"], r"case 'a_1' stands twice .*a/1\.jpg.*a/1\.png"),
        (["a/x 1.png", "a/x_1.png", "b/1.png"], "case 'a_x_1' stands twice"),
        (["a/K.png", "a/k.png", "b/1.png"], "case 'a_K' stands twice .letter case does not tell names apart"),
    ],
)
def test_what_is_no_imagefolder_is_explained(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        index_layout("imagefolder", touch(tmp_path, *names))


HEAD = "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads"


def inbreast(root: Path, *rows: str, head: str = HEAD) -> Path:
    touch(
        root,
        *(f"AllDICOMs/{name}_ANON.dcm" for name in ("100_aa1_MG_R_CC", "101_aa1_MG_L_ML", "200_bb2_MG_L_CC")),
    )
    (root / "INbreast.csv").write_text("".join(f"{line}\n" for line in (head, *rows)), encoding="utf-8")
    return root


def test_inbreast_joins_files_and_table(tmp_path: Path) -> None:
    inbreast(
        tmp_path,
        "removed;51;R;CC;201001;100;4;1",
        "removed;51;L;MLO;201001;101.0;2.0;4A",
        "removed;67;L;CC;200805;200;;6",
    )
    found = index_layout("inbreast", tmp_path)
    assert [(case.name, case.group, case.class_, dict(case.extra)) for case in found.cases] == [
        ("100", "aa1", "normal", {"birads": "1", "acr": "4", "laterality": "R", "view": "CC"}),
        ("101", "aa1", "malignant", {"birads": "4a", "acr": "2", "laterality": "L", "view": "ML"}),
        ("200", "bb2", "malignant", {"birads": "6", "acr": "", "laterality": "L", "view": "CC"}),
    ]
    assert found.cases[0].channels == {"image": tmp_path / "AllDICOMs/100_aa1_MG_R_CC_ANON.dcm"}
    assert found.channels == {"image": "xray"}
    sheet = write_sheet(found.cases)
    assert not {"51", "67", "201001", "200805"} & {
        cell for line in sheet.splitlines() for cell in line.split("\t")
    }
    (tmp_path / "cases.tsv").write_text(sheet)
    assert read_sheet(tmp_path / "cases.tsv", []) == found.cases


@pytest.mark.parametrize(
    ("birads", "class_"),
    [
        *(("1", "normal"), ("2", "benign"), ("3", "benign")),
        *((birads, "malignant") for birads in ("4a", "4b", "4c", "5", "6", "5.0")),
        *(("0", ""), ("", ""), ("?", "")),
    ],
)
def test_birads_decides_the_class(tmp_path: Path, birads: str, class_: str) -> None:
    inbreast(tmp_path, f"removed;51;R;CC;201001;100;4;{birads}")
    assert index_layout("inbreast", tmp_path).cases[0].class_ == class_


def test_inbreast_warns_about_what_does_not_match(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    inbreast(tmp_path, "removed;51;L;CC;201001;100;4;1", "removed;51;L;CC;201001;999;4;1")
    with caplog.at_level(logging.WARNING, "segmake"):
        index_layout("inbreast", tmp_path)
    assert caplog.messages == [
        "2 images have no row in the INbreast table: 101, 200",
        "1 rows of the INbreast table have no image: 999",
        "100_aa1_MG_R_CC_ANON.dcm: the file name says laterality R, the table L",
    ]


def test_inbreast_needs_its_table(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"INbreast\.csv needs a column 'File Name', has Name, Bi-Rads; add it"
    ):
        index_layout("inbreast", inbreast(tmp_path, "100,1", head="Name,Bi-Rads"))
    (tmp_path / "INbreast.csv").unlink()
    with pytest.raises(InputError, match=r"save the spreadsheet as INbreast\.csv there"):
        index_layout("inbreast", tmp_path)
