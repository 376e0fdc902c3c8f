"""The reader against a reference: the same rule, written as plainly and slowly as possible."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulkimport.csvfile import blocks, records
from bulkimport.csvfile.records import Record, RecordReader, is_blank

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
PLAIN = re.compile(r"[^,\r\n]*")
QUOTED = re.compile(r'"((?:[^"]|"")*)')
AFTER_CELL = re.compile(r",|\r\n|\r|\n|\Z")

CLOSES_AND_OPENS = 'x",y,"z\n'  # ends inside quotes, whether it begins inside or outside
LINES = st.one_of(
    st.sampled_from(['x",y,"z', '"', '""', '"x', 'x"', '"q"z', "x,y", '","', ',"', '",', '"x"', "", "xxxxx"]),
    st.text('",x', max_size=7),
)
ENDS = st.sampled_from(["\n", "\n", "\r\n", "\r"])
# With so many lines that end inside quotes, records of all lengths reach the lines that follow.
TEXTS = st.builds(
    lambda times, lines: (
        CLOSES_AND_OPENS * times + "".join((line + end) * count for line, end, count in lines)
    ),
    st.integers(0, 15),
    st.lists(st.tuples(LINES, ENDS, st.integers(1, 6)), max_size=12),
)
# Most of their lines are records of one line, some of them blank.
PLAIN_TEXTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["x", "x,y", 'x,"y"', 'x,"a,b",y', 'x,"q""r"', '"x",y', '""', " ,", "\u3000", "", 'x"', 'x,"a']
        ),
        ENDS,
    ),
    max_size=30,
).map(lambda lines: "".join(line + end for line, end in lines))
LIMITS = st.tuples(st.sampled_from([10, 25, 40, 100]), st.sampled_from([3, 9, 20, 100]))


@settings(max_examples=500)
@given(text=TEXTS, end=LINES, limits=LIMITS, take_each=st.integers(1, 9))
@example(text=CLOSES_AND_OPENS * 20, end="", limits=(25, 100), take_each=3)
@example(text=CLOSES_AND_OPENS * 20 + 'x","y"\n', end="", limits=(40, 100), take_each=3)
@example(text=CLOSES_AND_OPENS * 20 + 'x","' + "w\n" * 6 + '"\n', end="", limits=(40, 9), take_each=3)
@example(text=CLOSES_AND_OPENS * 20 + '"x\n"\n', end="", limits=(40, 100), take_each=3)
@example(text=CLOSES_AND_OPENS * 20 + '""x",y\n', end="", limits=(40, 100), take_each=3)
def test_the_reader_agrees_with_the_reference(
    text: str, end: str, limits: tuple[int, int], take_each: int
) -> None:
    with reduced(*limits):
        expected = list(by_the_rule(text + end, *limits))
        whole, chunks = cut(text + end, take_each)
        assert whole == expected
        assert "".join(chunk for chunk, _, _ in chunks) == text + end
        assert [
            record
            for chunk, row, line in chunks
            for record in records.read(chunk.encode(), delimiter=",", first_row=row, first_line=line)
        ] == [record for record in expected if not is_blank(record.cells)]


@settings(max_examples=500)
@given(
    text=st.one_of(TEXTS, PLAIN_TEXTS),
    end=LINES,
    limits=LIMITS,
    block_chars=st.integers(1, 40),
    max_records=st.integers(1, 9),
    passes=st.booleans(),
)
@example(text='x,"q""r"\n"a,b",c\nx\n', end="", limits=(100, 100), block_chars=40, max_records=9, passes=True)
@example(text='x"y,"\nx\n"\n', end="", limits=(100, 100), block_chars=40, max_records=9, passes=True)
@example(text='x,"y"z,"q"\nx\n', end="", limits=(100, 100), block_chars=40, max_records=9, passes=True)
@example(text="\u3000,\nx\n\n", end="", limits=(100, 100), block_chars=40, max_records=9, passes=True)
def test_reading_in_blocks_agrees_with_the_reference(
    text: str, end: str, limits: tuple[int, int], block_chars: int, max_records: int, passes: bool
) -> None:
    with reduced(*limits), pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_CHARS", block_chars)
        expected = list(by_the_rule(text + end, *limits))
        reader = RecordReader(io.StringIO(text + end, newline=""), ",")
        row = 1
        while row <= len(expected):
            plain = reader.pass_over(max_records) if passes else None
            if plain:
                passed = expected[row - 1 : reader.next_row - 1]
                assert len(passed) == plain.lines <= max_records
                assert [record.line for record in passed] == list(range(passed[0].line, reader.next_line))
                assert not any(is_blank(record.cells) for record in passed)
                assert sum(len(record.cells) for record in passed) <= plain.cells
            else:
                read = list(reader.next_batch(max_records)) or [
                    record for record in (reader.next(),) if record and not is_blank(record.cells)
                ]
                assert read == [
                    record for record in expected[row - 1 : reader.next_row - 1] if not is_blank(record.cells)
                ]
            row = reader.next_row
        assert reader.next() is None
        assert reader.take() == text + end


def cut(text: str, take_each: int) -> tuple[list[Record], list[tuple[str, int, int]]]:
    """The records, as intake reads them, and chunks of `take_each`, each with its first row and line."""
    reader = RecordReader(io.StringIO(text, newline=""), ",")
    cut_records, chunks = [], []
    first_row, first_line = 1, 1
    while record := reader.next():
        cut_records.append(record)
        if record.row % take_each == 0:
            chunks.append((reader.take(), first_row, first_line))
            first_row, first_line = reader.next_row, reader.next_line
    return cut_records, [*chunks, (reader.take(), first_row, first_line)]


@contextmanager
def reduced(max_record_chars: int, max_cell_chars: int) -> Iterator[None]:
    """Limits that a short text can reach."""
    before = csv.field_size_limit(max_cell_chars)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "MAX_RECORD_CHARS", max_record_chars)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def by_the_rule(text: str, max_record_chars: int, max_cell_chars: int) -> Iterator[Record]:
    """From each line on, as many lines as make a record; where none do, the line alone is a faulty one."""
    lines = LINE.findall(text)
    row = at = 0
    while at < len(lines):
        row += 1
        count, cells, fault = 0, [""], records.UNCLOSED_QUOTE
        while fault == records.UNCLOSED_QUOTE and at + count < len(lines):
            count += 1
            cells, fault = parsed("".join(lines[at : at + count]), max_record_chars, max_cell_chars)
        if fault:
            fault = fault if count == 1 else records.UNCLOSED_QUOTE
            count, cells = 1, [lines[at].rstrip("\r\n")]
        yield Record(row, at + 1, cells, fault or None)
        at += count


def parsed(text: str, max_record_chars: int, max_cell_chars: int) -> tuple[list[str], str]:
    """The cells of a record, or what is wrong with it first."""
    cells: list[str] = []
    if len(text) > max_record_chars:
        return cells, records.RECORD_TOO_LONG
    if text in ("\n", "\r\n", "\r"):
        return cells, ""
    at = 0
    while True:
        quoted = QUOTED.match(text, at)
        cell = quoted or PLAIN.match(text, at)
        assert cell
        value = quoted[1].replace('""', '"') if quoted else cell[0]
        at = cell.end()
        if len(value) > max_cell_chars:
            return cells, records.CELL_TOO_LONG
        if quoted and at == len(text):
            return cells, records.UNCLOSED_QUOTE
        cells.append(value)
        behind = AFTER_CELL.match(text, at + 1 if quoted else at)
        if not behind:
            return cells, records.MISPLACED_QUOTE
        if behind[0] != ",":
            return cells, ""
        at = behind.end()
