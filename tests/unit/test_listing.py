from segmake.audit.listing import WIDEST, Chapter, format_chapters


def shown(*lines, most: int = 9) -> list[str]:
    return format_chapters([Chapter("data", list(lines))], most).splitlines()


def test_long_lists_are_cut_and_say_so():
    lines = [(f"case{number}", "there", "removed") for number in range(5)]
    text = format_chapters([Chapter("data", lines)], most=2)
    assert text == (
        "data\n  case0  there  ->  removed\n  case1  there  ->  removed\n  and 3 more (--lines 5 shows all)\n"
    )


def test_kinds_without_differences_are_one_line():
    text = format_chapters([Chapter("data", []), Chapter("figures", [], "no figures in b")], 3)
    assert text == "data          the same\nfigures       no figures in b\n"


def test_cells_are_aligned_and_remarks_stand_last():
    assert shown(("a", "1", "22"), ("long name", "333", "4", "+0.1"), ("figure", "", "", "differs")) == [
        "data",
        "  a          1    ->  22",
        "  long name  333  ->  4   +0.1",
        "  figure     differs",
    ]


def test_long_values_are_shown_from_where_they_begin_to_differ():
    same = "x" * 60
    line = shown(("name", f"{same} one", f"{same} two" + "y" * 60))[1]
    old, new = line.removeprefix("  name  ").split("  ->  ")
    assert old.rstrip() == f"…{'x' * 9} one"
    assert new == f"…{'x' * 9} two{'y' * 60}"[: WIDEST - 1] + "…"


def test_long_values_that_differ_at_once_are_cut_at_the_end():
    line = shown(("name", "a" * 50, ""))[1]
    assert line == f"  name  {'a' * (WIDEST - 1)}…  ->"
    assert shown(("name", "a" * WIDEST, "b"))[1] == f"  name  {'a' * WIDEST}  ->  b"
