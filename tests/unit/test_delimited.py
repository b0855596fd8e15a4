from pathlib import Path

import pytest

from segmake.dataset.delimited import NumberedRow, read_rows
from segmake.errors import InputError


def table(folder: Path, content: str | bytes) -> Path:
    path = folder / "table.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_rows_keep_the_number_that_a_spreadsheet_shows(tmp_path: Path) -> None:
    path = table(tmp_path, "a\tb\n\n1\t 2 \n\t\t\n3\n")
    assert read_rows(path) == [NumberedRow(3, {"a": "1", "b": "2"}), NumberedRow(5, {"a": "3", "b": ""})]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(tmp_path: Path, end: str) -> None:
    assert [row.cells["b"] for row in read_rows(table(tmp_path, end.join(["a\tb", "1\t2", "3\t4"])))] == [
        "2",
        "4",
    ]


def test_what_spreadsheets_add_is_passed_over(tmp_path: Path) -> None:
    path = table(tmp_path, b'\xef\xbb\xbfa\tb\t\t\r\n"x, ""y"""\t2\t\t\r\n')
    assert read_rows(path) == [NumberedRow(2, {"a": 'x, "y"', "b": "2"})]


def test_of_several_separators_the_header_decides(tmp_path: Path) -> None:
    assert read_rows(table(tmp_path, "a;b\n1,5;2\n"), ";,")[0].cells == {"a": "1,5", "b": "2"}
    assert read_rows(table(tmp_path, "a,b\n1;5,2\n"), ";,")[0].cells == {"a": "1;5", "b": "2"}


def test_a_table_without_rows_is_empty(tmp_path: Path) -> None:
    assert read_rows(table(tmp_path, "")) == read_rows(table(tmp_path, "a\tb\n\n")) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a;b;c\n", "row 1: tabs set columns apart, this looks like semicolons; save it with tabs"),
        ("a,b\n", "row 1: tabs set columns apart, this looks like commas"),
        ("a\tb\ta\n", "row 1, column 3: 'a' stands twice; rename or remove one of them"),
        ("a\t\tb\n", "row 1, column 2: a header is missing; name the column or remove it"),
        ("a\tb\n1\t2\t3\n", "row 2: there are more cells than columns"),
        (f"a\tb\n1\t{'x' * 4097}\n", "row 2, column b: a cell has up to 4096 characters, got 4097; look for"),
        (f"a\n{'x' * 65_000}\n", "row 2, column a: a cell has up to 4096 characters, got 65000"),
        (f"a\n{'x' * 200_000}\n", "row 2: a cell does not end or is too long"),
        ('a\tb\n"1\t2\n3\t4\n', "a cell does not end or is too long .* look for a quotation mark"),
        ('a\tb\n1\t"2\n3"\n', "row 2, column b: a line break stands in the cell; remove it"),
        ("a\tb\n1\t2\0\n", "row 2: a NUL byte stands in the text"),
        (b"a\n\xff\xfe\n", r"it is no UTF-8 text \(byte 2\); save it as text in UTF-8"),
        ("a\tb\n1\t2\n".encode("utf-16"), "it is no UTF-8 text .byte 0."),
    ],
)
def test_faults_have_their_row(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=rf"table\.txt.*{message}"):
        read_rows(table(tmp_path, content))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.tsv does not exist; correct the path"):
        read_rows(tmp_path / "gone.tsv")
    with pytest.raises(InputError, match="is a folder, not a file; name the file in it"):
        read_rows(tmp_path)
