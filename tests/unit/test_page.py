import re
from html.parser import HTMLParser

import pytest

from segmake.figures.page import (
    LARGEST_SVG,
    Facts,
    Link,
    Note,
    Picture,
    Section,
    Table,
    Thumbnail,
    inline_svg,
    render,
)

EVIL = "<script>alert('x')</script>\"&"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Tags(HTMLParser):
    """Checks that tags are balanced and gathers elements with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.open, self.found, self.text = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


SVG = b"""<?xml version="1.0"?>
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="144pt" height="72pt" viewBox="0 0 144 72" xmlns="http://www.w3.org/2000/svg">
 <metadata><a href="http://purl.org/dc/"/></metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <g id="axes_1"><defs><path id="m1" d="M 0 0"/></defs><use xlink:href="#m1"/><g clip-path="url(#p1)"></g></g>
</svg>"""


@pytest.fixture
def sections():
    table = Table(
        EVIL, ["Case", "Dice"], [[EVIL, ("0.912", "[0.9, 1.0]")], ["b", "0.5"]], frozenset({"Dice"})
    )
    picture = Picture("curve", EVIL, EVIL, SVG, b"\x89PNG")
    photo = Picture("photo", EVIL, EVIL, SVG, b"\x89PNG", photo=True)
    notes = [Note(EVIL), Note(EVIL, "warning"), Note(EVIL, "code"), Note(EVIL, "heading")]
    folded = Table(EVIL, ["A"], [["1"]], folded=True)
    return [
        Section("one", EVIL, [Facts({EVIL: EVIL}), table, folded]),
        Section("two", "Two", [picture, photo, *notes]),
    ]


@pytest.fixture
def page(sections):
    return render(EVIL, EVIL, sections, EVIL)


def test_tags_are_balanced_and_the_language_is_said(page):
    tags = Tags(page)
    assert tags.all("html") == [{"lang": "en"}]
    assert [a["id"] for a in tags.all("section")] == ["one", "two"]
    assert {a["href"] for a in tags.all("a")} == {"#one", "#two"}


def test_strings_from_data_never_become_markup(page):
    assert page.count("<script") == 1
    assert "alert('x')</script>" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34;&amp;" in page


def test_every_image_has_an_alternative_text(page):
    tags = Tags(page)
    (drawing,), (image,) = tags.all("svg"), tags.all("img")
    assert (drawing["role"], drawing["aria-label"]) == ("img", EVIL)
    assert image["alt"] == EVIL
    assert image["src"] == "data:image/png;base64,iVBORw=="


def test_nothing_is_loaded_from_elsewhere(page):
    assert not re.search(r"https?://", page)
    for tag, attributes in Tags(page).found:
        for name in ("src", "href", "xlink:href", "data", "action"):
            target = attributes.get(name) or "#"
            assert target.startswith(("#", "data:")), (tag, target)
    policy = next(a for a in Tags(page).all("meta") if a.get("http-equiv"))["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_the_policy_allows_our_script_and_no_other(page):
    import base64
    import hashlib

    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_tables_have_captions_headings_and_row_names(page):
    tags = Tags(page)
    scopes = [a.get("scope") for a in tags.all("th")]
    assert scopes == ["col", "col", "row", "row", "col", "row"]
    assert len(tags.all("caption")) == 1
    assert len(tags.all("details")) == 1
    assert '<td class="number">0.912 <small>[0.9, 1.0]</small></td>' in page


def test_the_same_content_gives_the_same_page(sections, page):
    assert render(EVIL, EVIL, sections, EVIL) == page


def test_identifiers_are_unique_and_followed_by_their_references():
    first, second = inline_svg(SVG, "a", "x"), inline_svg(SVG, "b", "x")
    ids = re.findall(r'\bid="([^"]+)"', first + second)
    assert sorted(ids) == ["a-axes_1", "a-m1", "b-axes_1", "b-m1"]
    assert 'xlink:href="#a-m1"' in first
    assert "url(#b-p1)" in second


def test_only_the_drawing_of_a_stand_alone_file_is_kept():
    text = inline_svg(SVG, "a", "x")
    for part in ("<?xml", "metadata", "<style", "xmlns", "http"):
        assert part not in text
    assert 'viewBox="0 0 144 72"' in text


def test_a_page_without_chapters_is_still_a_page():
    assert Tags(render("t", "", [])).all("h1")


def test_a_link_in_a_table_is_escaped_and_may_say_more_than_its_text():
    rows = [[Link(EVIL, 'cases/1.html"><script>'), Link("View", "viewer.html#case=a", EVIL)]]
    page = render("t", "", [Section("one", "One", [Table("T", ["Case", "Look"], rows)])])
    first, second = [a for a in Tags(page).all("a") if not a["href"].startswith("#")]
    assert first == {"href": 'cases/1.html"><script>'}
    assert second == {"href": "viewer.html#case=a", "aria-label": EVIL}
    assert page.count("<script") == 1
    assert '<th scope="row" class="long"><a href=' in page


def test_a_picture_has_a_title_and_leads_to_its_files():
    links = [Link("SVG", "../figures/x.svg", "X as SVG"), Link("PDF", "../figures/x.pdf")]
    picture = Picture("x", "alt", "caption", SVG, b"", links=links, title="Loss")
    page = render("t", "", [Section("one", "One", [picture])])
    assert "<b>Loss.</b> caption" in page
    found = [a for a in Tags(page).all("a") if "figures" in a["href"]]
    assert found == [{"href": "../figures/x.svg", "aria-label": "X as SVG"}, {"href": "../figures/x.pdf"}]


@pytest.mark.parametrize(
    ("svg", "png", "photo", "image"),
    [
        (SVG, b"\x89PNG", False, False),
        (SVG, b"\x89PNG", True, True),
        (b"x" * (LARGEST_SVG + 1), b"\x89PNG", False, True),
        (b"x" * (LARGEST_SVG + 1), b"", False, False),
        (b"", b"\x89PNG", False, True),
        (SVG, b"", True, False),
    ],
)
def test_photos_and_very_large_drawings_are_shown_as_images_where_there_is_one(svg, png, photo, image):
    assert Picture("x", "", "", svg, png, photo).as_image == image


def test_a_jpeg_says_that_it_is_one():
    assert Picture("x", "", "", b"", b"\xff\xd8x").data_uri.startswith("data:image/jpeg;base64,")


def test_small_pictures_may_lie_beside_the_page_and_nothing_else():
    page = render("t", "", [Section("one", "One", [Thumbnail("../quality/a.jpg", EVIL)])])
    (image,) = Tags(page).all("img")
    assert (image["src"], image["alt"]) == ("../quality/a.jpg", EVIL)
    policy = next(a for a in Tags(page).all("meta") if a.get("http-equiv"))["content"]
    assert "img-src 'self' file: data:;" in policy
    assert "base-uri 'none'; form-action 'none'" in policy


def test_a_page_leads_back_to_the_one_it_belongs_to():
    assert {"href": "../index.html"} in Tags(render("t", "", [], back="../index.html")).all("a")
    assert "Back to the report" not in render("t", "", [])


def test_names_of_figures_that_are_no_identifiers_make_some():
    text = inline_svg(SVG, 'a "b', "x")
    assert 'id="a--b-m1"' in text


def test_narrow_drawings_stand_side_by_side_and_others_do_not():
    wide = SVG.replace(b"0 0 144 72", b"0 0 500 72")
    pictures = [Picture(f"p{i}", "", "", svg, b"") for i, svg in enumerate((SVG, SVG, wide, SVG))]
    text = render("t", "", [Section("one", "One", pictures)])
    assert Tags(text).all("div").count({"class": "pairs"}) == 2
    kinds = re.findall(r'class="pairs"|aria-label="" viewBox="0 0 (\d+)', text)
    assert kinds == ["", "144", "144", "500", "", "144"]
