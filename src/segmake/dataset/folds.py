"""Cross-validation folds: whole groups, balanced strata, the same for any order of the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from segmake.errors import InputError


def assign_folds(
    cases: Sequence[str], groups: Sequence[str], strata: Sequence[str], folds: int, seed: int
) -> dict[str, int]:
    """Validation fold of each case.

    All cases of a group (patient) share a fold; each stratum is spread evenly. A stratum with fewer cases
    than folds cannot be, and is put together with the other rare ones.

    Raises:
        InputError: there are fewer groups than folds.
    """
    distinct = len(set(groups))
    if distinct < folds:
        raise InputError(
            f"{folds} folds need at least {folds} groups (patients) with a label, got {distinct}; "
            "lower plan.folds or add cases"
        )
    from sklearn.model_selection import StratifiedGroupKFold  # one second to import

    rows = sorted(zip(cases, groups, _merge_rare(strata, folds), strict=True))
    names, members, classes = (np.array(column) for column in zip(*rows, strict=True))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    result: dict[str, int] = {}
    for fold, (_, held) in enumerate(splitter.split(names, classes, members)):
        result |= {str(name): fold for name in names[held]}
    return {str(name): result[str(name)] for name in names}


def _merge_rare(strata: Sequence[str], folds: int) -> list[str]:
    """Strata with fewer cases than folds under one name; if even that is rare, all in the largest."""
    counts = Counter(strata)
    merged = [name if counts[name] >= folds else "rare" for name in strata]
    counts = Counter(merged)
    if 0 < counts["rare"] < folds < len(merged):
        common = min((name for name in counts if name != "rare"), key=lambda name: (-counts[name], name))
        merged = [common if name == "rare" else name for name in merged]
    return merged if len(set(merged)) > 1 else ["all"] * len(merged)
