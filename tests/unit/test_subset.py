import itertools

import pytest

from segmake.errors import ConfigError
from segmake.learning.subset import choose_cases

PATIENTS = [f"p{number // 3}" for number in range(30)]
"""Ten patients with three scans each."""


@pytest.mark.parametrize("seed", range(5))
def test_fewer_cases_are_part_of_more(seed):
    single = [f"case{number}" for number in range(40)]
    curve = [set(choose_cases(single, count, seed)) for count in (5, 10, 20, 40)]
    assert [len(chosen) for chosen in curve] == [5, 10, 20, 40]
    assert all(few < more for few, more in itertools.pairwise(curve))


def test_whole_patients_are_taken_as_few_as_hold_the_count():
    for count, taken in ((1, 3), (3, 3), (4, 6), (30, 30)):
        chosen = choose_cases(PATIENTS, count, 0)
        assert len(chosen) == taken
        assert chosen == sorted(chosen)
        kept = {PATIENTS[index] for index in chosen}
        assert chosen == [index for index, patient in enumerate(PATIENTS) if patient in kept]


def test_the_order_of_the_table_does_not_matter():
    forward = {PATIENTS[index] for index in choose_cases(PATIENTS, 9, 3)}
    backward = PATIENTS[::-1]
    assert {backward[index] for index in choose_cases(backward, 9, 3)} == forward


def test_another_seed_chooses_others():
    single = [f"case{number}" for number in range(40)]
    chosen = {tuple(choose_cases(single, 5, seed)) for seed in range(6)}
    assert len(chosen) == 6


def test_more_cases_than_there_are_is_explained():
    with pytest.raises(ConfigError, match="asks for 31 training cases, but there are 30; lower it, or say"):
        choose_cases(PATIENTS, 31, 0)
