"""A byte stream → columns and chunks of whole records."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkimport.csvfile import records
from bulkimport.csvfile.chunks import MAX_CHUNK_CHARS, MAX_RECORD_CHARS, Chunk, split
from bulkimport.csvfile.header import FIELDS, Columns
from bulkimport.csvfile.refusal import RefusedFileError

HEADER = b"identifier,name,type,description,valid_from,valid_to,is_active\n"
CHUNK_SIZES = (1, 2, 3, 1_000)


def read(body: bytes, chunk_rows: int = 1_000, max_rows: int = 1_000_000) -> tuple[Columns, list[Chunk]]:
    columns, chunks = split(io.BytesIO(body), chunk_rows=chunk_rows, max_rows=max_rows)
    return columns, list(chunks)


def rows_of(body: bytes, chunk_rows: int = 1_000) -> list[tuple[int, list[str]]]:
    """Row number and cells of each record, through the chunks."""
    _, chunks = read(body, chunk_rows)
    return [row for chunk in chunks for row in records.read(chunk.body, first_row=chunk.first_row)]


def refusal_of(body: bytes, max_rows: int = 1_000_000) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as refusal:
        read(body, 2, max_rows)
    return refusal.value


def test_a_file_is_cut_into_chunks_of_so_many_rows() -> None:
    columns, chunks = read(HEADER + b"a\nb\nc\nd\ne\n", chunk_rows=2)
    assert columns == FIELDS
    assert chunks == [Chunk(0, 2, 2, b"a\nb\n"), Chunk(1, 4, 2, b"c\nd\n"), Chunk(2, 6, 1, b"e\n")]


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
def test_blank_records_are_no_rows_but_count_in_the_row_numbers(chunk_rows: int) -> None:
    body = HEADER + b"\na,1\n\n,\n \t, \nb,2\n\n"
    assert rows_of(body, chunk_rows) == [(3, ["a", "1"]), (7, ["b", "2"])]
    assert sum(chunk.rows for chunk in read(body, chunk_rows)[1]) == 2


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert read(b"\xef\xbb\xbf" + HEADER + b"a\n")[0] == FIELDS


def test_blank_lines_before_the_header_count_in_the_row_numbers() -> None:
    assert rows_of(b"\n\n" + HEADER + b"a,1\n") == [(4, ["a", "1"])]


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_other_separators_do_not_end_a_line(character: str) -> None:
    assert rows_of(HEADER + f"a{character}b,1\n".encode()) == [(2, [f"a{character}b", "1"])]


def test_a_quote_inside_an_unquoted_cell_is_data() -> None:
    assert rows_of(HEADER + b'TV-023,LG TV 55",device\n') == [(2, ["TV-023", 'LG TV 55"', "device"])]


def test_bytes_that_are_not_utf_8_come_back_as_they_were() -> None:
    _, (chunk,) = read(HEADER + b"M\xfcller,\x00\n")
    assert chunk.body == b"M\xfcller,\x00\n"


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(body: bytes) -> None:
    assert refusal_of(body).code == "empty-file"


@pytest.mark.parametrize("tail", [b"", b"\n\n", b",,,\n"])
def test_a_header_alone_is_refused(tail: bytes) -> None:
    assert refusal_of(HEADER + tail).code == "no-rows"


def test_too_many_rows_are_refused() -> None:
    assert len(read(HEADER + b"a\nb\nc\n", max_rows=3)[1]) == 1
    refusal = refusal_of(HEADER + b"a\nb\nc\nd\n", max_rows=3)
    assert (refusal.code, refusal.detail) == ("too-many-rows", "The file has more than 3 rows; split it.")


def test_an_unclosed_quote_names_the_row_where_it_began() -> None:
    refusal = refusal_of(HEADER + b'a,1\nb,"open\nc,3\nd,4\n')
    assert refusal.code == "unclosed-quote"
    assert "begins in row 3" in refusal.detail


def test_a_record_that_is_too_long_names_its_row() -> None:
    refusal = refusal_of(HEADER + b"a,1\n" + b"x," * (MAX_RECORD_CHARS // 2 + 1))
    assert refusal.code == "record-too-long"
    assert "begins in row 3" in refusal.detail


def test_a_cell_over_the_readers_limit_names_its_row() -> None:
    refusal = refusal_of(HEADER + b"a,1\n" + b"x" * 200_000)
    assert refusal.code == "unreadable-record"
    assert "begins in row 3" in refusal.detail


def test_long_records_make_a_chunk_of_fewer_rows() -> None:
    record = b"x" * 100_000 + b"\n"
    _, chunks = read(HEADER + record * 100, chunk_rows=1_000)
    assert sum(chunk.rows for chunk in chunks) == 100
    assert max(len(chunk.body) for chunk in chunks) <= MAX_CHUNK_CHARS + len(record)


@given(
    table=st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=2, max_size=4),
        min_size=1,
        max_size=12,
    ),
    quote_all=st.booleans(),
    chunk_rows=st.sampled_from(CHUNK_SIZES),
)
def test_what_csv_writes_is_read_back_the_same(
    table: list[list[str]], quote_all: bool, chunk_rows: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL).writerows(table)
    expected = [(number, cells) for number, cells in enumerate(table, start=2) if any(map(str.strip, cells))]
    body = HEADER + text.getvalue().encode()
    if expected:
        assert rows_of(body, chunk_rows) == expected
    else:
        assert refusal_of(body).code == "no-rows"


@given(st.binary(max_size=300), st.sampled_from(CHUNK_SIZES))
def test_any_bytes_are_read_or_refused(tail: bytes, chunk_rows: int) -> None:
    for body in (tail, HEADER + tail):
        try:
            rows = rows_of(body, chunk_rows)
        except RefusedFileError:
            continue
        assert rows == rows_of(body, 1_000)
