"""All that is known of each case, in files beside the page."""

import re
from dataclasses import replace

from report_cases import PLAN, case, full, score

from segmake.figures.details import PER_PAGE, addresses, all_cases, case_pages
from segmake.figures.material import Material
from segmake.figures.page import Facts, Links, Note, Table, Thumbnail, render
from segmake.figures.sections import Failure


def sections(material, pictures=frozenset()):
    return {part.title: part for _, _, parts in case_pages(material, pictures) for part in parts}


def of_kind(part, kind):
    return [block for block in part.blocks if isinstance(block, kind)]


def test_every_case_that_any_table_names_has_its_place():
    material = Material(
        cases=[case("b")], failed=[Failure("convert", "c", "r")], scores=[score("a", 0.5), score("b", 0.6)]
    )
    assert all_cases(material) == ["a", "b", "c"]
    assert addresses(["a", "b"]) == {"a": "cases/001.html#case-1", "b": "cases/001.html#case-2"}


def test_addresses_lead_to_the_sections_of_the_files_that_are_written():
    names = [f"c{i:03d}" for i in range(PER_PAGE + 2)]
    material = Material(plan=PLAN, cases=[case(name) for name in names])
    made = list(case_pages(material, frozenset()))
    found = {part.title: f"cases/{name}#{part.key}" for name, _, several in made for part in several}
    assert found == addresses(names)
    assert [(name, len(parts)) for name, _, parts in made] == [("001.html", PER_PAGE), ("002.html", 2)]
    assert made[1][1] == f"Cases {PER_PAGE + 1} to {PER_PAGE + 2} of {PER_PAGE + 2}, by name."


def test_a_case_has_its_scores_a_row_per_label_a_column_per_metric():
    part = sections(full())["b"]
    (table,) = of_kind(part, Table)
    assert table.caption == "b, scores of unet (fold 0)"
    assert table.columns == ["Label", "What happened", "Dice", "True volume"]
    assert table.rows == [["core", "missed", "0.100", "4.000"], ["edge", "found", "0.300", ""]]


def test_a_case_has_its_grid_its_findings_and_its_picture():
    part = sections(full(), frozenset({"a"}))["a"]
    (picture,) = of_kind(part, Thumbnail)
    assert picture.address == "../quality/a.jpg"
    (facts,) = of_kind(part, Facts)
    assert facts.items["Patient"] == "a"
    assert facts.items["core (ml)"] == "2.000"
    assert [note.text for note in of_kind(part, Note)] == ["Repaired: 3 voxels filled"]


def test_what_a_classifier_says_of_a_case_is_there():
    tables = of_kind(sections(full())["a"], Table)
    (decisions,) = [table for table in tables if table.caption == "Decisions of resnet"]
    assert decisions.rows == [["patient", "", "", "bad", "bad", "0.900", "0.100"]]
    assert decisions.columns[-2:] == ["p of bad", "p of good"]


def test_the_viewer_is_one_link_away_and_names_with_odd_characters_are_quoted():
    part = sections(full())["b"]
    (links,) = of_kind(part, Links)
    assert links.items == {"View with the prediction of unet": "../viewer.html#model=unet&case=b"}
    odd = Material(cases=[case("a b#1")])
    (picture,) = of_kind(sections(odd, frozenset({"a b#1"}))["a b#1"], Thumbnail)
    assert picture.address == "../quality/a%20b%231.jpg"


def test_a_failed_case_says_why_and_one_of_which_nothing_is_known_says_that():
    material = Material(failed=[Failure("convert", "x", "bad <b>grid</b>")], scores=[])
    (note,) = sections(material)["x"].blocks
    assert (note.text, note.kind) == ("Failed in convert: bad <b>grid</b>", "warning")
    silent = sections(replace(material, failed=[], branch=full().branch, cases=[{"case": "q"}]))["q"]
    assert [note.text for note in silent.blocks] == ["Nothing more is known of this case."]


def test_images_of_the_2d_branch_have_their_size():
    part = sections(replace(full(), cases=[], passports=[]))["a"]
    (facts,) = of_kind(part, Facts)
    assert re.sub(r"\W+", " ", facts.items["Pixels"]) == "64 48"
    assert facts.items["Patches"] == "3"


def test_a_file_of_cases_leads_back_to_the_report():
    ((_, lead, parts),) = case_pages(full(), frozenset())
    page = render("Cases", lead, parts, back="../index.html")
    assert '<a href="../index.html">Back to the report</a>' in page
    assert 'href="#case-2">b</a>' in page
