"""Cross-validation folds: whole groups, balanced strata, the same for any order of the rows.

Written out rather than taken from scikit-learn: folds must not change with a library's version, no fold
may stay empty, and the import would cost more than the rest of planning.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from segmake.errors import InputError


def assign_folds(
    cases: Sequence[str], groups: Sequence[str], strata: Sequence[str], folds: int, seed: int
) -> dict[str, int]:
    """Deal cases into validation folds, as cards are dealt.

    All cases of a group (patient) share a fold. Large groups go first, then stratum by stratum; each group
    goes where its strata are rarest so far, and of these to the fold with the fewest cases. So every
    stratum and every fold's size is even to one where groups are single cases.

    Raises:
        InputError: there are fewer groups than folds.
    """
    members: dict[str, list[str]] = {}
    content: dict[str, Counter[str]] = {}
    for case, group, stratum in sorted(zip(cases, groups, strata, strict=True)):
        members.setdefault(group, []).append(case)
        content.setdefault(group, Counter())[stratum] += 1
    if len(members) < folds:
        raise InputError(
            f"{folds} folds need at least {folds} groups (patients) with a label, got {len(members)}; "
            "lower plan.folds or add cases"
        )
    held: list[Counter[str]] = [Counter() for _ in range(folds)]
    result: dict[str, int] = {}
    order = sorted(members, key=lambda g: (-len(members[g]), _main(content[g]), _chance(seed, g)))
    for group in order:
        fold = min(
            range(folds),
            key=lambda k: (_alike(held[k], content[group]), held[k].total(), _chance(seed, f"fold {k}")),
        )
        held[fold].update(content[group])
        result |= dict.fromkeys(members[group], fold)
    return dict(sorted(result.items()))


def _main(strata: Counter[str]) -> str:
    """Return the most frequent stratum of a group."""
    return min(strata, key=lambda name: (-strata[name], name))


def _alike(fold: Counter[str], group: Counter[str]) -> int:
    """Count the pairs of a case in the fold and a case in the group that share a stratum."""
    return sum(fold[name] * count for name, count in group.items())


def _chance(seed: int, name: str) -> str:
    """Return a random rank that depends on the seed and the name alone."""
    return hashlib.sha256(f"{seed}/folds/{name}".encode()).hexdigest()
