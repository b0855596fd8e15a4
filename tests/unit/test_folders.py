import pytest

from segmake.dataset.folders import pair_folders
from segmake.errors import InputError


@pytest.fixture
def folders(tmp_path):
    prediction, truth = tmp_path / "prediction", tmp_path / "truth"
    prediction.mkdir()
    truth.mkdir()

    def fill(found, true):
        for folder, names in ((prediction, found), (truth, true)):
            for name in names:
                (folder / name).touch()
        return prediction, truth

    return fill


def test_files_pair_by_name_whatever_their_format(folders):
    prediction, truth = folders(
        ["b.nii.gz", "a.1.mha", "C.NII", "metrics.tsv", "dataset.json", ".a.nii"],
        ["b.nii", "a.1.nrrd", "C.mhd", "C.raw", "notes.txt"],
    )
    found = pair_folders(prediction, truth)
    assert list(found.pairs) == ["C", "a.1", "b"]
    assert found.pairs["b"] == (prediction / "b.nii.gz", truth / "b.nii")
    assert (found.no_prediction, found.no_truth) == ((), ())


def test_files_without_a_partner_are_named(folders):
    found = pair_folders(*folders(["a.nii", "x.nii", "w.nii"], ["a.nii", "z.nii", "y.mha"]))
    assert (found.no_prediction, found.no_truth) == (("y", "z"), ("w", "x"))


def test_no_pair_is_an_error_that_shows_a_name_of_each(folders):
    with pytest.raises(InputError, match=r"such as a_pred\.nii.*such as a\.nii.*need one name"):
        pair_folders(*folders(["a_pred.nii"], ["a.nii"]))


def test_an_empty_folder_says_so(folders):
    with pytest.raises(InputError, match=r"prediction \(which has none\)"):
        pair_folders(*folders(["a.txt"], ["a.nii"]))


def test_one_case_in_two_formats_is_refused(folders):
    with pytest.raises(InputError, match=r"a\.mha and a\.nii\.gz are one case in two formats"):
        pair_folders(*folders(["a.mha", "a.nii.gz"], ["a.nii"]))


def test_a_missing_folder_is_named(folders, tmp_path):
    with pytest.raises(InputError, match="nowhere is no folder"):
        pair_folders(tmp_path / "nowhere", folders([], [])[1])
