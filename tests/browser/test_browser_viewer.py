"""The viewer in a browser, as `segmake view` serves it: real clicks, keys and the wheel, and what is seen."""

from __future__ import annotations

import numpy as np
import pytest

READY = "document.body.dataset.state === 'ready'"
PLACE = "document.querySelector('#place').textContent"


WORST = "#model=unet&case=tenth"
FRESH = """
(async () => {
  for (const name of ['truth', 'prediction']) $(name).checked = true;
  $('outlines').checked = false;
  $('opacity').value = 0.5;
  look(3);
  history.replaceState(null, '', HASH);
  await show(wanted());
})()
""".replace("HASH", repr(WORST))


@pytest.fixture
def viewer(browser, server):
    """The viewer with the worst case as it comes; it is loaded anew only where it has to be."""
    browser.resize(700, 560)
    if not browser.run(f"location.href.startsWith({server.address('report/viewer.html')!r}) && {READY}"):
        browser.open(server.address("report/viewer.html") + WORST)
        browser.wait(READY)
    browser.run(FRESH)
    return browser


def seen(viewer):
    """The canvas as soon as it stands still, without the ring that shows the focus."""
    before = viewer.pixels("canvas")[4:-4, 4:-4]
    for _ in range(100):
        now = viewer.pixels("canvas")[4:-4, 4:-4]
        if np.array_equal(before, now):
            return now
        before = now
    raise AssertionError("the canvas never stands still")


def changed(one, other):
    """Share of pixels that differ."""
    return float((np.abs(one.astype(int) - other).max(axis=2) > 16).mean())


def colourful(picture):
    """Share of pixels that are no grey."""
    values = picture.astype(int)
    return float((values.max(axis=2) - values.min(axis=2) > 32).mean())


def test_a_click_on_the_link_of_the_worst_case_shows_it(browser, server):
    viewer = browser
    viewer.open(server.address("report/index.html"))
    viewer.click("#examples tbody tr:nth-child(1) td:last-child a")
    viewer.wait("location.pathname.endsWith('/viewer.html')")
    viewer.wait(READY)
    assert viewer.run("document.querySelector('#told').textContent") == "tenth, unet: mean Dice 0.100"
    assert viewer.run("document.querySelector('#case').selectedOptions[0].textContent") == "tenth"
    assert viewer.run("[...document.querySelectorAll('#channel option')].map((o) => o.textContent)") == [
        "t1",
        "flair",
    ]
    picture = seen(viewer)
    assert (picture.max(axis=2) > 100).mean() > 0.05
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    assert colourful(picture) > 0.002


def test_it_starts_in_the_middle_of_the_lesion(viewer):
    told = viewer.run(PLACE)
    assert "truth: core" in told
    assert "slices 29, 26, 17" in told
    assert "R/L -55.0, A/P -49.0, I/S 48.0 mm (LPS)" in told


def test_the_wheel_scrolls_through_the_slices(viewer):
    before, place = seen(viewer), viewer.run(PLACE)
    x, y = viewer.place("canvas")
    viewer.wheel(x / 3, y, 120)
    viewer.wait(f"{PLACE} !== {place!r}")
    assert changed(before, seen(viewer)) > 0.001


def test_keys_move_through_the_slices(viewer):
    before = seen(viewer)
    assert "slices 29, 26, 17" in viewer.run(PLACE)
    viewer.press("PageUp")
    viewer.press("PageUp")
    viewer.wait(f"{PLACE}.includes(', 19 ')")
    assert changed(before, seen(viewer)) > 0.001
    viewer.press("PageDown")
    viewer.wait(f"{PLACE}.includes(', 18 ')")


def test_overlays_come_and_go_with_a_click_and_with_a_key(viewer):
    both = seen(viewer)
    viewer.click("#truth")
    prediction = seen(viewer)
    assert changed(both, prediction) > 0.001
    viewer.click("#prediction")
    neither = seen(viewer)
    assert colourful(neither) == 0
    viewer.press("t")
    truth = seen(viewer)
    assert colourful(truth) > 0.002
    assert changed(truth, prediction) > 0.001
    viewer.press("p")
    assert changed(both, seen(viewer)) == 0


def test_one_overlay_stands_in_for_the_other(viewer):
    viewer.press("x")
    assert viewer.run(
        "[document.querySelector('#truth').checked, document.querySelector('#prediction').checked]"
    ) == [True, False]
    truth = seen(viewer)
    viewer.press("x")
    assert changed(truth, seen(viewer)) > 0.001


def test_the_prediction_is_where_it_belongs_though_its_grid_is_flipped(viewer):
    """It is the truth moved by 8 mm to the patient's left, which is on the right of an axial view."""
    viewer.press("2")
    viewer.press("x")
    truth = seen(viewer)
    viewer.press("x")
    prediction = seen(viewer)
    where = [
        np.argwhere(np.ptp(picture.astype(int), axis=2) > 32).mean(axis=0) for picture in (truth, prediction)
    ]
    (row, column), (other_row, other_column) = where
    height = truth.shape[0] / 48
    assert other_column - column == pytest.approx(4 * height, rel=0.15)
    assert other_row == pytest.approx(row, abs=height)


def test_opacity_and_outlines_change_what_is_seen(viewer):
    solid = seen(viewer)
    viewer.press("o")
    assert viewer.run("document.querySelector('#outlines').checked")
    lines = seen(viewer)
    assert 0 < colourful(lines) < colourful(solid)
    viewer.press("o")
    for _ in range(5):
        viewer.press("-")
    assert colourful(seen(viewer)) == 0
    viewer.press("+")
    viewer.press("+")
    assert colourful(seen(viewer)) > 0


def test_the_other_channel_looks_different(viewer):
    before = seen(viewer)
    viewer.press("c")
    assert viewer.run("document.querySelector('#channel').selectedIndex") == 1
    assert changed(before, seen(viewer)) > 0.05


def test_views_and_cases_change_by_key_and_by_click(viewer):
    three = seen(viewer)
    viewer.press("3")
    assert viewer.run("document.querySelector('#view').selectedOptions[0].textContent") == "Coronal"
    assert changed(three, seen(viewer)) > 0.05
    viewer.click("#next")
    viewer.wait("document.querySelector('#told').textContent.startsWith('poor, unet')")
    viewer.wait(READY)
    viewer.press("[")
    viewer.wait("document.querySelector('#told').textContent.startsWith('tenth, unet')")
    viewer.wait(READY)
    assert "case=tenth" in viewer.run("location.hash")


def test_a_case_with_an_odd_name_is_shown(browser, server):
    browser.open(server.address("report/viewer.html") + "#model=unet&case=good+%3Cb%3Eone")
    browser.wait(READY)
    assert browser.run("document.querySelector('#told').textContent").startswith("good <b>one, unet")
    assert browser.run("document.querySelectorAll('b').length") == 0


def test_nothing_complains_and_no_request_leaves_the_machine(browser, server):
    viewer = browser
    viewer.open(server.address("report/viewer.html") + WORST)
    viewer.wait(READY)
    viewer.press("]")
    viewer.wait("document.querySelector('#told').textContent.startsWith('poor')")
    viewer.wait(READY)
    assert viewer.complaints() == []
    asked = [url for url in viewer.requests() if not url.startswith(("data:", "blob:"))]
    assert len(asked) >= 8
    assert [url for url in asked if not url.startswith(server.address())] == []


def test_a_file_that_is_gone_is_told(browser, server, results):
    browser.open(server.address("report/index.html"))
    path = results / "predict/unet/case1.nii.gz"
    kept = path.read_bytes()
    path.unlink()
    try:
        browser.open(server.address("report/viewer.html") + "#model=unet&case=poor")
        told = browser.wait("document.querySelector('#problem').textContent")
    finally:
        path.write_bytes(kept)
    assert told.startswith("The files of poor cannot be read")


def test_help_lists_the_keys(viewer):
    viewer.click("#help")
    assert viewer.run("document.querySelector('#keys').checkVisibility()")
    assert viewer.run("document.querySelector('#help').getAttribute('aria-expanded')") == "true"
