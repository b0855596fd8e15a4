import re
from pathlib import Path

import pytest

from segmake.reporting import classifying, methods, segmenting
from segmake.reporting.references import (
    as_latex,
    as_prose,
    author_year,
    bibtex,
    entries,
    fields,
    keys,
    reference,
)

TEXT = "Overlap [@dice1945] and surfaces [@nikolov2021; @maierhein2024] at 95% of whole_box."


def test_marks_become_author_and_year():
    assert as_prose(TEXT) == (
        "Overlap (Dice 1945) and surfaces (Nikolov et al. 2021; Maier-Hein et al. 2024) at 95% of whole_box."
    )
    assert as_prose("[@loshchilov2019]") == " (Loshchilov and Hutter 2019)"
    assert as_prose("none") == "none"


def test_marks_become_citations_of_latex_and_the_rest_is_escaped():
    assert as_latex(TEXT) == (
        r"Overlap~\citep{dice1945} and surfaces~\citep{nikolov2021,maierhein2024} at 95\% of whole\_box."
    )
    assert as_latex("1 \N{MULTIPLICATION SIGN} 2 & #3") == r"1 $\times$ 2 \& \#3"
    assert as_latex("") == ""
    assert as_latex(r"a{b}$c\d~^") == r"a\{b\}\$c\textbackslash{}d\textasciitilde{}\textasciicircum{}"


def test_keys_are_listed_once_in_order():
    assert keys(f"{TEXT} Again [@dice1945].") == ["dice1945", "nikolov2021", "maierhein2024"]


def test_a_reference_as_a_line():
    assert reference("isensee2021") == (
        "Isensee F, Jaeger PF, Kohl SAA, Petersen J, Maier-Hein KH. nnU-Net: a self-configuring method for "
        "deep learning-based biomedical image segmentation. Nature Methods 18:203-211, 2021. "
        "doi:10.1038/s41592-020-01008-z"
    )
    assert reference("molder2021").startswith(
        "Mölder F, Jablonski KP, Letcher B, Hall MB, Tomkins-Tinch CH, Sochat V et al."
    )
    assert reference("nikolov2021").startswith(
        "Nikolov S, Blackwell S, Zverovitch A, Mendes R, Livne M et al. "
    )
    assert reference("holm1979").endswith(
        "Scandinavian Journal of Statistics 6:65-70, 1979. https://www.jstor.org/stable/4615733"
    )
    assert author_year("dice1945") == "Dice 1945"


@pytest.mark.parametrize("key", entries())
def test_every_entry_is_whole(key):
    found = fields(key)
    assert {"author", "title", "year"} <= found.keys()
    assert {"journal", "booktitle"} & found.keys()
    assert re.fullmatch(r"(19|20)\d\d", found["year"])
    assert found["year"] in key
    assert found.get("doi", "10.x/").startswith("10.")
    assert {"doi", "url"} & found.keys()
    text = entries()[key]
    assert text.count("{") == text.count("}")
    assert not re.search(r"[{}\\]", "".join(found.values()))


def test_every_mark_has_an_entry_and_every_entry_a_mark():
    text = ""
    for module in (methods, segmenting, classifying):
        assert module.__file__ is not None
        text += Path(module.__file__).read_text(encoding="utf-8")
    cited = set(re.findall(r"@([a-z]+\d{4}[a-z]*)", text)) | {
        name for name in entries() if f'"{name}"' in text
    }
    assert cited == set(entries())


def test_bibtex_holds_what_is_cited_sorted():
    text = bibtex(["nikolov2021", "dice1945"])
    assert re.findall(r"@\w+\{(\w+),", text) == ["dice1945", "nikolov2021"]
    assert "doi = {10.2307/1932409}" in text
