import pytest

from segmake import errors
from segmake.errors import SegmakeError

CHILDREN = ("ConfigError", "InputError", "GeometryError", "CasesFailed")


@pytest.mark.parametrize("name", CHILDREN)
def test_every_error_is_caught_as_one(name: str) -> None:
    kind = getattr(errors, name)
    assert kind.__mro__[1] is SegmakeError
    with pytest.raises(SegmakeError, match=r"^a rule; what to do$"):
        raise kind("a rule; what to do")


def test_the_tree_at_the_head_names_them_all() -> None:
    defined = [name for name, value in vars(errors).items() if isinstance(value, type)]
    assert defined == ["SegmakeError", *CHILDREN]
    places = [(errors.__doc__ or "").index(name) for name in defined]
    assert places == sorted(places)


def test_a_fault_of_ours_is_not_among_them() -> None:
    assert not issubclass(SegmakeError, ValueError | OSError | RuntimeError)
