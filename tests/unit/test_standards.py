"""Methods text and checklists on the page."""

from segmake.figures.material import Telling
from segmake.figures.page import Facts, Note, Table
from segmake.figures.standards import checklists, methods


def item(number, status, text="", todo="", checklist="CLAIM 2024 update"):
    row = {"checklist": checklist, "item": number, "topic": f"topic {number}", "status": status}
    return row | {"text": text, "todo": todo, "key": f"claim-{number}", "section": "Methods"}


ROWS = [
    item("1", "filled", "said"),
    item("2", "partly", "half", "the rest"),
    item("3", "todo", "", "all"),
    item("1", "filled", "known", checklist="TRIPOD+AI"),
]


def test_the_methods_text_and_its_references_are_ready_to_copy():
    blocks = methods(Telling(methods="We trained.", references="@article{x}"), "1.2.3")
    assert [(block.kind, block.text) for block in blocks[1:]] == [
        ("prose", "We trained."),
        ("heading", "References (BibTeX)"),
        ("code", "@article{x}"),
    ]


def test_without_a_text_the_version_and_the_references_are_told():
    first, second = methods(Telling(), "1.2.3")
    assert "segmake 1.2.3" in first.text
    assert "MONAI" in second.text


def test_each_checklist_says_how_complete_it_is():
    facts = checklists(ROWS)[0]
    assert isinstance(facts, Facts)
    assert facts.items == {
        "CLAIM 2024 update": "1 of 3 items, 1 more in part",
        "TRIPOD+AI": "1 of 1 items, 0 more in part",
    }


def test_each_item_stands_with_what_is_known_and_what_is_left():
    claim, tripod = [block for block in checklists(ROWS) if isinstance(block, Table)]
    assert claim.rows == [
        ["1", "topic 1", "filled in", "said"],
        ["2", "topic 2", "in part", ("half", "To do: the rest")],
        ["3", "topic 3", "to do", ("", "To do: all")],
    ]
    assert tripod.caption == "TRIPOD+AI (1)"


def test_without_checklists_it_says_how_to_make_them():
    (note,) = checklists([])
    assert isinstance(note, Note)
    assert "segmake describe" in note.text
