from collections import Counter

import pytest

from segmake.errors import ConfigError
from segmake.reporting import stated_data, stated_models
from segmake.reporting.checklists import TITLES, as_markdown, completeness, fill_checklist
from segmake.reporting.stated import CHAPTERS

FACTS = {"preparation": "Scans were resampled.", "sites": "Cases came from two sites."}


@pytest.mark.parametrize(("name", "items", "numbers"), [("claim", 44, 44), ("tripod", 52, 27)])
def test_every_item_is_there_once(name, items, numbers):
    found = fill_checklist(name, {}, {})
    names = [item.item for item in found]
    assert len(names) == len(set(names)) == items
    assert [*dict.fromkeys(int(item.rstrip("abcdefg")) for item in names)] == list(range(1, numbers + 1))
    assert all(item.topic and item.section for item in found)


@pytest.mark.parametrize("name", TITLES)
def test_what_nothing_is_known_of_is_a_named_task(name):
    found = fill_checklist(name, {}, {})
    assert {item.status for item in found} == {"todo"}
    assert all(len(item.todo) > 8 for item in found)


@pytest.mark.parametrize("name", TITLES)
def test_every_fact_that_an_item_asks_for_can_be_stated(name):
    stated = {tell.__name__ for tell in (*stated_data.FACTS, *stated_models.FACTS)} | set(CHAPTERS)
    filled = fill_checklist(name, {fact: f"<{fact}>" for fact in stated}, {})
    asked = {item.text.strip("<>") for item in filled if item.text}
    assert asked <= stated
    assert Counter(item.status for item in filled)["filled"] > 15


def test_a_fact_fills_an_item_or_a_part_of_it():
    items = {item.item: item for item in fill_checklist("tripod", FACTS, {})}
    assert (items["7"].status, items["7"].text) == ("filled", "Scans were resampled.")
    assert (items["6a"].status, items["6a"].todo) == ("partly", "describe the setting")
    assert completeness([*items.values()]) == "2 of 52 items are filled, 1 in part, 49 are left to write"


def test_an_answer_fills_an_item_beside_what_is_known():
    answers = {"tripod-6a": "Two university hospitals.", "claim-14": "not of this list"}
    items = {item.item: item for item in fill_checklist("tripod", FACTS, answers)}
    assert items["6a"].text == "Cases came from two sites. Two university hospitals."
    assert items["6a"].status == "filled"
    assert items["14"].status == "todo"
    claim = {item.item: item for item in fill_checklist("claim", {}, answers)}
    assert (claim["14"].status, claim["14"].text) == ("filled", "not of this list")


def test_an_answer_to_no_item_is_a_mistake():
    with pytest.raises(ConfigError, match=r"describe\.answers has claim-45, which is no item of CLAIM 2024"):
        fill_checklist("claim", {}, {"claim-45": "x"})


def test_markdown_has_boxes_tasks_and_the_count():
    text = as_markdown(fill_checklist("tripod", FACTS, {}))
    assert text.startswith("# TRIPOD+AI\n\n2 of 52 items are filled, 1 in part, 49 are left to write. ")
    assert "- [x] **7** preprocessing" in text
    assert "- [~] **6a** setting" in text
    assert "  - TODO `tripod-6a`: describe the setting\n" in text
    assert "\n\n## Participants\n\n" in text
    assert text.count("\n- [") == 52


def test_rows_are_called_as_people_call_the_list():
    row = fill_checklist("claim", {}, {})[0].row
    assert (row["checklist"], row["key"], row["status"]) == ("CLAIM 2024 update", "claim-1", "todo")
