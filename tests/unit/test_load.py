from pathlib import Path

import pytest

from segmake.dataset.load import load_dataset
from segmake.errors import ConfigError, InputError
from segmake.settings import DataSettings, PhantomSettings

PHANTOMS = PhantomSettings(count=3, test=1, size=32)


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    lines = ["case\tt1\tflair\tlabel", "a\ta1\ta2\tas", "b\tb1\tb2\t"]
    (tmp_path / "cases.tsv").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return tmp_path / "cases.tsv"


@pytest.fixture
def brats(tmp_path: Path) -> Path:
    for case in ("p1", "p2"):
        (tmp_path / "brats" / case).mkdir(parents=True)
        for name in ("t1", "flair", "seg"):
            (tmp_path / "brats" / case / f"{case}_{name}.nii.gz").touch()
    return tmp_path / "brats"


def test_a_sheet_with_its_meaning_from_the_settings(sheet: Path) -> None:
    data = DataSettings(cases=sheet, channels={"flair": "mr", "t1": "mr"}, labels={"core": 1})
    found = load_dataset(data, PHANTOMS)
    assert [case.name for case in found.cases] == ["a", "b"]
    assert list(found.cases[0].channels.items()) == [
        ("flair", sheet.parent / "a2"),
        ("t1", sheet.parent / "a1"),
    ]
    assert (found.channels, found.labels, found.regions) == ({"flair": "mr", "t1": "mr"}, {"core": 1}, {})


def test_a_sheet_does_not_say_what_channels_and_labels_mean(sheet: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.channels is empty; name each channel and its modality"):
        load_dataset(DataSettings(cases=sheet), PHANTOMS)
    with pytest.raises(ConfigError, match=r"data\.labels is empty; name each label and its value"):
        load_dataset(DataSettings(cases=sheet, channels={"t1": "mr"}), PHANTOMS)


def test_cases_without_truth_need_no_labels(sheet: Path) -> None:
    sheet.write_text("case\tt1\nb\tb1\n", encoding="utf-8")
    assert load_dataset(DataSettings(cases=sheet, channels={"t1": "mr"}), PHANTOMS).labels == {}


def test_a_layout_says_it_and_the_settings_win(brats: Path) -> None:
    found = load_dataset(DataSettings(layout="brats", root=brats), PHANTOMS)
    assert found.channels == {"t1": "mr", "flair": "mr"}
    assert found.labels == {"necrosis": 1, "edema": 2, "enhancing": 4}
    mine = DataSettings(layout="brats", root=brats, channels={"flair": "other"}, labels={"all": 1})
    found = load_dataset(mine, PHANTOMS)
    assert (found.channels, found.labels) == ({"flair": "other"}, {"all": 1})
    assert found.cases[0].channels == {"flair": brats / "p1" / "p1_flair.nii.gz"}


@pytest.mark.parametrize("told", [True, False])
def test_one_of_many_jobs_tells_what_the_source_lacks(brats: Path, caplog, told: bool) -> None:
    (brats / "p1" / "p1_seg.nii.gz").unlink()
    data = DataSettings(layout="brats", root=brats)
    found = load_dataset(data, PHANTOMS, told=told)
    assert [(case.name, case.split) for case in found.cases] == [("p1", "new"), ("p2", "train")]
    assert ("1 cases have no label and are taken as new" in caplog.text) == told


def test_a_channel_that_no_case_has_is_named(brats: Path) -> None:
    data = DataSettings(layout="brats", root=brats, channels={"t1": "mr", "t2": "mr", "dwi": "mr"})
    with pytest.raises(
        ConfigError, match=r"case p1 has channels t1, flair, not dwi, t2; correct data\.channels"
    ):
        load_dataset(data, PHANTOMS)


def test_a_single_channel_may_be_renamed(brats: Path) -> None:
    for path in brats.rglob("*_flair.nii.gz"):
        path.unlink()
    found = load_dataset(DataSettings(layout="brats", root=brats, channels={"mprage": "mr"}), PHANTOMS)
    assert found.cases[1].channels == {"mprage": brats / "p2" / "p2_t1.nii.gz"}


def test_regions_must_list_labels_of_the_layout(brats: Path) -> None:
    data = DataSettings(layout="brats", root=brats, regions={"whole": [1, 2, 3]})
    with pytest.raises(
        ConfigError, match=r"data\.regions list \[3\], which data\.labels .* do not; add them"
    ):
        load_dataset(data, PHANTOMS)
    right = DataSettings(layout="brats", root=brats, regions={"whole": [1, 2, 4]})
    assert load_dataset(right, PHANTOMS).regions == {"whole": [1, 2, 4]}


def test_phantoms_are_known_before_they_are_made() -> None:
    found = load_dataset(DataSettings(layout="phantom"), PHANTOMS)
    assert [(case.name, case.split) for case in found.cases] == [
        ("brats-000", "test"),
        ("brats-001", "train"),
        ("brats-002", "train"),
    ]
    assert found.cases[1].channels["t1ce"] == Path("phantom/brats-001_t1ce.nii.gz")
    assert found.labels == {"necrosis": 1, "edema": 2, "enhancing": 4}


@pytest.mark.parametrize("data", [DataSettings(), DataSettings(layout="msd"), DataSettings(root=Path("x"))])
def test_no_source_of_cases_is_an_error(data: DataSettings) -> None:
    with pytest.raises(ConfigError, match=r"data names no cases; give data\.cases .*, or data\.layout and"):
        load_dataset(data, PHANTOMS)


def test_a_sheet_that_is_not_there_is_named(tmp_path: Path) -> None:
    data = DataSettings(cases=tmp_path / "gone.tsv", channels={"t1": "mr"})
    with pytest.raises(InputError, match=r"gone\.tsv does not exist"):
        load_dataset(data, PHANTOMS)


@pytest.mark.parametrize(
    ("labels", "regions", "sentence"),
    [
        ({"core": 1, "rim": 2}, {"core": [1, 2]}, "'core' names a label and a region"),
        ({"mean": 1}, {}, "'mean' is what the mean over labels is called"),
        ({"core": 1}, {"mean": [1]}, "'mean' is what the mean over labels is called"),
    ],
)
def test_scores_need_names_of_their_own(sheet: Path, labels, regions, sentence) -> None:
    data = DataSettings(cases=sheet, channels={"t1": "mr"}, labels=labels, regions=regions)
    with pytest.raises(ConfigError, match=sentence):
        load_dataset(data, PHANTOMS)


def test_channels_of_one_file_keep_the_order_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(
        '{"modality": {"0": "T1", "1": "FLAIR"}, "labels": {"0": "background", "1": "core"},'
        ' "training": [{"image": "a.nii.gz", "label": "a_seg.nii.gz"}]}',
        encoding="utf-8",
    )
    settings = {"layout": "msd", "root": tmp_path}
    found = load_dataset(DataSettings(**settings, channels={"t1": "mr", "flair": "mr"}), PHANTOMS)
    assert list(found.channels) == ["t1", "flair"]
    with pytest.raises(ConfigError, match="in the file's order: t1, flair"):
        load_dataset(DataSettings(**settings, channels={"flair": "mr", "t1": "mr"}), PHANTOMS)


def test_cases_may_not_share_a_thumbnail_or_tags(sheet: Path) -> None:
    for ending in ("_label", "_foreground", "_thumbnail", "_dicom"):
        sheet.write_text(f"case\tt1\na\tx\na{ending}\ty\n", encoding="utf-8")
        with pytest.raises(InputError, match=rf"cases 'a' and 'a{ending}' would share a file; rename one"):
            load_dataset(DataSettings(cases=sheet, channels={"t1": "mr"}), PHANTOMS)


def test_a_case_with_a_problem_needs_no_channel(sheet: Path) -> None:
    sheet.write_text("case\tt1\tlabel\tproblem\na\tx\t\t\nb\t\ty\tlabel y has no image\n", encoding="utf-8")
    found = load_dataset(DataSettings(cases=sheet, channels={"t1": "mr"}, labels={"core": 1}), PHANTOMS)
    assert [(case.name, list(case.channels), case.problem) for case in found.cases] == [
        ("a", ["t1"], ""),
        ("b", [], "label y has no image"),
    ]
    assert found.cases[1].sources() == [sheet.parent / "y"]


def test_only_wanted_channels_must_be_there(brats: Path) -> None:
    (brats / "p2" / "p2_flair.nii.gz").unlink()
    data = DataSettings(layout="brats", root=brats, channels={"t1": "mr"})
    assert [list(case.channels) for case in load_dataset(data, PHANTOMS).cases] == [["t1"], ["t1"]]
    data = DataSettings(layout="brats", root=brats, channels={"t1": "mr", "flair": "mr"})
    assert [case.problem for case in load_dataset(data, PHANTOMS).cases] == [
        "",
        "p2 has no flair, which other cases have; add the file",
    ]
