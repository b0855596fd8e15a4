import threading

import numpy as np
import pytest
from learning_cases import ball

from segmake.learning.loading import Loader, read_ahead
from segmake.learning.sampling import Sampler


@pytest.fixture
def sampler():
    return Sampler([ball(i) for i in range(3)], (8, 8, 8), (1, 1, 1), batch=2, oversample=0.5, seed=4)


def same(batch, expected):
    return np.array_equal(batch.images, expected.images) and np.array_equal(batch.labels, expected.labels)


def test_steps_in_sequence_and_after_jumps_are_those_of_the_sampler(sampler):
    with Loader(sampler) as loader:
        for step in (5, 6, 7, 3, 4, 4, 100):
            assert same(loader.take(step), sampler.read(step)), step


def test_waiting_is_counted(sampler):
    with Loader(sampler) as loader:
        assert loader.waited == 0
        loader.take(0)
        first = loader.waited
        assert first > 0
        loader.take(1)
        assert loader.waited > first


def test_it_names_the_cases_of_a_step(sampler):
    with Loader(sampler) as loader:
        assert loader.source.names(2) == [sampler.choose(2, 0)[0].name, sampler.choose(2, 1)[0].name]


def test_closing_unread_leaves_no_thread(sampler):
    before = threading.active_count()
    Loader(sampler).close()
    assert threading.active_count() == before


@pytest.mark.parametrize("ahead", [1, 3])
def test_reading_ahead_starts_anywhere_and_changes_nothing(sampler, ahead):
    stream = read_ahead(sampler, start=3, ahead=ahead)
    for step in range(3, 7):
        assert same(next(stream), sampler.read(step))
    stream.close()
