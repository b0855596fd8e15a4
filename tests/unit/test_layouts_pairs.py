import logging
from pathlib import Path

import pytest
from layout_cases import told, touch

from segmake.dataset.layouts import index_layout
from segmake.dataset.load import load_dataset
from segmake.dataset.sheet import read_sheet, write_sheet
from segmake.errors import ConfigError, InputError
from segmake.settings import DataSettings, PhantomSettings


@pytest.mark.parametrize(
    ("images", "labels"),
    [("images", "labels"), ("imagesTr", "labelsTr"), ("image", "mask"), ("Images", "Seg"), ("img", "masks")],
)
def test_two_folders_pair_by_name(tmp_path: Path, images: str, labels: str) -> None:
    touch(
        tmp_path, f"{images}/b.nii.gz", f"{images}/a.mha", f"{labels}/a.nrrd", f"{labels}/b.nii.gz", "x.txt"
    )
    found = index_layout("pairs", tmp_path)
    assert told(found, tmp_path) == [
        ("a", "train", [f"image={images}/a.mha"], f"{labels}/a.nrrd"),
        ("b", "train", [f"image={images}/b.nii.gz"], f"{labels}/b.nii.gz"),
    ]
    assert (found.channels, found.labels) == ({}, {})


@pytest.mark.parametrize(
    ("image", "label", "case"),
    [
        ("a_image.nii.gz", "a_label.nii.gz", "a"),
        ("a.nii.gz", "a_seg.nii.gz", "a"),
        ("a-img.nii", "a-mask.nii", "a"),
        ("a_mask.png", "a_mask.png", "a"),
        ("scan_img.nii", "scan_img.nii", "scan_img"),
        ("visit_0001.nii", "visit_0001.nii", "visit_0001"),
        ("A.NII.GZ", "A.nii", "A"),
        ("a.b.nii", "a.b_segmentation.nii", "a.b"),
    ],
)
def test_words_at_the_end_of_names(tmp_path: Path, image: str, label: str, case: str) -> None:
    touch(tmp_path, f"images/{image}", f"labels/{label}")
    assert told(index_layout("pairs", tmp_path), tmp_path) == [
        (case, "train", [f"image=images/{image}"], f"labels/{label}")
    ]


def test_numbered_channels_belong_together(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *(f"images/{case}_000{n}.nii" for case in "ab" for n in (1, 0)),
        "labels/a.nii",
        "labels/b.nii",
    )
    found = index_layout("pairs", tmp_path)
    assert told(found, tmp_path)[1] == (
        "b",
        "train",
        ["image_0=images/b_0000.nii", "image_1=images/b_0001.nii"],
        "labels/b.nii",
    )


def test_images_and_labels_may_be_folders(tmp_path: Path) -> None:
    touch(
        tmp_path, "images/a/1.dcm", "labels/a/liver.nii.gz", "images/b/1.dcm", "labels/b.dcm", "images/.git/"
    )
    assert told(index_layout("pairs", tmp_path), tmp_path) == [
        ("a", "train", ["image=images/a"], "labels/a"),
        ("b", "train", ["image=images/b"], "labels/b.dcm"),
    ]


def test_splits_are_folders_or_called_ts(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *(
            f"{split}/{kind}/{split}1.nii"
            for split in ("train", "val", "test")
            for kind in ("images", "labels")
        ),
    )
    touch(tmp_path, "imagesTs/t2.nii", "imagesTs/t3.nii", "labelsTs/t2.nii")
    assert [(case.name, case.split, bool(case.label)) for case in index_layout("pairs", tmp_path).cases] == [
        ("t2", "test", True),
        ("t3", "test", False),
        ("test1", "test", True),
        ("train1", "train", True),
        ("val1", "train", True),
    ]


def test_files_side_by_side(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz", "a_seg.nii.gz", "b_image.nii.gz", "b_label.nii.gz", "c.nii.gz", "notes.txt")
    assert told(index_layout("pairs", tmp_path), tmp_path) == [
        ("a", "train", ["image=a.nii.gz"], "a_seg.nii.gz"),
        ("b", "train", ["image=b_image.nii.gz"], "b_label.nii.gz"),
        ("c", "new", ["image=c.nii.gz"], None),
    ]


def test_a_folder_per_case(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "p1/image.nii",
        "p1/label.nii",
        "p2/image.nii",
        "p2/label.nii",
        "p3/image.nii",
        "p4/other.nii",
    )
    assert [(case.name, case.split) for case in index_layout("pairs", tmp_path).cases] == [
        ("p1", "train"),
        ("p2", "train"),
        ("p3", "new"),
    ]


def test_equal_names_in_two_folders_keep_apart(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "oslo/1.nii",
        "oslo/1_seg.nii",
        "rome/1.nii",
        "rome/1_seg.nii",
        "rome/2.nii",
        "rome/2_seg.nii",
    )
    cases = index_layout("pairs", tmp_path).cases
    assert [(case.name, case.group) for case in cases] == [
        ("2", "2"),
        ("oslo_1", "oslo_1"),
        ("rome_1", "rome_1"),
    ]


def test_an_image_alone_is_new_and_a_label_alone_a_problem(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "images/a.nii", "images/b.nii", "images/c.nii")
    (tmp_path / "labels").mkdir()
    for name, content in (("a", b"one"), ("d", b"one"), ("e", b"two"), ("f", b"three")):
        (tmp_path / f"labels/{name}_seg.nii").write_bytes(content)
    with caplog.at_level(logging.WARNING, "segmake"):
        cases = {case.name: case for case in index_layout("pairs", tmp_path).cases}
    assert {name: case.split for name, case in cases.items() if not case.problem} == {
        "a": "train",
        "b": "new",
        "c": "new",
    }
    assert "2 cases have no label and are taken as new, to be predicted: b, c" in caplog.messages
    assert cases["d"].problem == (
        "label d_seg.nii has no image, and it is a copy of another case's label, a_seg.nii, byte for byte; "
        "add the image or remove the label"
    )
    assert cases["e"].problem == "label e_seg.nii has no image; add the image or remove the label"
    assert cases["f"].problem.startswith("label f_seg.nii has no image; add")
    assert (cases["d"].channels, cases["d"].label) == ({}, tmp_path / "labels/d_seg.nii")
    assert "label e_seg.nii has no image; add the image or remove the label" in caplog.messages


def test_problems_pass_through_the_sheet_and_the_settings(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.nii", "labels/a.nii", "labels/b.nii")
    found = index_layout("pairs", tmp_path)
    (tmp_path / "cases.tsv").write_text(write_sheet(found.cases))
    assert read_sheet(tmp_path / "cases.tsv", ["image"]) == found.cases
    data = {"channels": {"ct": "ct"}, "labels": {"liver": 1}}
    loaded = load_dataset(DataSettings(layout="pairs", root=tmp_path, **data), PhantomSettings())
    assert [(case.channels, bool(case.problem)) for case in loaded.cases] == [
        ({"ct": tmp_path / "images/a.nii"}, False),
        ({}, True),
    ]
    sheet = DataSettings(cases=tmp_path / "cases.tsv", channels={"image": "ct"}, labels={"liver": 1})
    assert load_dataset(sheet, PhantomSettings()).cases == found.cases


def test_the_settings_say_what_one_file_holds(tmp_path: Path) -> None:
    touch(tmp_path, "imagesTr/a.nii", "labelsTr/a.nii")
    for layout in ("pairs", "msd"):
        data = DataSettings(
            layout=layout, root=tmp_path, channels={"t1": "mr", "t2": "mr"}, labels={"core": 1}
        )
        (case,) = load_dataset(data, PhantomSettings()).cases
        assert case.channels == dict.fromkeys(("t1", "t2"), tmp_path / "imagesTr/a.nii")
        with pytest.raises(ConfigError, match=r"data\.channels is empty"):
            load_dataset(DataSettings(layout=layout, root=tmp_path), PhantomSettings())


def test_two_files_for_one_thing_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.nii", "labels/a.nii", "labels/a_seg.nii")
    with pytest.raises(InputError, match=r"labels/a\.nii and a_seg\.nii would be the same file of a case"):
        index_layout("pairs", tmp_path)


def test_images_without_any_label_are_no_pairs(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii", "b.nii")
    with pytest.raises(InputError, match="holds no case in pairs layout"):
        index_layout("pairs", tmp_path)


@pytest.mark.data
def test_the_doctored_hippocampus(shared_data: Path) -> None:
    root = shared_data / "hippocampus_doctored"
    cases = {case.name.removeprefix("hippocampus_"): case for case in index_layout("pairs", root).cases}
    assert {name: case.split for name, case in cases.items() if not case.problem} == {
        "011": "train",
        "118": "new",
    }
    assert "copy of another case's label, hippocampus_011.nii.gz, byte for byte" in cases["010"].problem
    assert cases["281"].problem == (
        "label hippocampus_281.nii.gz has no image; add the image or remove the label"
    )
