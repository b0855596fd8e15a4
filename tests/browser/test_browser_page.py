"""The report in a browser, from disk: sorting, links, small screens, paper; and that it asks for nothing."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

CELLS = "[...document.querySelectorAll('#examples tbody tr')].map((row) => row.cells[COLUMN].textContent)"
SORTED = "[...document.querySelectorAll('#examples thead th')].map((head) => head.getAttribute('aria-sort'))"
WORST = ["tenth", "poor", "middling", "good <b>one"]


def address(path: Path) -> str:
    return "file://" + quote(str(path))


@pytest.fixture
def page(browser, results):
    """The report, opened from disk."""
    browser.open(address(results / "report/index.html"))
    return browser


def column(page, number):
    return page.run(CELLS.replace("COLUMN", str(number)))


def test_it_opens_from_disk_without_a_complaint_and_asks_for_nothing_else(page, results):
    assert page.complaints() == []
    asked = [url for url in page.requests() if not url.startswith("data:")]
    assert asked == [address(results / "report/index.html")]
    assert page.run("document.title") == "Trial <i>one</i>"


def test_names_from_the_data_are_text(page):
    assert page.run("document.querySelectorAll('main b, h1 i').length") == page.run(
        "document.querySelectorAll('figcaption b').length"
    )
    assert column(page, 0) == WORST


def test_a_click_on_a_heading_sorts_and_another_turns_the_order(page):
    assert column(page, 2) == ["0.100", "0.200", "0.500", "0.900"]
    button = "#examples thead th:nth-child(3) button"
    page.click(button)
    assert page.run(SORTED)[2] == "ascending"
    page.click(button)
    assert page.run(SORTED)[2] == "descending"
    assert column(page, 2) == ["0.900", "0.500", "0.200", "0.100"]
    page.click("#examples thead th:nth-child(1) button")
    assert column(page, 0) == sorted(WORST)
    assert page.run(SORTED)[:3] == ["ascending", None, None]


def test_tables_are_sorted_by_keyboard_too(page):
    page.run("document.querySelector('#examples thead th:nth-child(3) button').focus()")
    page.press("Enter")
    page.press("Enter")
    assert column(page, 2)[0] == "0.900"
    assert page.run("document.activeElement.textContent") == "Mean Dice"
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_case_leads_to_all_that_is_known_of_it(page, results):
    page.click("#examples tbody th a")
    page.wait("location.pathname.endsWith('/cases/001.html') && document.readyState === 'complete'")
    assert page.run("document.querySelector(':target h2').textContent") == "tenth"
    assert page.run("document.querySelector(':target tbody td').nextSibling") is not None
    page.click("header p a")
    page.wait("location.pathname.endsWith('/report/index.html') && document.readyState === 'complete'")


def test_every_link_leads_to_a_file_that_is_there(page, results):
    for name in ("index.html", "quality.html", "cases/001.html"):
        page.open(address(results / "report" / name))
        links = page.run("[...document.querySelectorAll('a')].map((a) => a.href.split('#')[0])")
        assert links
        missing = [
            link
            for link in set(links)
            if not Path(page.run(f"decodeURIComponent(new URL({json.dumps(link)}).pathname)")).is_file()
        ]
        assert missing == []
        anchors = page.run(
            "[...document.querySelectorAll('a[href^=\"#\"]')]"
            ".filter((a) => !document.getElementById(a.hash.slice(1))).length"
        )
        assert anchors == 0


def test_every_picture_has_a_text_and_every_control_a_name(page):
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    page.call("Accessibility.disable")
    named = {"image", "button", "link", "heading", "region", "textbox", "searchbox"}
    bare = [
        node["role"]["value"]
        for node in nodes
        if not node.get("ignored") and node["role"]["value"] in named and not node["name"]["value"].strip()
    ]
    assert bare == []
    assert {n["name"]["value"] for n in nodes if n["role"]["value"] == "image"} == {
        *("A plot of dice", "A plot of example")
    }


CONTRAST = """
(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3)
    .map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const rgb = parse(getComputedStyle(e).backgroundColor);
      if (rgb.length < 4 || rgb[3] > 0) return rgb;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('svg, script, style') || !element.checkVisibility()) continue;
    if (![...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const both = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const [a, b] = both.sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push([element.tagName, element.textContent.slice(0, 30), ratio]);
  }
  return poor;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "quality.html", "cases/001.html", "viewer.html"])
def test_text_stands_out_from_its_ground(browser, results, scheme, name):
    """WCAG 2.2 AA: 4.5 to 1."""
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    try:
        browser.open(address(results / "report" / name))
        assert browser.run(CONTRAST) == []
    finally:
        browser.call("Emulation.setEmulatedMedia", features=[])


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("name", ["index.html", "quality.html", "cases/001.html", "viewer.html"])
def test_no_page_is_wider_than_its_window(browser, results, width, name):
    browser.resize(width, 800)
    browser.open(address(results / "report" / name))
    assert browser.run("document.documentElement.scrollWidth") <= width


def test_on_paper_all_tables_are_open_and_nothing_is_cut(page):
    pdf = base64.b64decode(page.call("Page.printToPDF")["data"])
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 2
    page.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert page.run("getComputedStyle(document.querySelector('nav')).display") == "none"
        assert page.run("getComputedStyle(document.querySelector('.scroll')).overflow") == "visible"
    finally:
        page.call("Emulation.setEmulatedMedia", media="")


def test_the_viewer_opened_from_disk_says_what_to_do(browser, results):
    browser.open(address(results / "report/viewer.html") + "#model=unet&case=poor")
    assert browser.run("document.querySelector('#offline').checkVisibility()")
    assert browser.run("document.querySelector('#command').textContent") == f"segmake view '{results}'"
    assert not browser.run("document.querySelector('#controls').checkVisibility()")
    assert browser.complaints() == []
