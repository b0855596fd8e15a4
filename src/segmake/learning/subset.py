"""The first cases of a learning curve: fewer cases, always the same ones first, no group torn apart."""

from __future__ import annotations

from collections.abc import Sequence

from segmake.errors import ConfigError
from segmake.learning.sampling import SUBSET, generator


def choose_cases(groups: Sequence[str], count: int, seed: int) -> list[int]:
    """Choose at least `count` cases: the fewest whole groups, in an order that the seed alone decides.

    What is chosen for a smaller count is part of what is chosen for a larger one.

    Args:
        groups: group (patient) of each case.
        count: how many cases are wanted.
        seed: of the order; another one chooses other cases.

    Returns:
        Indices of the chosen cases, ascending.

    Raises:
        ConfigError: there are not so many cases.
    """
    if count > len(groups):
        raise ConfigError(
            f"train.cases asks for {count} training cases, but there are {len(groups)}; lower it, or say all"
        )
    names = sorted(set(groups))
    chosen: list[int] = []
    for number in generator(seed, SUBSET).permutation(len(names)):
        if len(chosen) >= count:
            break
        chosen += [index for index, group in enumerate(groups) if group == names[number]]
    return sorted(chosen)
