"""The viewer's page and its library."""

import hashlib
import json
import re
from importlib.resources import files

from report_cases import EVIL

from segmake.figures.palette import ON_IMAGE
from segmake.figures.viewer import Look, address, is_readable, library, library_license, render_viewer

LABELS = {"core": 1, "edge": 4}


def page(looks=(), labels=LABELS):
    return render_viewer(EVIL, looks, labels, ["t1", "flair"])


def data(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_the_page_holds_each_case_with_its_files():
    look = Look(
        "unet", "a", "../convert/a.nii.gz", "../convert/a_label.nii.gz", "../predict/a.nii.gz", "a: 0.5"
    )
    (entry,) = data(page([look]))["entries"]
    assert entry == {
        "model": "unet",
        "case": "a",
        "image": "../convert/a.nii.gz",
        "truth": "../convert/a_label.nii.gz",
        "prediction": "../predict/a.nii.gz",
        "told": "a: 0.5",
        "channel": 0,
    }


def test_labels_have_the_colours_of_the_figures_and_channels_their_names():
    found = data(page())
    assert found["labels"] == [["core", 1, ON_IMAGE[0]], ["edge", 4, ON_IMAGE[1]]]
    assert found["channels"] == ["t1", "flair"]
    many = data(page(labels={str(i): i for i in range(1, 10)}))["labels"]
    assert many[len(ON_IMAGE)][2] == ON_IMAGE[0]


def test_nothing_from_the_data_becomes_markup():
    text = page([Look("unet", EVIL, "i", "t", "p", EVIL)], {EVIL: 1})
    assert text.count("<script") == 2
    assert "alert('x')</script>" not in text
    found = data(text)
    assert found["entries"][0]["case"] == EVIL
    assert found["labels"][0][0] == EVIL


def test_the_policy_lets_nothing_in_but_this_folder():
    text = page()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-")
    assert "unsafe-eval" not in policy
    assert "connect-src 'self' data:;" in policy
    assert not re.search(r"https?://", text)


def test_an_address_names_model_and_case_whatever_they_are_called():
    assert address("unet", "a") == "viewer.html#model=unet&case=a"
    assert address("u&n", "a b#1") == "viewer.html#model=u%26n&case=a+b%231"


def test_only_files_that_niivue_reads_are_offered():
    names = ("a.nii.gz", "a.NII", "b.mha", "c.nrrd", "d.dcm", "e.tiff", "")
    assert [name for name in names if is_readable(name)] == ["a.nii.gz", "a.NII", "b.mha", "c.nrrd"]


def test_the_library_is_the_one_that_is_recorded_with_its_terms():
    facts = json.loads(files("segmake").joinpath("figures/static/niivue.json").read_text("utf-8"))
    assert hashlib.sha256(library()).hexdigest() == facts["sha256"]
    assert facts["version"].encode() in library()
    terms = library_license().decode()
    assert terms.startswith("BSD 2-Clause License")
    for name in ("fflate@", "gl-matrix@", "nifti-reader-js@", "zarrita@", "numcodecs@", "array-equal@"):
        assert f"==== {name}" in terms
