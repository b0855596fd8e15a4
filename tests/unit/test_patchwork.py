from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from segmake.learning.patchwork import OnDisk, Patches, PatchSampler
from segmake.volume.store import open_array, save_array


def patches(labels=(0, 0, 0, 0, 1), classes=2):
    pictures = np.arange(len(labels), dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 2), np.uint8)
    truth = np.eye(classes, dtype=np.float32)[list(labels)]
    return Patches(pictures, truth, [f"case{n}" for n in range(len(labels))])


def sampler(batch=2, seed=0, balanced=False, rows=None, **fields):
    made = patches(**fields)
    return PatchSampler(made, batch, seed, balanced, range(batch) if rows is None else rows)


def test_every_patch_is_seen_once_before_any_again():
    made = sampler()
    seen = [made.choose(step, index) for step in range(5) for index in range(2)]
    assert sorted(seen[:5]) == sorted(seen[5:]) == list(range(5))
    assert seen[:5] != seen[5:]


def test_a_batch_holds_the_patches_that_were_chosen():
    made = sampler(batch=3)
    for step in range(4):
        batch = made.read(step)
        chosen = [made.choose(step, index) for index in range(3)]
        assert batch.images[:, 0, 0, 0].tolist() == chosen
        assert batch.labels[:, 1].tolist() == [float(row == 4) for row in chosen]
        assert made.names(step) == [f"case{row}" for row in chosen]


@pytest.mark.parametrize("balanced", [False, True])
def test_the_same_counter_gives_the_same_patches_in_any_order_and_thread(balanced):
    made = sampler(balanced=balanced)
    with ThreadPoolExecutor(4) as pool:
        found = [batch.images for batch in pool.map(made.read, reversed(range(20)))][::-1]
    for step, images in enumerate(found):
        assert np.array_equal(images, sampler(balanced=balanced).read(step).images)
    other = sampler(seed=1, balanced=balanced)
    assert any(not np.array_equal(other.read(step).images, found[step]) for step in range(20))


def test_processes_read_their_rows_of_the_same_batch():
    whole = sampler(batch=4).read(3)
    assert np.array_equal(sampler(batch=4, rows=[1, 3]).read(3).images, whole.images[[1, 3]])


def test_balanced_batches_hold_every_class_equally_often_and_all_of_its_patches():
    made = sampler(batch=10, balanced=True, labels=[0] * 6 + [1] * 3 + [2], classes=3)
    counts = Counter(made.choose(step, index) for step in range(9) for index in range(10))
    kinds = [sum(counts[row] for row in rows) for rows in (range(6), range(6, 9), range(9, 10))]
    assert kinds == [30, 30, 30]
    assert {counts[row] for row in range(6)} == {5}
    assert {counts[row] for row in range(6, 9)} == {10}


def test_the_order_of_classes_is_no_pattern():
    made = sampler(batch=2, balanced=True)
    first = [made.choose(step, 0) == 4 for step in range(200)]
    assert 70 < sum(first) < 130


def test_a_patch_of_several_classes_counts_as_its_rarest_and_one_of_none_by_itself():
    truth = np.array([[1, 0], [1, 1], [1, 0], [0, 0]], dtype=np.float32)
    made = Patches(np.zeros((4, 1, 2, 2), np.uint8), truth, ["a", "b", "c", "d"])
    assert [rows.tolist() for rows in made.kinds] == [[0, 2], [1], [3]]


def test_patches_on_disk_are_those_in_memory(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 8, 8), dtype=np.uint8)
    save_array(tmp_path / "a.b2nd", images)
    save_array(tmp_path / "b.b2nd", images[:1] // 2)
    one, other = (open_array(tmp_path / name) for name in ("a.b2nd", "b.b2nd"))
    stored = OnDisk([(one, 2), (other, 0), (one, 0)])
    assert len(stored) == 3
    assert np.array_equal(stored[[2, 0, 1]], np.stack([images[0], images[2], images[0] // 2]))
