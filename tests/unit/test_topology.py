from segmake.prepare.topology import Topology, choose_kernels, choose_topology


def test_an_isotropic_patch() -> None:
    found = choose_topology((128, 128, 128), (1, 1, 1))
    assert found.strides == ((1, 1, 1), *((2, 2, 2),) * 5)
    assert found.kernels == ((3, 3, 3),) * 6
    assert found.divisor == (32, 32, 32)


def test_hippocampus() -> None:
    found = choose_topology((36, 50, 35), (1, 1, 1))
    assert found.divisor == (8, 8, 8)
    assert found.round_up((36, 50, 35)) == (40, 56, 40)


def test_thick_slices_wait() -> None:
    found = choose_topology((20, 256, 224), (5, 0.8, 0.8))
    assert found.strides[1] == found.strides[2] == (1, 2, 2)
    assert found.strides[3][0] == 2
    assert found.kernels[:3] == ((1, 3, 3), (1, 3, 3), (3, 3, 3))


def test_a_short_axis_is_left_alone() -> None:
    found = choose_topology((64, 64, 6), (1, 1, 1))
    assert all(stride[2] == 1 for stride in found.strides)
    assert found.divisor == (16, 16, 1)


def test_the_number_of_stages_can_be_limited() -> None:
    assert len(choose_topology((128, 128, 128), (1, 1, 1), stages=3).strides) == 3


def test_a_patch_too_small_to_halve() -> None:
    assert choose_topology((3, 3, 3), (1, 1, 1)) == Topology(((1, 1, 1),), ((3, 3, 3),))


def test_one_long_axis_alone_is_halved_only_while_it_is_long() -> None:
    assert choose_topology((12, 4, 4), (1, 1, 1), stages=5).divisor == (2, 1, 1)
    assert choose_topology((11, 4, 4), (1, 1, 1), stages=5).divisor == (1, 1, 1)


def test_kernels_follow_pinned_strides_and_stay_three() -> None:
    strides = [(1, 1, 1), (1, 1, 2), (1, 1, 2), (2, 2, 1)]
    assert choose_kernels(strides, (1, 1, 0.4)) == ((1, 1, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))


def test_divides() -> None:
    topology = Topology(((1, 1, 1), (2, 2, 1), (2, 2, 2)), ((3, 3, 3),) * 3)
    assert topology.divisor == (4, 4, 2)
    assert topology.divides((8, 12, 6))
    assert not topology.divides((8, 12, 7))
    assert topology.round_up((7, 9, 7)) == (8, 12, 8)


def test_a_small_patch_still_gets_three_stages():
    assert choose_topology((10, 10, 10), (1.0, 1.0, 1.0)).divisor == (4, 4, 4)
    assert len(choose_topology((10, 10, 10), (1.0, 1.0, 1.0)).strides) == 3
    assert len(choose_topology((64, 64, 64), (1.0, 1.0, 1.0)).strides) == 5
