import logging
from pathlib import Path

import pytest
from layout_cases import told, touch

from segmake.dataset.layouts import index_layout
from segmake.errors import InputError


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    """Two subjects with T1w and FLAIR, the first in two sessions; lesion masks for all but one session."""
    for place in ("sub-01/ses-1/anat/sub-01_ses-1", "sub-01/ses-2/anat/sub-01_ses-2", "sub-02/anat/sub-02"):
        touch(tmp_path, *(f"{place}_{suffix}.nii.gz" for suffix in ("T1w", "FLAIR")), f"{place}_T1w.json")
        if "ses-2" not in place:
            touch(tmp_path, f"derivatives/manual/{place}_desc-lesion_mask.nii.gz")
    touch(
        tmp_path,
        "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz",
        "sourcedata/sub-01/anat/sub-01_T1w.nii",
    )
    write(tmp_path / "participants.tsv", "participant_id\tage\tsite", "sub-01\t61\toslo", "sub-02\t55\tn/a")
    return tmp_path


def test_sessions_are_cases_and_share_their_group(bids: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "segmake"):
        found = index_layout("bids", bids)
    assert told(found, bids) == [
        (
            "sub-01_ses-1",
            "train",
            [
                "flair=sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz",
                "t1w=sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz",
            ],
            "derivatives/manual/sub-01/ses-1/anat/sub-01_ses-1_desc-lesion_mask.nii.gz",
        ),
        (
            "sub-01_ses-2",
            "new",
            [
                "flair=sub-01/ses-2/anat/sub-01_ses-2_FLAIR.nii.gz",
                "t1w=sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz",
            ],
            None,
        ),
        (
            "sub-02",
            "train",
            ["flair=sub-02/anat/sub-02_FLAIR.nii.gz", "t1w=sub-02/anat/sub-02_T1w.nii.gz"],
            "derivatives/manual/sub-02/anat/sub-02_desc-lesion_mask.nii.gz",
        ),
    ]
    assert [(case.group, case.site) for case in found.cases] == [
        ("sub-01", "oslo"),
        ("sub-01", "oslo"),
        ("sub-02", ""),
    ]
    assert (found.channels, found.labels) == ({"flair": "mr", "t1w": "mr"}, {"lesion": 1})
    assert caplog.messages == ["1 cases have no label and are taken as new, to be predicted: sub-01_ses-2"]


def test_contrast_makes_a_channel_and_a_second_run_does_not(tmp_path: Path, caplog) -> None:
    touch(
        tmp_path,
        *(
            f"sub-1/anat/sub-1_{name}.nii"
            for name in ("ce-gadolinium_T1w", "run-2_T1w", "run-1_T1w", "part-phase_T2w")
        ),
        "sub-1/ct/sub-1_ct.nii",
        "sub-1/pet/sub-1_trc-18FFDG_pet.nii",
    )
    with caplog.at_level(logging.WARNING, "segmake"):
        found = index_layout("bids", tmp_path)
    assert found.channels == {
        "t1w_ce_gadolinium": "mr",
        "t1w": "mr",
        "t2w_part_phase": "mr",
        "ct": "ct",
        "pet_trc_18ffdg": "pet",
    }
    assert found.cases[0].channels["t1w"].name == "sub-1_run-1_T1w.nii"
    assert "sub-1_run-2_T1w.nii is left out: sub-1_run-1_T1w.nii is the t1w of its case" in caplog.messages


def test_label_values_come_from_the_table(bids: Path) -> None:
    for case in ("01_ses-1", "01_ses-2", "02"):
        folder = f"derivatives/seg/sub-{case.replace('_', '/')}/anat"
        touch(
            bids,
            f"{folder}/sub-{case}_desc-aseg_dseg.nii.gz",
            f"{folder}/sub-{case}_space-MNI152_dseg.nii.gz",
        )
    write(bids / "derivatives/seg/dseg.tsv", "index\tname", "9\tother")
    write(
        bids / "derivatives/seg/desc-aseg_dseg.tsv",
        "index\tname\tabbreviation",
        "0\tBackground\tBG",
        "17\tLeft-Hippocampus\tLH",
        "53\tRight Hippocampus\tRH",
    )
    found = index_layout("bids", bids)
    assert found.labels == {"left_hippocampus": 17, "right_hippocampus": 53}
    assert [case.label.name for case in found.cases if case.label] == [
        "sub-01_ses-1_desc-aseg_dseg.nii.gz",
        "sub-01_ses-2_desc-aseg_dseg.nii.gz",
        "sub-02_desc-aseg_dseg.nii.gz",
    ]


def test_other_kinds_of_labels_are_named(bids: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(bids, "derivatives/prep/sub-02/anat/sub-02_desc-brain_mask.nii.gz")
    with caplog.at_level(logging.WARNING, "segmake"):
        assert index_layout("bids", bids).labels == {"lesion": 1}
    assert "sub-02_desc-brain_mask.nii.gz, are left out (write a sheet to choose them)" in caplog.text


def test_labels_without_an_image_have_a_problem(bids: Path) -> None:
    touch(bids, "derivatives/manual/sub-03/anat/sub-03_desc-lesion_mask.nii.gz")
    case = index_layout("bids", bids).cases[-1]
    assert (case.name, case.channels) == ("sub-03", {})
    assert case.problem.startswith("label sub-03_desc-lesion_mask.nii.gz has no image; add the image")


def test_a_session_without_a_common_channel_has_a_problem(bids: Path) -> None:
    for number in range(3, 12):
        place = f"sub-{number:02d}/anat/sub-{number:02d}"
        touch(bids, *(f"{place}_{suffix}.nii.gz" for suffix in ("T1w", "FLAIR")))
    (bids / "sub-02/anat/sub-02_FLAIR.nii.gz").unlink()
    found = index_layout("bids", bids)
    assert {case.name: case.problem for case in found.cases if case.problem} == {
        "sub-02": "sub-02 has no flair, which other cases have; add the file"
    }
    wanted = index_layout("bids", bids, ["t1w"])
    assert not any(case.problem for case in wanted.cases)


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("participants.tsv", ["subject", "sub-01"], r"needs a column 'participant_id', has subject; add it"),
        (
            "participants.tsv",
            ["participant_id,site", "sub-01,a"],
            "tabs set columns apart, this looks like commas",
        ),
        (
            "derivatives/dseg.tsv",
            ["index\tname", "one\tcore"],
            r"row 2: needs the columns index .a whole number",
        ),
        ("derivatives/dseg.tsv", ["value\tname", "1\tcore"], r"row 2: needs the columns index"),
    ],
)
def test_broken_tables_are_explained(bids: Path, name: str, lines: list[str], message: str) -> None:
    for case in ("01/ses-1/anat/sub-01_ses-1", "01/ses-2/anat/sub-01_ses-2", "02/anat/sub-02"):
        touch(bids, f"derivatives/seg/sub-{case}_dseg.nii.gz")
    write(bids / name, *lines)
    with pytest.raises(InputError, match=message):
        index_layout("bids", bids)
