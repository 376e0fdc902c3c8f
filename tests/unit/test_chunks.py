"""A byte stream → header and chunks of whole records."""

import csv
import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkimport.csvfile import records
from bulkimport.csvfile.chunks import MAX_CHUNK_CELLS, MAX_CHUNK_CHARS, MAX_CHUNK_LINES, Chunk, CsvFile
from bulkimport.csvfile.header import DELIMITERS
from bulkimport.csvfile.records import Record
from bulkimport.errors import Refusal

HEADER = b"identifier,name,type,description,valid_from,valid_to,is_active\n"
NAMES = tuple(HEADER.decode().strip().split(","))
CHUNK_SIZES = (1, 2, 7, 1_000)


def open_file(body: bytes, charset: str | None = None) -> CsvFile:
    return CsvFile(io.BytesIO(body), charset=charset, delimiter=None, mapping={})


def read(body: bytes, chunk_rows: int = 1_000, max_rows: int = 1_000_000) -> list[Chunk]:
    return list(open_file(body).chunks(chunk_rows=chunk_rows, max_rows=max_rows))


def records_of(body: bytes, chunk_rows: int = 1_000, charset: str | None = None) -> list[Record]:
    """Each record, through the chunks."""
    csv_file = open_file(body, charset)
    return [
        record
        for chunk in csv_file.chunks(chunk_rows=chunk_rows, max_rows=1_000_000)
        for record in records.read(
            chunk.body,
            delimiter=csv_file.delimiter,
            first_row=chunk.first_row,
            first_line=chunk.first_line,
        )
    ]


def rows_of(body: bytes, chunk_rows: int = 1_000) -> list[tuple[int, list[str]]]:
    return [(record.row, record.cells) for record in records_of(body, chunk_rows)]


def refusal_of(body: bytes, max_rows: int = 1_000_000) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        read(body, 2, max_rows)
    return refusal.value


def test_a_file_is_cut_into_chunks_of_the_given_number_of_rows() -> None:
    assert read(HEADER + b"a\nb\nc\nd\ne\n", chunk_rows=2) == [
        Chunk(0, 2, 2, 2, b"a\nb\n"),
        Chunk(1, 4, 4, 2, b"c\nd\n"),
        Chunk(2, 6, 6, 1, b"e\n"),
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_lines_may_end_in_three_ways(end: bytes, chunk_rows: int) -> None:
    body = (HEADER + b"a,1\nb,2\nc,3").replace(b"\n", end)
    assert rows_of(body, chunk_rows) == [(2, ["a", "1"]), (3, ["b", "2"]), (4, ["c", "3"])]


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_a_cell_over_several_lines_stays_whole_and_is_one_row(chunk_rows: int) -> None:
    body = HEADER + b'a,"one\ntwo\r\nthree"\nb,"\n"\nc,3\n'
    assert rows_of(body, chunk_rows) == [(2, ["a", "one\ntwo\r\nthree"]), (3, ["b", "\n"]), (4, ["c", "3"])]


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_blank_records_are_not_rows_but_count_in_the_row_numbers(chunk_rows: int) -> None:
    body = HEADER + b"\na,1\n\n,\n \t, \nb,2\n\n"
    assert rows_of(body, chunk_rows) == [(3, ["a", "1"]), (7, ["b", "2"])]
    assert sum(chunk.rows for chunk in read(body, chunk_rows)) == 2


def test_blank_lines_are_counted() -> None:
    csv_file = open_file(HEADER + b"\na,1\n\n,\nb,2\n\n")
    list(csv_file.chunks(chunk_rows=1, max_rows=10))
    assert csv_file.blank_rows == 4


def test_many_blank_lines_hide_no_row() -> None:
    body = HEADER + b"a\n" + b",,,,,,\n" * (MAX_CHUNK_CHARS // 5) + b"b\n"
    assert [record.cells[0] for record in records_of(body)] == ["a", "b"]


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_a_chunk_begins_with_a_row(chunk_rows: int) -> None:
    body = HEADER + b"\n,\na\n\n,\nb\n\n"
    assert {chunk.body[:1] for chunk in read(body, chunk_rows)} <= {b"a", b"b"}


@pytest.mark.parametrize("filler", [b",\n", b"\r\n"])
def test_many_short_blank_lines_are_not_held_in_memory(filler: bytes) -> None:
    """One chunk per row, whose blank lines are bounded too."""
    csv_file = open_file(HEADER + b"a,1\n" + filler * 60_000 + b"b,2\n" + filler * 60_000)
    tracemalloc.start()
    try:
        chunks = list(csv_file.chunks(chunk_rows=1_000, max_rows=2))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [(chunk.first_row, chunk.rows) for chunk in chunks] == [(2, 1), (60_003, 1)]
    assert csv_file.blank_rows == 120_000
    assert peak_bytes < 100 * MAX_CHUNK_LINES


def test_cells_of_many_lines_make_a_chunk_of_fewer_rows() -> None:
    lines, rows = 10_000, 12
    chunks = read(HEADER + (b'a,"' + b"\r\n" * lines + b'"\n') * rows)
    assert [chunk.rows for chunk in chunks] == [5, 5, 2]


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_not_part_of_the_header(mark: str) -> None:
    csv_file = open_file((HEADER + b"a\n").decode().encode(mark))
    assert tuple(csv_file.header) == NAMES
    assert csv_file.charset == mark.removesuffix("-sig")


@pytest.mark.parametrize("delimiter", DELIMITERS.values())
def test_the_delimiter_is_detected(delimiter: str) -> None:
    csv_file = open_file(b"\n" + HEADER.replace(b",", delimiter.encode()) + b"a\n")
    assert (csv_file.delimiter, tuple(csv_file.header)) == (delimiter, NAMES)


def test_blank_lines_before_the_header_count_in_the_row_numbers() -> None:
    assert rows_of(b"\n\n" + HEADER + b"a,1\n") == [(4, ["a", "1"])]


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_other_separators_do_not_end_a_line(character: str) -> None:
    assert rows_of(HEADER + f"a{character}b,1\n".encode()) == [(2, [f"a{character}b", "1"])]


def test_a_quote_inside_an_unquoted_cell_is_data() -> None:
    assert rows_of(HEADER + b'TV-023,LG TV 55",device\n') == [(2, ["TV-023", 'LG TV 55"', "device"])]


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(body: bytes) -> None:
    assert refusal_of(body).code == "empty-file"


@pytest.mark.parametrize("tail", [b"", b"\n\n", b",,,\n"])
def test_a_header_alone_is_refused(tail: bytes) -> None:
    assert refusal_of(HEADER + tail).code == "no-rows"


def test_too_many_rows_are_refused() -> None:
    assert len(read(HEADER + b"a\nb\nc\n", max_rows=3)) == 1
    refusal = refusal_of(HEADER + b"a\nb\nc\nd\n", max_rows=3)
    assert (refusal.code, refusal.detail) == ("too-many-rows", "The file has more than 3 rows; split it.")


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_an_unclosed_quote_is_one_error_and_swallows_nothing(chunk_rows: int) -> None:
    records = records_of(HEADER + b'a,1\nb,"open\nc,3\nd,"x\ny"\ne,5\n', chunk_rows)
    assert records == [
        Record(2, 2, ["a", "1"], None),
        Record(3, 3, ['b,"open'], "unclosed_quote"),
        Record(4, 4, ["c", "3"], None),
        Record(5, 5, ["d", "x\ny"], None),
        Record(6, 7, ["e", "5"], None),
    ]


def test_long_records_make_a_chunk_of_fewer_rows() -> None:
    record = b"x" * 100_000 + b"\n"
    chunks = read(HEADER + record * 100, chunk_rows=1_000)
    assert sum(chunk.rows for chunk in chunks) == 100
    assert max(len(chunk.body) for chunk in chunks) <= MAX_CHUNK_CHARS + len(record)


def test_wide_records_make_a_chunk_of_fewer_rows() -> None:
    width, rows = 400, 300
    chunks = read(HEADER + (b"x," * (width - 1) + b"x\n") * rows, chunk_rows=1_000)
    assert sum(chunk.rows for chunk in chunks) == rows
    assert max(chunk.rows for chunk in chunks) * width < MAX_CHUNK_CELLS + width


def test_records_of_ten_cells_fill_a_chunk_of_the_usual_number_of_rows() -> None:
    assert [chunk.rows for chunk in read(HEADER + b"a,b,c,d,e,f,g,h,i,j\n" * 5_001, 5_000)] == [5_000, 1]


def test_the_cells_of_blank_records_do_not_count() -> None:
    body = HEADER + b"a\n" + b",,,,,,\n" * (MAX_CHUNK_CELLS // 6) + b"b\n"
    assert [chunk.rows for chunk in read(body)] == [2]


@given(
    table=st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=2, max_size=4),
        min_size=1,
        max_size=12,
    ),
    delimiter=st.sampled_from(list(DELIMITERS.values())),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    charset=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    chunk_rows=st.sampled_from(CHUNK_SIZES),
)
def test_what_csv_writes_is_read_back_the_same(
    table: list[list[str]], delimiter: str, quoting: int, charset: str, chunk_rows: int
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([NAMES, *table])
    expected = [(number, cells) for number, cells in enumerate(table, start=2) if any(map(str.strip, cells))]
    body = text.getvalue().encode(charset)
    if expected:
        assert rows_of(body, chunk_rows) == expected
    else:
        assert refusal_of(body).code == "no-rows"


@given(
    tail=st.one_of(st.binary(max_size=300), st.text("ab,;\"'\n\r\t |", max_size=200).map(str.encode)),
    charset=st.sampled_from([None, "utf-16-le", "shift_jis", "windows-1252"]),
)
def test_any_bytes_are_read_or_refused_whatever_the_chunks(tail: bytes, charset: str | None) -> None:
    for body in (tail, HEADER + tail, HEADER.decode().encode("utf-16") + tail):
        try:
            found = records_of(body, 1_000, charset)
        except Refusal:
            continue
        assert records_of(body, 1, charset) == records_of(body, 7, charset) == found
