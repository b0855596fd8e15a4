"""Errors a user can act on.

SegmakeError            anything segmake says in one sentence; the command line exits with its exit_code, 2
|- ConfigError          a setting is unknown, malformed or contradicts another
|- InputError           a file or sheet is missing, unreadable or breaks a rule
|- GeometryError        two grids that must agree do not
|- CaseExcluded         a case cannot take part, and that is no failure; the others go on
`- CasesFailed          some cases of a shard failed; the others are done and recorded
"""


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
