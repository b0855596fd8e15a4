from itertools import pairwise

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from segmake.figures.palette import PALETTE
from segmake.figures.style import DASHES, colour, house_style, to_png, to_svg


def draw():
    with house_style():
        figure = Figure(figsize=(2, 1.5), layout="constrained")
        panel = figure.subplots()
        panel.plot([1, 2, 3], [1, 3, 2], marker="o")
        panel.set_title("<b>$x_1$</b> & µ")
    return figure


@pytest.fixture(scope="module")
def svg():
    return to_svg(draw()).decode()


def test_the_same_figure_gives_the_same_bytes(svg):
    assert to_svg(draw()).decode() == svg
    assert to_png(draw(), 80) == to_png(draw(), 80)


def test_the_users_own_settings_change_nothing(svg):
    with mpl.rc_context({"font.size": 20, "svg.fonttype": "path", "axes.grid": False, "lines.linewidth": 9}):
        assert to_svg(draw()).decode() == svg


def test_settings_are_put_back():
    before = dict(mpl.rcParams)
    to_svg(draw())
    assert dict(mpl.rcParams) == before


def test_svg_carries_no_date_and_no_maker(svg):
    assert "<dc:date>" not in svg
    assert "atplotlib v" not in svg


def test_svg_text_stays_text_is_escaped_and_no_formula(svg):
    assert "&lt;b&gt;$x_1$&lt;/b&gt; &amp; µ" in svg


def test_svg_names_fonts_for_machines_without_the_first(svg):
    assert "font-family: 'DejaVu Sans', Verdana, sans-serif" in svg


def test_png_carries_no_software_or_time():
    png = to_png(draw(), 50)
    assert png.startswith(b"\x89PNG")
    for chunk in (b"tEXt", b"iTXt", b"tIME", b"Matplotlib"):
        assert chunk not in png


def test_png_has_the_resolution_asked_for():
    width = int.from_bytes(to_png(draw(), 100)[16:20], "big")
    assert width == 200


def test_colours_repeat_and_are_distinct():
    assert len(set(PALETTE)) == len(PALETTE)
    assert colour(len(PALETTE)) == colour(0)
    assert len(set(DASHES)) == len(DASHES)


def test_neighbouring_colours_differ_in_grey():
    def grey(text):
        red, green, blue = (int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    for first, second in pairwise(PALETTE):
        assert abs(grey(first) - grey(second)) > 0.1
