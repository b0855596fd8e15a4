"""Every scored case, the worst first, with the ways to its picture, its details and the viewer."""

from dataclasses import replace

from report_cases import PLAN, drawn, full, score

from segmake.figures.material import Material
from segmake.figures.page import Link, Note, Picture, Table
from segmake.figures.records import NOTHING
from segmake.figures.worst import OPEN_ROWS, worst_cases


def tables(material):
    return [block for block in worst_cases(material) if isinstance(block, Table)]


def test_the_worst_case_comes_first_with_its_labels_volume_and_site():
    (table,) = tables(full())
    assert table.columns == [
        *("Case", "Split", "Mean Dice", "core", "edge"),
        *("Missed", "False alarms", "True volume (ml)", "Site", "Viewer"),
    ]
    first, second = table.rows
    assert first[0] == Link("b", "cases/001.html#case-2")
    assert first[1:9] == ["fold 0", "0.200", "0.100", "0.300", "1", "0", "4.0", "Oslo"]
    assert first[9] == Link("View", "viewer.html#model=unet&case=b", "View b of unet")
    assert second[1:] == ["fold 0", "0.900", "0.900", NOTHING, "0", "0", NOTHING, NOTHING, NOTHING]
    assert table.numeric == {
        *("Mean Dice", "core", "edge", "Missed", "False alarms", "True volume (ml)"),
    }


def test_without_a_viewer_there_is_no_column_for_it():
    (table,) = tables(replace(full(), looks={}))
    assert table.columns[-1] == "Site"
    assert not any("viewer" in b.text for b in worst_cases(replace(full(), looks={})) if isinstance(b, Note))


def test_many_cases_are_folded_below_the_worst():
    scores = [score(f"c{i:03d}", i / 100) for i in range(OPEN_ROWS + 5)]
    worst, every = tables(Material(plan=PLAN, scores=scores))
    assert [row[0] for row in worst.rows] == [f"c{i:03d}" for i in range(OPEN_ROWS)]
    assert not worst.folded
    assert every.folded
    assert len(every.rows) == OPEN_ROWS + 5


def test_a_table_for_each_model_and_its_own_pictures():
    scores = [score("a", 0.5), score("a", 0.6, model="segres")]
    pictures = [drawn("example_segres_worst-1", "example", model="segres", case="a")]
    blocks = worst_cases(Material(plan=PLAN, scores=scores, drawn=pictures))
    kinds = [(type(b).__name__, getattr(b, "name", b.caption)) for b in blocks]
    assert kinds == [
        ("Table", "Worst cases of unet by mean Dice over labels"),
        ("Table", "Worst cases of segres by mean Dice over labels"),
        ("Picture", "example_segres_worst-1"),
    ]


def test_a_picture_leads_to_the_viewer_its_details_and_its_files():
    (picture,) = [block for block in worst_cases(full()) if isinstance(block, Picture)]
    assert [(link.text, link.address) for link in picture.links] == [
        ("Open in the viewer", "viewer.html#model=unet&case=b"),
        ("All of this case", "cases/001.html#case-2"),
        *((kind.upper(), f"../figures/example_unet_worst-1.{kind}") for kind in ("svg", "pdf", "png")),
    ]


def test_without_scores_it_says_so():
    (note,) = worst_cases(Material(plan=PLAN))
    assert note.text == "No case has been scored yet."
