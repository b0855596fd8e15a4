import re
import shutil
import subprocess

import pytest
from test_page import EVIL, Tags

from segmake.figures.outliers import Measure, Outlier
from segmake.figures.page import Facts, Gallery, render
from segmake.figures.passports import Passport
from segmake.figures.quality import (
    MOST_PLAIN,
    NBSP,
    Assessment,
    assess,
    links,
    notes_by_kind,
    quality_chapters,
)
from segmake.figures.sections import Failure

TIMES = f"{NBSP}\N{MULTIPLICATION SIGN}{NBSP}"


def passport(name, z=1.0, **changes):
    return Passport(name, shape=(40, 50, 60), spacing_mm=(1.0, 1.0, z), **changes)


@pytest.fixture(scope="module")
def assessed():
    many = [passport(f"plain{i}") for i in range(20)]
    found = [passport("far", 5.0), passport("near", 1.3), passport("warned", warnings=("odd",))]
    found.append(passport("repaired", repairs=("mended", "filled")))
    failed = [
        Failure("convert", "lost", "no image", excluded=True),
        Failure("resample", "plain0", "no space"),
    ]
    return assess([*many, *found], failed)


def gallery(assessed, pictures=(), labels=None):
    blocks = [block for part in quality_chapters(assessed, pictures, labels or {}) for block in part.blocks]
    return next(block for block in blocks if isinstance(block, Gallery))


def test_what_stands_out_comes_first_and_the_lost_last(assessed):
    names = [one.case for one in assessed]
    assert names == [
        "far",
        "near",
        "warned",
        "repaired",
        *(f"plain{i}" for i in sorted(range(20), key=str)),
        "lost",
    ]


def test_each_finding_is_a_sentence_with_its_kind(assessed):
    found = {one.case: one for one in assessed}
    assert found["far"].findings[0] == ("outlier", "Stands out", "spacing along z: 5 mm, usually 1 mm")
    assert found["repaired"].findings == [
        ("repaired", "Repaired", "mended"),
        ("repaired", "Repaired", "filled"),
    ]
    assert found["lost"].findings == [("lost", "Excluded in convert", "no image")]
    assert found["plain0"].findings == [("lost", "Failed in resample", "no space")]
    assert found["plain1"].findings == []
    assert found["lost"].facts == []


def test_a_case_may_be_of_several_kinds():
    outlier = Outlier(Measure("m"), 2.0, 1.0, 9.0)
    one = Assessment(
        "a", passport("a", warnings=("w",), repairs=("r",)), (outlier,), (Failure("s", "a", "r"),)
    )
    assert one.kinds == ["outlier", "warned", "repaired", "lost"]


def test_grid_and_labels_are_told_in_a_line_each():
    (one,) = assess([passport("a", 2.5, labels_ml={"core": 1234.5, "rim": 0.01234, "edge": 0.0})], [])
    assert one.facts == [
        f"40{TIMES}50{TIMES}60{NBSP}voxels, 1{TIMES}1{TIMES}2.5{NBSP}mm",
        f"core{NBSP}1234{NBSP}ml, rim{NBSP}0.0123{NBSP}ml",
    ]


def test_the_filters_count_what_they_show(assessed):
    shown = gallery(assessed)
    counts = {kind: count for kind, _, count in shown.filters}
    assert counts == {"all": 25, "outlier": 2, "warned": 1, "repaired": 1, "lost": 2}
    for kind in list(counts)[1:]:
        assert sum(kind in card.kinds for card in shown.cards) == counts[kind]


def test_only_kinds_that_occur_are_linked(assessed):
    assert "Stand out: 2" in links(assessed).items
    assert list(links(assess([passport("a")], [])).items.values()) == ["quality.html"]


def test_pictures_are_beside_the_page_and_a_missing_one_is_a_gap(assessed):
    cards = {card.case: card.picture for card in gallery(assessed, {"far", "lost"}).cards}
    assert (cards["far"], cards["near"]) == ("quality/far.jpg", "")
    (card,) = gallery(assess([passport("a b/../#?")], []), {"a b/../#?"}).cards
    assert card.picture == "quality/a%20b/../%23%3F.jpg"


def test_outlines_have_the_colours_of_the_thumbnails():
    assert gallery([], labels={"a": 1, "h": 8, "b": 2}).hues == {
        "a": "#56B4E9",
        "h": "#56B4E9",
        "b": "#E69F00",
    }


def test_repairs_that_differ_in_numbers_alone_are_one_kind():
    notes = ("t2: 3 voxels (of 34x40) filled", "t2: 12 voxels (of 9) filled", "p_01.nii.gz has t2: 1e-6 mm")
    repairs, warnings = notes_by_kind(
        [passport(str(i), repairs=notes[i : i + 1], warnings=("odd",)) for i in range(3)]
        + [passport("4")] * 3
    )
    assert repairs.rows == [["t2: … voxels (of …) filled", "2", "0, 1"], ["… has t2: … mm", "1", "2"]]
    assert warnings.rows == [["odd", "3", "0, 1, 2"]]


def test_of_very_many_cases_those_without_a_finding_are_cut():
    many = assess([passport(f"{i:05}") for i in range(MOST_PLAIN + 7)] + [passport("odd", 9.0)], [])
    cases = quality_chapters(many, (), {})[2]
    assert len(cases.blocks[1].cards) == MOST_PLAIN + 1
    assert cases.blocks[2].text.startswith("7 more cases")
    facts = quality_chapters(many, (), {})[0].blocks[0]
    assert isinstance(facts, Facts)
    assert facts.items["Cases"] == str(MOST_PLAIN + 8)


def test_the_page_escapes_every_string_and_loads_nothing_but_its_pictures():
    case = Passport(EVIL, EVIL, EVIL, EVIL, orientation=EVIL, repairs=(EVIL,), warnings=(EVIL,))
    found = assess([case], [Failure(EVIL, EVIL, EVIL)])
    page = render(EVIL, EVIL, quality_chapters(found, {EVIL}, {EVIL: 1}), EVIL)
    tags = Tags(page)
    assert len(tags.all("script")) == 1
    assert not re.search(r"https?://", page)
    (picture,) = tags.all("img")
    assert picture["src"].startswith("quality/%3Cscript%3E")
    assert picture["loading"] == "lazy"
    assert EVIL in picture["alt"]
    policy = next(a for a in tags.all("meta") if a.get("http-equiv"))["content"]
    assert policy.startswith("default-src 'none'; img-src 'self' file: data:;")
    assert page.count("<script>alert") == 0
    assert {a["value"] for a in tags.all("input") if a["type"] == "radio"} >= {"all", "outlier", "lost"}


def test_an_empty_data_set_still_makes_a_page():
    page = render("t", "l", quality_chapters([], (), {}))
    assert "No case was converted." in page
    assert "Nothing was repaired, nothing was warned of." in page


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")
@pytest.mark.parametrize(("kind", "shown"), [("repaired", ["repaired"]), ("lost", ["plain0", "lost"])])
def test_in_a_browser_the_address_names_the_filter(assessed, tmp_path, kind, shown):
    page = tmp_path / "quality.html"
    page.write_text(render("t", "l", quality_chapters(assessed, (), {})), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    done = subprocess.run(
        ["chromium", *options, f"{page.as_uri()}#{kind}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    cards = re.findall(r'<li data-kinds="[\w ]*">.*?<h3>(\w+)</h3>', done.stdout, re.DOTALL)
    assert sorted(cards) == sorted(shown)
    assert f"{len(shown)} of 25 cases" in done.stdout
