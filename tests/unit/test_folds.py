from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from segmake.dataset.folds import assign_folds, count_folds, folds_by_site
from segmake.dataset.sheet import Case
from segmake.errors import InputError
from segmake.settings import PlanSettings


def test_every_case_once_and_folds_alike() -> None:
    cases = [f"case_{i}" for i in range(23)]
    folds = assign_folds(cases, cases, ["a"] * 23, 5, 0)
    assert list(folds) == sorted(cases)
    assert sorted(Counter(folds.values()).values()) == [4, 4, 5, 5, 5]


def test_a_patient_stays_in_one_fold() -> None:
    cases = [f"case_{i:02}" for i in range(40)]
    groups = [f"patient_{i % 13}" for i in range(40)]
    folds = assign_folds(cases, groups, ["a"] * 40, 4, 0)
    seen: dict[str, set[int]] = {}
    for case, group in zip(cases, groups, strict=True):
        seen.setdefault(group, set()).add(folds[case])
    assert all(len(found) == 1 for found in seen.values())
    assert set(folds.values()) == {0, 1, 2, 3}


def test_strata_are_spread() -> None:
    cases = [f"case_{i:02}" for i in range(60)]
    strata = ["siteA|1,2|0"] * 40 + ["siteB|1|2"] * 20
    folds = assign_folds(cases, cases, strata, 5, 3)
    for fold in range(5):
        inside = Counter(stratum for case, stratum in zip(cases, strata, strict=True) if folds[case] == fold)
        assert inside == {"siteA|1,2|0": 8, "siteB|1|2": 4}


def test_independent_of_the_order_of_rows() -> None:
    cases = [f"case_{i:02}" for i in range(30)]
    groups = [f"patient_{i // 2}" for i in range(30)]
    strata = [str(i % 3) for i in range(30)]
    expected = assign_folds(cases, groups, strata, 3, 1)
    order = np.random.default_rng(0).permutation(30)
    shuffled = assign_folds(*([column[i] for i in order] for column in (cases, groups, strata)), 3, 1)  # type: ignore[misc]
    assert shuffled == expected


def test_the_seed_decides() -> None:
    cases = [f"case_{i:02}" for i in range(30)]
    first = assign_folds(cases, cases, ["a"] * 30, 3, 0)
    assert first == assign_folds(cases, cases, ["a"] * 30, 3, 0)
    assert first != assign_folds(cases, cases, ["a"] * 30, 3, 1)


@pytest.mark.parametrize("count", [2, 3, 5, 6, 7, 11])
def test_few_cases_with_strata_of_their_own(count: int) -> None:
    cases = [f"case_{i}" for i in range(count)]
    folds = assign_folds(cases, cases, cases, min(count, 5), 0)
    assert set(folds.values()) == set(range(min(count, 5)))


def test_rare_strata_beside_a_common_one() -> None:
    cases = [f"case_{i:02}" for i in range(12)]
    strata = ["common"] * 10 + ["rare_1", "rare_2"]
    folds = assign_folds(cases, cases, strata, 5, 0)
    assert min(Counter(folds.values()).values()) >= 2


def test_sizes_differ_by_one_at_most_over_many_strata() -> None:
    cases = [f"case_{i:03}" for i in range(103)]
    strata = [f"{i % 4}|{i % 7}" for i in range(103)]
    folds = assign_folds(cases, cases, strata, 5, 2)
    sizes = Counter(folds.values())
    assert max(sizes.values()) - min(sizes.values()) <= 1
    for stratum in set(strata):
        inside = Counter(folds[case] for case, s in zip(cases, strata, strict=True) if s == stratum)
        counts = [inside[fold] for fold in range(5)]
        assert max(counts) - min(counts) <= 1


def test_a_large_group_does_not_starve_the_others() -> None:
    groups = ["large"] * 10 + [f"p{i}" for i in range(8)]
    cases = [f"case_{i:02}" for i in range(18)]
    folds = assign_folds(cases, groups, ["a"] * 18, 5, 0)
    assert sorted(Counter(folds.values()).values()) == [2, 2, 2, 2, 10]


def test_the_folds_are_the_same_in_every_version() -> None:
    folds = assign_folds(list("abcdef"), list("abcdef"), list("xxxyyy"), 3, 0)
    assert folds == {"a": 0, "b": 1, "c": 2, "d": 0, "e": 2, "f": 1}


def test_too_few_patients() -> None:
    with pytest.raises(InputError, match=r"5 folds need at least 5 groups .* got 2; lower plan\.folds"):
        assign_folds(list("abcdef"), ["p", "q"] * 3, ["s"] * 6, 5, 0)


def test_one_fold_per_site_in_name_order() -> None:
    cases, sites = ["d", "a", "b", "c"], ["oslo", "bonn", "oslo", "rome"]
    assert folds_by_site(cases, cases, sites) == {"a": 0, "b": 1, "c": 2, "d": 1}
    assert folds_by_site(cases[::-1], cases[::-1], sites[::-1]) == folds_by_site(cases, cases, sites)


def test_a_site_that_lost_all_its_cases_keeps_its_fold() -> None:
    planned = ["north", "south", "west"]
    assert folds_by_site(["a", "d"], ["a", "d"], ["south", "west"], planned) == {"a": 1, "d": 2}
    assert folds_by_site(["a", "d"], ["a", "d"], ["south", "west"]) == {"a": 0, "d": 1}


@pytest.mark.parametrize(
    ("sites", "groups", "sentence"),
    [
        (["x", "", "y", ""], "abcd", "needs a site for each case, but b, d have none"),
        (["x"] * 4, "abcd", "cases of at least two sites, got x; fill the column site, or give a number"),
        (["x", "x", "y", "z"], "abbc", r"must have one site, but 'b' \(x, y\) have several; correct"),
    ],
)
def test_what_leaves_no_fold_per_site(sites: list[str], groups: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        folds_by_site(list("abcd"), list(groups), sites)


def a_case(name: str, site: str, **values: object) -> Case:
    base: dict[str, object] = {"label": Path("x"), "group": name, "site": site}
    return Case(name, {}, **(base | values))  # type: ignore[arg-type]


def test_folds_are_counted_before_any_image_is_opened(tmp_path: Path) -> None:
    cases = [a_case("a", "x"), a_case("b", "y"), a_case("c", "w", split="test"), a_case("d", "v", label=None)]
    cases.append(a_case("e", "u", problem="a label without an image"))
    assert count_folds(PlanSettings(), cases) == 5
    assert count_folds(PlanSettings(folds=7), cases) == 7
    assert count_folds(PlanSettings(folds="leave-one-site-out"), cases) == 2
    own = tmp_path / "own.tsv"
    own.write_text("case\tfold\na\t0\nb\t1\nz\t2\n")
    assert count_folds(PlanSettings(splits=own), cases) == 3


@pytest.mark.parametrize("seed", range(20))
def test_no_patient_is_ever_in_two_folds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(12, 40))
    cases = [f"case_{i:02}" for i in range(count)]
    groups = [*"pqr", *rng.choice(list("pqrstu"), count - 3)]
    strata = [str(stratum) for stratum in rng.integers(0, 3, count)]
    folds = assign_folds(cases, groups, strata, 3, 0)
    places = {group: {folds[c] for c, g in zip(cases, groups, strict=True) if g == group} for group in groups}
    assert all(len(found) == 1 for found in places.values())
