"""Errors a user can act on.

SegmakeError            anything segmake says in one sentence; the command line exits with its exit_code, 2
|- ConfigError          a setting is unknown, malformed or contradicts another
|- InputError           a file or sheet is missing, unreadable or breaks a rule
|- GeometryError        two grids that must agree do not
|- CaseExcluded         a case cannot take part, and that is no failure; the others go on
`- CasesFailed          some cases of a shard failed; the others are done and recorded
"""

from __future__ import annotations

import errno


class SegmakeError(Exception):
    """Base of every error that is explained to the user instead of traced.

    The message states the rule that was broken, what was received and what to do.
    """

    exit_code = 2


class ConfigError(SegmakeError):
    """A setting is unknown, malformed or contradicts another."""


class InputError(SegmakeError):
    """A file, folder or sheet row cannot be used."""


class GeometryError(SegmakeError):
    """Two grids that must agree do not."""


class CaseExcluded(SegmakeError):
    """A case cannot take part (a label without an image, say); its shard goes on and names it."""


class CasesFailed(SegmakeError):
    """Some cases of a shard failed; what was computed for the others is kept."""


def explained(error: Exception) -> str:
    """What a user can do about an exception, in a sentence; empty for a fault of segmake.

    The system refuses to write, or has no memory left: nobody's code can foresee that.
    """
    if isinstance(error, SegmakeError):
        return str(error)
    if isinstance(error, MemoryError):
        wanted = f" ({error})" if str(error) else ""
        return f"there is not enough memory{wanted}; give the job more mem_mb or fewer threads"
    if not isinstance(error, OSError):
        return ""
    name, said = error.filename2 or error.filename or "a result", error.strerror
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: {name} cannot be written ({said}); free some space and run again"
    if error.errno == errno.EFBIG:
        return f"{name} is larger than a file may be here ({said}); raise the limit, or choose another output"
    if error.errno in (errno.EIO, errno.ESTALE):
        return f"{name} cannot be reached ({said}): the disk or network folder fails; mend it and run again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{name} may not be written ({said}); change its permissions, or choose another output"
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"{name} stands where a folder is needed ({said}); remove it, or choose another output"
    if error.errno == errno.EISDIR:
        return f"{name} is a folder where a file is to be written; remove it, or choose another output"
    return ""
