"""What happens when the loss or its gradient is no longer a finite number.

The run goes back to its last good state and on at a lower rate, twice at most; then it stops and says what
it saw. All of it is part of the rolling state, so that an interruption changes nothing.
"""

from __future__ import annotations

import logging

from segmake.errors import SegmakeError
from segmake.learning.run import Run, Setback, become

log = logging.getLogger("segmake")
FACTOR = 0.5
"""What each setback multiplies the learning rate of the rest of the run with."""
RETRIES = 2


def damping(run: Run) -> float:
    """What the setbacks so far have left of the learning rate."""
    return FACTOR ** len(run.setbacks)


def fall_back(run: Run, setback: Setback) -> None:
    """Return to the last good state with a lower rate; time goes on.

    Raises:
        SegmakeError: it was tried often enough.
    """
    setbacks = [*run.setbacks, setback]
    if len(setbacks) > RETRIES:
        raise SegmakeError(
            f"training diverged {len(setbacks)} times, at last: {setback.description}; look at these cases, "
            "lower the learning rate (lr), or set precision to fp32"
        )
    seconds, compiled = run.seconds, run.compiled
    become(run, run.good)
    run.seconds, run.compiled, run.setbacks = seconds, compiled, setbacks
    log.warning(
        "%s; going back to step %d with %g times the learning rate",
        setback.description,
        run.step,
        damping(run),
    )
