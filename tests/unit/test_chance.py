import numpy as np

from segmake.prepare.chance import choose, generator


def test_a_key_names_its_stream() -> None:
    assert np.array_equal(generator("a").random(4), generator("a").random(4))
    assert not np.array_equal(generator("a").random(4), generator("b").random(4))


def test_a_key_gives_the_same_numbers_on_every_machine() -> None:
    assert generator("0/resample/case").integers(0, 1000, 4).tolist() == [343, 782, 589, 602]


def test_few_are_all_taken() -> None:
    assert choose(5, 5, "key").tolist() == [0, 1, 2, 3, 4]
    assert choose(0, 5, "key").tolist() == []


def test_many_are_drawn_once_each_in_ascending_order() -> None:
    drawn = choose(1000, 100, "key")
    assert len(set(drawn.tolist())) == 100
    assert (np.diff(drawn) > 0).all()
    assert 0 <= drawn.min() <= drawn.max() < 1000
    assert np.array_equal(drawn, choose(1000, 100, "key"))


def test_draws_are_spread_evenly() -> None:
    drawn = np.concatenate([choose(1000, 50, f"key {i}") for i in range(200)])
    share = np.histogram(drawn, bins=10, range=(0, 1000))[0] / drawn.size
    assert np.abs(share - 0.1).max() < 0.02
