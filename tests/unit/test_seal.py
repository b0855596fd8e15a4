import json

import pytest

from segmake.seal import is_broken, sealed

CONTENT = {"case": "a", "files": {"a.nii.gz": "12"}, "details": {"text": "ü \ud800", "none": None}}


def test_a_sealed_text_is_the_same_json_with_a_seal():
    text = sealed(CONTENT)
    found = json.loads(text)
    assert len(found.pop("seal")) == 64
    assert found == CONTENT
    assert list(json.loads(text)) == [*CONTENT, "seal"]
    assert not is_broken(text)


def test_every_changed_byte_breaks_it():
    text = sealed(CONTENT)
    for place, letter in enumerate(text):
        other = "\t" if letter in " \n" else "x" if letter != "x" else "y"
        changed = text[:place] + other + text[place + 1 :]
        assert is_broken(changed) or not _readable(changed), (place, changed)


def _readable(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + " ", lambda t: t.replace('"12"', '"13"')])
def test_what_is_cut_added_or_replaced_breaks_it(change):
    assert is_broken(change(sealed(CONTENT)))


def test_sealing_again_replaces_the_seal():
    first = json.loads(sealed(CONTENT))
    assert sealed(first) == sealed(CONTENT)
    again = sealed(first | {"case": "b"})
    assert not is_broken(again)
    assert json.loads(again)["seal"] != first["seal"]


def test_a_file_without_a_seal_is_not_broken():
    assert not is_broken(json.dumps(CONTENT, indent=1) + "\n")
    assert not is_broken("half a fi")


def test_a_seal_whose_name_was_changed_leaves_a_text_that_says_so():
    text = sealed({"a": 1})
    assert is_broken(text.replace('\n "seal"', '"seal"'))
