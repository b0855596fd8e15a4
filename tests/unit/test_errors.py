import errno
import os

import pytest

from segmake import errors
from segmake.errors import InputError, SegmakeError, explained

CHILDREN = ("ConfigError", "InputError", "GeometryError", "CaseExcluded", "CasesFailed")


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


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full: out/a.tsv cannot be written (No space left on device); free some"),
        (errno.EACCES, "out/a.tsv may not be written (Permission denied); change its permissions, or choose"),
        (errno.ENOTDIR, "out/a.tsv stands where a folder is needed (Not a directory); remove it, or choose"),
        (errno.EFBIG, "out/a.tsv is larger than a file may be here (File too large); raise the limit, or"),
        (
            errno.EIO,
            "out/a.tsv cannot be reached (Input/output error): the disk or network folder fails; mend",
        ),
        (errno.ESTALE, "out/a.tsv cannot be reached (Stale file handle): the disk or network folder fails"),
        (errno.EISDIR, "out/a.tsv is a folder where a file is to be written; remove it, or choose another"),
    ],
)
def test_what_the_system_refuses_is_explained(number: int, said: str) -> None:
    assert explained(OSError(number, os.strerror(number), "out/a.tsv")).startswith(said)


def test_what_nobody_can_mend_is_a_fault_of_ours() -> None:
    assert explained(OSError(errno.EBADF, "Bad file descriptor")) == ""
    assert explained(ZeroDivisionError("by zero")) == ""
    assert explained(InputError("a rule; what to do")) == "a rule; what to do"
    assert explained(MemoryError()).startswith("there is not enough memory; give the job more mem_mb")
