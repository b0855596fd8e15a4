import io
import subprocess
import sys
from itertools import pairwise
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from PIL import Image

from segmake.figures.palette import PALETTE
from segmake.figures.style import (
    DASHES,
    About,
    colour,
    grid,
    house_style,
    look,
    settle,
    to_pdf,
    to_png,
    to_svg,
    width_inches,
)


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


ABOUT = About("Dice, test", "Each <point> is a case → 0", '{"inputs": {"a b.tsv": "ff"}}')


def test_pdf_embeds_its_font_and_carries_no_date_and_no_maker():
    pdf = to_pdf(draw())
    assert pdf.startswith(b"%PDF")
    assert b"/FontFile2" in pdf  # TrueType, as journals ask
    assert b"/Type3" not in pdf
    for word in (b"CreationDate", b"Producer", b"Matplotlib"):
        assert word not in pdf
    assert pdf == to_pdf(draw())


def test_pdf_bytes_do_not_depend_on_the_hashes_of_a_process():
    code = "import sys; from segmake.figures.style import to_pdf, house_style, Figure\n"
    code += "with house_style():\n figure = Figure(); figure.text(0.1, 0.1, 'µ abc')\n"
    code += "sys.stdout.buffer.write(to_pdf(figure))"
    made = [
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        )
        for seed in ("1", "2")
    ]
    assert made[0].stdout == made[1].stdout
    assert made[0].stdout.startswith(b"%PDF")


def test_each_format_says_what_it_was_drawn_from():
    svg = to_svg(draw(), ABOUT).decode()
    tree = ElementTree.fromstring(svg)  # noqa: S314 - drawn by us
    told = tree.find(".//{http://purl.org/dc/elements/1.1/}source")
    assert told.text == ABOUT.source
    assert "<title>" not in svg
    found = Image.open(io.BytesIO(to_png(draw(), 50, ABOUT))).text
    assert found == {"Title": ABOUT.title, "Description": ABOUT.caption, "Source": ABOUT.source}
    pdf = to_pdf(draw(), ABOUT)
    assert ABOUT.source.encode() in pdf.replace(b"\\", b"")
    assert b"/Title (Dice, test)" in pdf


def test_a_settled_figure_is_laid_out_alike_in_every_format():
    figure = draw()
    settle(figure)
    before = figure.axes[0].get_position().bounds
    to_png(figure, 300)
    to_svg(figure)
    assert figure.axes[0].get_position().bounds == before
    assert before[0] > 0.05


def test_words_are_as_wide_at_every_resolution():
    widths = []
    for dpi in (72, 300):
        with house_style():
            figure = Figure(dpi=dpi)
            text = figure.text(0, 0, "enhancing tumour")
            figure.draw_without_rendering()
            widths.append(text.get_window_extent().width / dpi)
    assert widths[0] == pytest.approx(widths[1], rel=0.02)


def test_series_differ_in_grey_by_lightness_or_by_marker_and_dash():
    looks = [look(index) for index in range(21)]
    for first, second in pairwise(looks):
        assert first["marker"] != second["marker"]
        assert first["linestyle"] != second["linestyle"]
    assert len({(one["color"], one["marker"], str(one["linestyle"])) for one in looks}) == 21
    assert len({(one["marker"], str(one["linestyle"])) for one in looks[:7]}) == 7


def test_every_colour_stands_out_from_paper_and_neighbours_from_each_other():
    for text in PALETTE:
        assert 1.05 / (luminance(text) + 0.05) > 1.9  # WCAG's contrast to white
    for first, second in pairwise(PALETTE):
        low, high = sorted((luminance(first), luminance(second)))
        assert (high + 0.05) / (low + 0.05) > 1.25


def luminance(text):
    """Relative luminance of an sRGB colour (WCAG 2.2): what is left of it on a grey print."""
    parts = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("count", "width", "expected"), [(3, 7.1, (1, 3)), (3, 3.5, (3, 1)), (5, 7.1, (2, 3)), (0, 7.1, (1, 1))]
)
def test_panels_fill_the_width(count, width, expected):
    assert grid(count, width) == expected


def test_columns_are_those_of_journals():
    assert width_inches("single") * 25.4 == pytest.approx(88)
    assert width_inches("double") * 25.4 == pytest.approx(180)
