import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from layout_cases import touch

from segmake.dataset.layouts import index_layout
from segmake.dataset.sheet import read_sheet, write_sheet
from segmake.errors import InputError


def describe(root: Path, content: Any) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset.json").write_text(json.dumps(content), encoding="utf-8")


MSD = {
    "modality": {"1": "T1w", "0": "FLAIR", "2": "t1gd", "10": "T2w"},
    "labels": {"0": "background", "2": "non-enhancing tumor", "1": "edema"},
    "training": [
        {"image": "./imagesTr/b.nii.gz", "label": "./labelsTr/b.nii.gz"},
        {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"},
    ],
    "test": ["./imagesTs/c.nii.gz", "./imagesTs/left_out.nii.gz"],
}


def test_msd_names_one_file_for_all_channels(tmp_path: Path) -> None:
    describe(tmp_path, MSD)
    touch(tmp_path, "imagesTs/c.nii.gz")
    found = index_layout("msd", tmp_path)
    assert found.channels == {"flair": "mr", "t1w": "mr", "t1gd": "mr", "t2w": "mr"}
    assert list(found.channels) == ["flair", "t1w", "t1gd", "t2w"]
    assert found.labels == {"edema": 1, "non_enhancing_tumor": 2}
    assert [(case.name, case.split) for case in found.cases] == [
        ("a", "train"),
        ("b", "train"),
        ("c", "test"),
    ]
    assert set(found.cases[0].channels.values()) == {tmp_path / "imagesTr/a.nii.gz"}
    assert found.cases[0].label == tmp_path / "labelsTr/a.nii.gz"
    assert found.cases[2].label is None


def test_modalities_are_told_from_names(tmp_path: Path) -> None:
    describe(tmp_path, MSD | {"modality": {"0": "CT", "1": "PET", "2": "MRI", "3": "MRI"}})
    found = index_layout("msd", tmp_path)
    assert found.channels == {"ct": "ct", "pet": "pet", "mri": "mr", "mri_3": "mr"}


def test_nnunet_pairs_files_by_number(tmp_path: Path) -> None:
    names = {"0": "CT", "1": "noNorm"}
    labels = {"background": 0, "whole tumour": [1, 2, 3], "core": [2, 3], "enhancing": 3}
    describe(tmp_path, {"channel_names": names, "labels": labels, "file_ending": ".nrrd"})
    for case, folder in (("b", "Tr"), ("a", "Tr"), ("t", "Ts"), ("u", "Ts")):
        touch(tmp_path, *(f"images{folder}/{case}_000{number}.nrrd" for number in (0, 1)))
    touch(tmp_path, "labelsTr/a.nrrd", "labelsTr/b.nrrd", "labelsTs/t.nrrd", "imagesTr/x_0000.nii.gz")
    found = index_layout("nnunet", tmp_path)
    assert found.channels == {"ct": "ct", "nonorm": "mr"}
    assert found.labels == {"enhancing": 3, "label_1": 1, "label_2": 2}
    assert found.regions == {"whole_tumour": [1, 2, 3], "core": [2, 3]}
    assert [(case.name, case.split, case.label) for case in found.cases] == [
        ("a", "train", tmp_path / "labelsTr/a.nrrd"),
        ("b", "train", tmp_path / "labelsTr/b.nrrd"),
        ("t", "test", tmp_path / "labelsTs/t.nrrd"),
        ("u", "test", None),
    ]
    assert found.cases[0].channels == {
        "ct": tmp_path / "imagesTr/a_0000.nrrd",
        "nonorm": tmp_path / "imagesTr/a_0001.nrrd",
    }


def test_nnunet_channels_of_one_name_are_numbered(tmp_path: Path) -> None:
    describe(tmp_path, {"channel_names": {"0": "CT", "1": "CT"}, "labels": {"background": 0, "lung": 1}})
    touch(tmp_path, "imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz")
    found = index_layout("nnunet", tmp_path)
    assert found.cases[0].channels == {
        "ct": tmp_path / "imagesTr/a_0000.nii.gz",
        "ct_1": tmp_path / "imagesTr/a_0001.nii.gz",
    }


@pytest.mark.parametrize(
    ("case", "group", "pattern", "label", "names"),
    [
        (
            *("BraTS19_2013_10_1", "BraTS19_2013_10_1", "{case}_{name}.nii.gz", "seg"),
            ("t1", "t1ce", "t2", "flair"),
        ),
        (
            *("BraTS2021_00005", "BraTS2021_00005", "{case}_{name}.nii.gz", "seg"),
            ("t1", "t1ce", "t2", "flair"),
        ),
        (
            *("BraTS-GLI-00005-001", "BraTS-GLI-00005", "{case}-{name}.nii.gz", "seg"),
            ("t1n", "t1c", "t2w", "t2f"),
        ),
        (
            "brats_tcia_pat105_0119",
            "brats_tcia_pat105",
            "VSD.Brain.XX.O.{name}.1/VSD.Brain.XX.O.{name}.1.mha",
            "OT",
            ("MR_T1", "MR_T1c", "MR_T2", "MR_Flair"),
        ),
    ],
)
def test_brats_names_of_every_year(
    tmp_path: Path, case: str, group: str, pattern: str, label: str, names: tuple[str, ...]
) -> None:
    paths = [pattern.format(case=case, name=name) for name in (*names, label)]
    touch(tmp_path / "HGG" / case, *paths, "License.txt", f"{case}_brainmask.nii.gz")
    found = index_layout("brats", tmp_path)
    (only,) = found.cases
    assert (only.name, only.group, only.split) == (case, group, "train")
    assert list(only.channels) == ["t1", "t1ce", "t2", "flair"]
    assert [*only.channels.values(), only.label] == [tmp_path / "HGG" / case / path for path in paths]
    assert found.channels == dict.fromkeys(("t1", "t1ce", "t2", "flair"), "mr")
    enhancing = 3 if case.startswith("BraTS-") else 4
    assert found.labels == {"necrosis": 1, "edema": 2, "enhancing": enhancing}


def test_brats_folders_tell_the_split(tmp_path: Path) -> None:
    files = ("Flair_subtrMeanDivStd.nii.gz", "T1c_subtrMeanDivStd.nii.gz", "brainmask.nii.gz")
    for folder in ("train/p1", "validation/p2", "test/p3"):
        touch(tmp_path / folder, *files, "OTMultiClass.nii.gz")
    touch(tmp_path / "validation/p4", *files)
    found = index_layout("brats", tmp_path)
    assert [(case.name, case.split) for case in found.cases] == [
        ("p1", "train"),
        ("p2", "train"),
        ("p3", "test"),
        ("p4", "new"),
    ]
    assert list(found.channels) == ["t1ce", "flair"]
    assert found.cases[2].label == tmp_path / "test/p3/OTMultiClass.nii.gz"


def test_brats_patients_of_one_name_keep_apart(tmp_path: Path) -> None:
    for folder in ("HGG/pat0001_1", "LGG/pat0001_1", "LGG/pat0002_1"):
        touch(tmp_path / folder, "x_t1.nii.gz", "x_seg.nii.gz")
    names = [case.name for case in index_layout("brats", tmp_path).cases]
    assert names == ["HGG_pat0001_1", "LGG_pat0001_1", "pat0002_1"]


def test_brats_says_which_case_lacks_a_channel(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(tmp_path / "p1", "p1_t1.nii.gz", "p1_t2.nii.gz")
    touch(tmp_path / "p2", "p2_t1.nii.gz")
    with caplog.at_level(logging.WARNING, "segmake"):
        found = index_layout("brats", tmp_path)
    assert list(found.channels) == ["t1"]
    assert [list(case.channels) for case in found.cases] == [["t1"], ["t1"]]
    assert "channel t2 is left out: 1 cases lack it, such as p2" in caplog.text


def test_a_folder_named_like_an_image_is_no_image(tmp_path: Path) -> None:
    touch(tmp_path / "p1" / "p1_flair.nii", "p1_flair.nii")
    touch(tmp_path / "p1" / "p1_seg.nii", "W39_Segm.nii")
    (only,) = index_layout("brats", tmp_path).cases
    assert only.channels == {"flair": tmp_path / "p1/p1_flair.nii/p1_flair.nii"}


def test_shadows_that_macos_leaves_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path / "p1", "._p1_flair.nii.gz", "p1_flair.nii.gz")
    (only,) = index_layout("brats", tmp_path).cases
    assert only.channels == {"flair": tmp_path / "p1/p1_flair.nii.gz"}
    describe(tmp_path, {"channel_names": {"0": "CT"}, "labels": {"background": 0, "lung": 1}})
    touch(tmp_path, "imagesTr/._a_0000.nii.gz", "imagesTr/a_0000.nii.gz")
    assert [case.name for case in index_layout("nnunet", tmp_path).cases] == ["a"]


def test_names_become_words_that_files_and_rules_can_bear(tmp_path: Path) -> None:
    touch(tmp_path / "patient 7 (new)", "a_t1.nii.gz")
    assert [case.name for case in index_layout("brats", tmp_path).cases] == ["patient_7_new_"]


@pytest.mark.parametrize("layout", ["msd", "nnunet", "brats"])
def test_a_folder_without_the_layout_is_refused(tmp_path: Path, layout: str) -> None:
    with pytest.raises(InputError, match=r"must be a folder in .* layout, got .*gone"):
        index_layout(layout, tmp_path / "gone")
    with pytest.raises(
        InputError,
        match=r"holds no case in brats layout|this layout has a dataset.json, but .* does not exist",
    ):
        index_layout(layout, tmp_path)


@pytest.mark.parametrize(
    "content",
    [[], {"training": [{"img": "x"}]}, {"modality": {"first": "CT"}}, {"labels": {"0": "a", "x": "b"}}],
)
def test_a_dataset_json_of_another_kind_is_explained(tmp_path: Path, content: Any) -> None:
    describe(tmp_path, content)
    with pytest.raises(InputError, match=r"dataset\.json( is not as this layout defines it)?: .*; repair it"):
        index_layout("msd", tmp_path)


def test_an_indexed_folder_is_a_sheet(tmp_path: Path) -> None:
    touch(tmp_path / "p1", "p1_t1.nii.gz", "p1_t2.nii.gz", "p1_seg.nii.gz")
    touch(tmp_path / "p2", "p2_t1.nii.gz", "p2_t2.nii.gz")
    found = index_layout("brats", tmp_path)
    (tmp_path / "cases.tsv").write_text(write_sheet(found.cases), encoding="utf-8")
    again = read_sheet(tmp_path / "cases.tsv", found.channels)
    assert [(c.name, c.channels, c.label, c.split) for c in again] == [
        (c.name, c.channels, c.label, c.split) for c in found.cases
    ]


def test_msd_without_its_description_pairs_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "imagesTr/a.nii.gz", "labelsTr/a.nii.gz", "imagesTs/b.nii.gz")
    found = index_layout("msd", tmp_path)
    assert [(case.name, case.split, bool(case.label)) for case in found.cases] == [
        ("a", "train", True),
        ("b", "test", False),
    ]
    assert (found.channels, found.labels) == ({}, {})


def test_msd_and_nnunet_name_labels_without_an_image(tmp_path: Path) -> None:
    describe(tmp_path, MSD)
    touch(tmp_path, "labelsTr/a.nii.gz", "labelsTr/z.nii.gz")
    problem = "label z.nii.gz has no image; add the image or remove the label"
    assert [case.problem for case in index_layout("msd", tmp_path).cases] == ["", "", problem]
    describe(tmp_path, {"channel_names": {"0": "CT"}, "labels": {"background": 0, "lung": 1}})
    touch(tmp_path, "imagesTr/a_0000.nii.gz", "imagesTr/b_0000.nii.gz")
    cases = index_layout("nnunet", tmp_path).cases
    assert [(case.name, case.split, case.problem) for case in cases] == [
        ("a", "train", ""),
        ("b", "new", ""),
        ("z", "train", problem),
    ]


def test_nnunet_of_version_one(tmp_path: Path) -> None:
    describe(tmp_path, {"modality": {"0": "CT"}, "labels": {"0": "background", "1": "Liver", "2": "cancer"}})
    touch(tmp_path, "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")
    found = index_layout("nnunet", tmp_path)
    assert (found.channels, found.labels) == ({"ct": "ct"}, {"liver": 1, "cancer": 2})


def test_nnunet_with_a_list_of_files(tmp_path: Path) -> None:
    listed = {
        "b": {"images": ["../raw/b_t1.nii", "/data/b_t2.nii"], "label": "truth/b.nii"},
        "a": {"images": ["../raw/a_t1.nii", "/data/a_t2.nii"], "label": "truth/a.nii"},
    }
    content = {"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "lung": 1}}
    describe(tmp_path, content | {"dataset": listed, "file_ending": ".nii"})
    touch(tmp_path, "imagesTs/c_0000.nii", "imagesTs/c_0001.nii", "imagesTr/x_0000.nii")
    a, b, c = index_layout("nnunet", tmp_path).cases
    assert a.channels == {"t1": tmp_path / "../raw/a_t1.nii", "t2": Path("/data/a_t2.nii")}
    assert (b.label, c.split) == (tmp_path / "truth/b.nii", "test")
    describe(tmp_path, content | {"dataset": {"a": {"images": ["x.nii"], "label": "y.nii"}}})
    with pytest.raises(InputError, match="lists 1 images for case a, but 2 channels; repair it"):
        index_layout("nnunet", tmp_path)


def test_one_odd_case_does_not_cost_a_channel(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(12):
        touch(tmp_path / f"p{number:02d}", "x_t1.nii", "x_seg.nii", *(["x_t2.nii"] if number != 7 else []))
    with caplog.at_level(logging.WARNING, "segmake"):
        found = index_layout("brats", tmp_path)
    assert list(found.channels) == ["t1", "t2"]
    problem = "p07 has no t2, which other cases have; add the file"
    assert {case.name: case.problem for case in found.cases if case.problem} == {"p07": problem}
    assert f"case {problem}" in caplog.messages


def test_a_name_that_is_no_text_costs_its_case_alone(tmp_path: Path) -> None:
    touch(tmp_path, "p1/x_t1.nii", "p2/x_t1.nii")
    (tmp_path / "p2/x_t1.nii").rename(tmp_path / "p2" / os.fsdecode(b"caf\xe9_t1.nii"))
    good, bad = index_layout("brats", tmp_path).cases
    assert (good.problem, bad.channels) == ("", {})
    assert "caf\\xe9_t1.nii' holds a tab, a line break or bytes that are no UTF-8; rename it" in bad.problem
    assert "caf\\xe9_t1.nii" in write_sheet([good, bad])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a/P1/x_t1.nii", "p1/x_t1.nii"), "case 'P1' stands twice .letter case does not tell names apart"),
        (("aux/x_t1.nii",), "'aux' is a device on Windows .* rename it"),
        ((f"{'p' * 130}/x_t1.nii",), "a case name has up to 120 characters, got 130"),
    ],
)
def test_names_must_do_on_every_file_system(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        index_layout("brats", touch(tmp_path, *names))


@pytest.mark.data
def test_real_folders(shared_data: Path) -> None:
    hippocampus = index_layout("msd", shared_data / "hippocampus")
    assert len(hippocampus.cases) == 200
    assert hippocampus.labels == {"anterior": 1, "posterior": 2}
    brats = index_layout("brats", shared_data / "brats2015")
    assert list(brats.channels) == ["t1ce", "flair"]
    assert [case.split for case in brats.cases].count("test") == 2
    assert all(case.label and case.label.name == "OTMultiClass.nii.gz" for case in brats.cases)
