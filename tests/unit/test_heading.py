"""What is above the header of a file: titles, blank lines, and the line `sep=`."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkimport.csvfile import records
from bulkimport.csvfile.chunks import CsvFile
from bulkimport.csvfile.header import DELIMITERS, FIELDS, REQUIRED_FIELDS
from bulkimport.errors import Refusal

HEADER = ",".join(FIELDS) + "\n"


def open_file(text: str, *, delimiter: str | None = None, header_row: int | None = None) -> CsvFile:
    stream = io.BytesIO(text.encode())
    return CsvFile(stream, charset=None, delimiter=delimiter, mapping={}, header_row=header_row)


def rows_of(csv_file: CsvFile) -> list[tuple[int, int, str]]:
    """The row, the line and the first cell of each record below the header."""
    return [
        (record.row, record.line, record.cells[0])
        for chunk in csv_file.chunks(chunk_rows=2, max_rows=100)
        for record in records.read(
            chunk.body,
            delimiter=csv_file.delimiter,
            first_row=chunk.first_row,
            first_line=chunk.first_line,
        )
    ]


def refusal_of(text: str, **options: int | str) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        open_file(text, **options).map_columns({}, REQUIRED_FIELDS)  # type: ignore[arg-type]
    return refusal.value


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;,,,"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_sep_names_the_delimiter_and_counts_as_a_row(first: str, end: str) -> None:
    csv_file = open_file(end.join([first, "identifier;a,b,c,name", "A;x", "", "B;y"]))
    assert (csv_file.delimiter, csv_file.header_row) == (";", 2)
    assert csv_file.header == ["identifier", "a,b,c,name"]
    assert rows_of(csv_file) == [(3, 3, "A"), (5, 5, "B")]


@pytest.mark.parametrize("delimiter", DELIMITERS.values())
def test_the_line_sep_names_any_delimiter(delimiter: str) -> None:
    assert open_file(f"sep={delimiter}\nfoo{delimiter}bar\nA\n").header == ["foo", "bar"]


def test_the_option_counts_more_than_the_line_sep() -> None:
    csv_file = open_file("sep=;\na,b;c\nA\n", delimiter=",")
    assert (csv_file.header, csv_file.header_row) == (["a", "b;c"], 2)


def test_blank_lines_may_follow_the_line_sep() -> None:
    assert open_file("sep=;\n\n;;\na;b\nA\n").header_row == 4


def test_a_separator_that_cannot_be_read_is_named() -> None:
    refusal = refusal_of("sep=^\na^b\n")
    assert (refusal.code, '"sep=^"' in refusal.detail) == ("ambiguous-delimiter", True)


@pytest.mark.parametrize("first", ["sep=;x", "step=;", "sep=", "sep,name"])
def test_other_lines_are_the_header(first: str) -> None:
    assert open_file(f"{first}\nA\n").header_row == 1


@pytest.mark.parametrize(
    "above",
    [
        "Assets of ACME, Berlin; all of them\n\nprinted,yesterday\n",
        '"two\nlines",x\n"""quoted"""\n\n',
        "\n\n\n",
        '"open\nidentifier;name\n"x"y,\n',
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_rows_above_the_header_are_skipped_and_counted(above: str, delimiter: str) -> None:
    text = (above + HEADER).replace(",", delimiter) + "A\n\nB\n"
    csv_file = open_file(text, header_row=4)
    assert (csv_file.header, csv_file.header_row, csv_file.blank_rows) == ([*FIELDS], 4, 0)
    line = above.count("\n") + 2
    assert rows_of(csv_file) == [(5, line, "A"), (7, line + 2, "B")]
    assert csv_file.blank_rows == 1


def test_the_row_of_the_header_counts_the_line_sep() -> None:
    csv_file = open_file("sep=;\nTitle, of it\nfoo;bar\nA\n", header_row=3)
    assert (csv_file.header, rows_of(csv_file)) == (["foo", "bar"], [(4, 4, "A")])


def test_a_header_below_the_last_row_is_refused() -> None:
    refusal = refusal_of(HEADER + "A\n", header_row=9)
    assert refusal.code == "missing-columns"
    assert "header_row=9 is below the last row of the file, row 2" in refusal.detail
    assert refusal_of("", header_row=9).code == "empty-file"


def test_a_blank_row_cannot_be_the_header() -> None:
    refusal = refusal_of(HEADER + " ,\nA\n", header_row=2)
    assert refusal.detail.startswith('The header lacks "identifier"')
    assert "; it has no names. Map" in refusal.detail


@pytest.mark.parametrize("delimiter", DELIMITERS.values())
@pytest.mark.parametrize("title", ["Assets of ACME", "Assets, all; printed | today", '"Assets\nof ACME",,'])
@pytest.mark.parametrize("blank", [0, 2, 16])
def test_a_header_that_has_the_columns_is_named(delimiter: str, title: str, blank: int) -> None:
    header = HEADER.replace(",", delimiter)
    text = title.replace(",", delimiter) + "\n" * (blank + 1) + header + "A\n"
    refusal = refusal_of(text)
    assert refusal.code == "missing-columns"
    assert refusal.detail.endswith(f"But row {blank + 2} looks like the header: header_row={blank + 2}.")
    assert open_file(text, header_row=blank + 2).map_columns({}, REQUIRED_FIELDS) == FIELDS


def test_only_the_first_rows_are_searched_for_a_header() -> None:
    refusal = refusal_of("Title\n" + "x\n" * 19 + HEADER)
    assert "looks like" not in refusal.detail
    assert "columns=" in refusal.detail
    assert "defaults=" in refusal.detail


def test_the_delimiter_is_detected_from_names_with_line_breaks() -> None:
    csv_file = open_file('"Asset\nID";"Valid\r\nFrom";name\nA;x;y\n')
    assert csv_file.delimiter == ";"
    assert rows_of(csv_file) == [(2, 4, "A")]


@given(
    above=st.lists(st.sampled_from(["", ",", "Title", '"a\nb"', "x;y|z", '"', '"q"z', "1,2,3"]), max_size=19),
    delimiter=st.sampled_from(list(DELIMITERS.values())),
    declared=st.booleans(),
)
def test_what_is_above_the_header_does_not_change_what_is_below_it(
    above: list[str], delimiter: str, declared: bool
) -> None:
    below = HEADER.replace(",", delimiter) + f'A{delimiter}"b\nc"\n\nB\n'
    text = "".join(f"{line}\n" for line in above)
    reader = records.RecordReader(io.StringIO(text, newline=""), delimiter)
    while reader.next():
        pass
    csv_file = open_file(text + below, delimiter=delimiter if declared else None, header_row=reader.next_row)
    if not declared and csv_file.header_row <= 20 and csv_file.delimiter == delimiter:
        assert csv_file.header == [*FIELDS]
    plain = open_file(below, delimiter=delimiter)
    shift = reader.next_row - 1
    if declared and '"' not in above:
        assert csv_file.header == plain.header
        assert [(row - shift, cell) for row, _, cell in rows_of(csv_file)] == [
            (row, cell) for row, _, cell in rows_of(plain)
        ]
