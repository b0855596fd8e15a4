import pytest
from pydicom.sr.codedict import codes

from segmake.volume.dicom.codes import ANATOMY, LESION, LESIONS, ORGANS, TISSUE, Segment, code_of, describe


@pytest.mark.parametrize(
    ("name", "category", "meaning"),
    [
        ("liver", ANATOMY, "Liver"),
        ("Liver", ANATOMY, "Liver"),
        ("left_kidney", ANATOMY, "Kidney"),
        ("kidneys", ANATOMY, "Kidney"),
        ("liver tumour", LESION, "Neoplasm"),
        ("lung-nodule", LESION, "Nodule"),
        ("enhancing_tumor", LESION, "Neoplasm"),
        ("grey matter", ANATOMY, "Gray Matter"),
        ("anterior", TISSUE, "Tissue"),
        ("deliverance", TISSUE, "Tissue"),
    ],
)
def test_names_are_coded(name: str, category: tuple[str, str, str], meaning: str) -> None:
    found = code_of(name)
    assert found[0] == category
    assert (found[1][1:]) == ("SCT", meaning)


def test_the_codes_are_those_of_the_dictionary() -> None:
    known = {getattr(codes.SCT, name).value for name in dir(codes.SCT) if name[0].isupper()}
    assert {value for value, _ in (*LESIONS.values(), *ORGANS.values())} <= known
    categories = {getattr(codes.cid7150, name).value for name in dir(codes.cid7150) if name[0].isupper()}
    assert {ANATOMY[0], LESION[0], TISSUE[0]} <= categories


def test_what_is_given_goes_before_the_table() -> None:
    mine = ("1", "99MINE", "Thing")
    made = describe("liver", 7, concept=mine, color="#112233")
    assert made == Segment(7, "liver", ANATOMY, mine, "#112233")
