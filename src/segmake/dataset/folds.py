"""Cross-validation folds: whole groups, balanced strata, the same for any order of the rows.

Dealing is written out rather than taken from scikit-learn: folds must not change with a library's version,
no fold may stay empty, and the import would cost more than the rest of planning.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Final

from segmake.dataset.leakage import tell
from segmake.dataset.sheet import Case
from segmake.dataset.splits import read_splits
from segmake.errors import InputError
from segmake.settings import PlanSettings

BY_SITE: Final = "leave-one-site-out"


def count_folds(plan: PlanSettings, cases: Sequence[Case]) -> int:
    """How many folds a plan of these cases will have; known before any image is opened.

    Raises:
        InputError: the split file cannot be used, or there is no fold per site.
    """
    if plan.splits is not None:
        return len(read_splits(plan.splits))
    if plan.folds != BY_SITE:
        return plan.folds
    return len(fold_sites(cases))


def fold_sites(cases: Sequence[Case]) -> list[str]:
    """The site that each fold of `leave-one-site-out` is about, by the sheet.

    Raises:
        InputError: a case has no site, there is only one site, or a group (patient) has cases of several.
    """
    known = [case for case in cases if case.split == "train" and case.label and not case.problem]
    columns = ([getattr(case, name) for case in known] for name in ("name", "group", "site"))
    folds_by_site(*columns)
    return sorted({case.site for case in known})


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


def folds_by_site(
    cases: Sequence[str], groups: Sequence[str], sites: Sequence[str], planned: Sequence[str] = ()
) -> dict[str, int]:
    """Case -> the rank of its site's name: each fold validates on one site and learns from the others.

    planned: the sites that folds were counted from; one that has lost all its cases keeps its fold.

    Raises:
        InputError: a case has no site, there is only one site, or a group (patient) has cases of several.
    """
    if nowhere := sorted(case for case, site in zip(cases, sites, strict=True) if not site):
        raise InputError(
            f"plan.folds {BY_SITE} needs a site for each case, but {tell(nowhere)} have none; "
            "fill the column site"
        )
    names = sorted(set(sites))
    if len(names) < 2:
        raise InputError(
            f"plan.folds {BY_SITE} needs labelled training cases of at least two sites, got "
            f"{names[0] if names else 'none'}; fill the column site, or give a number of folds"
        )
    seen: dict[str, set[str]] = {}
    for group, site in zip(groups, sites, strict=True):
        seen.setdefault(group, set()).add(site)
    if across := [f"'{g}' ({', '.join(sorted(at))})" for g, at in sorted(seen.items()) if len(at) > 1]:
        raise InputError(
            f"with plan.folds {BY_SITE} a group (patient) must have one site, but {tell(across)} have "
            "several; correct the column site or group"
        )
    rank = {site: fold for fold, site in enumerate(sorted({*names, *planned}))}
    return {case: rank[site] for case, site in sorted(zip(cases, sites, strict=True))}


def _main(strata: Counter[str]) -> str:
    """Return the most frequent stratum of a group."""
    return min(strata, key=lambda name: (-strata[name], name))


def _alike(fold: Counter[str], group: Counter[str]) -> int:
    """Count the pairs of a case in the fold and a case in the group that share a stratum."""
    return sum(fold[name] * count for name, count in group.items())


def _chance(seed: int, name: str) -> str:
    """Return a random rank that depends on the seed and the name alone."""
    return hashlib.sha256(f"{seed}/folds/{name}".encode()).hexdigest()
