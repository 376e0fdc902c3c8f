"""Text → records, wherever quotes are."""

import io
import time

import pytest

from bulkimport.csvfile.records import MAX_CELL_CHARS, MAX_RECORD_CHARS, Record, RecordReader


def read(text: str, delimiter: str = ",") -> list[Record]:
    reader = RecordReader(io.StringIO(text, newline=""), delimiter)
    records = []
    while record := reader.next():
        records.append(record)
    assert len(reader.take()) >= min(len(text), MAX_RECORD_CHARS)
    return records


def cells(text: str, delimiter: str = ",") -> list[list[str]]:
    return [record.cells for record in read(text, delimiter)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\nc,d\n", [["a", "b"], ["c", "d"]]),
        ("a,b\r\nc,d", [["a", "b"], ["c", "d"]]),
        ("a\rb\r\nc\nd", [["a"], ["b"], ["c"], ["d"]]),
        ('TV-023,LG TV 55",device\n', [["TV-023", 'LG TV 55"', "device"]]),
        ('"a","b ""c""",""\n', [["a", 'b "c"', ""]]),
        ('"one\ntwo\r\nthree",b\n', [["one\ntwo\r\nthree", "b"]]),
        ('"a, b",c', [["a, b", "c"]]),
        ("a,,\n", [["a", "", ""]]),
        ("a\0b,\x0b\x1c\u2028\n", [["a\0b", "\x0b\x1c\u2028"]]),
        (' "a", "b"\n', [[' "a"', ' "b"']]),
    ],
)
def test_records(text: str, expected: list[list[str]]) -> None:
    assert cells(text) == expected


def test_rows_and_lines_are_counted_separately() -> None:
    assert read('a\n"b\nc"\n\nd\n') == [
        Record(1, 1, ["a"], None),
        Record(2, 2, ["b\nc"], None),
        Record(3, 4, [], None),
        Record(4, 5, ["d"], None),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Never closed: to the end of the file, and by the next quote that cannot close it.
        ('a,"open\nb,1\nc,2\n', [Record(1, 1, ['a,"open'], "unclosed_quote"), *read("x\nb,1\nc,2\n")[1:]]),
        (
            'a,"open\nb,"x"\nc,2\n',
            [Record(1, 1, ['a,"open'], "unclosed_quote"), *read('x\nb,"x"\nc,2\n')[1:]],
        ),
        ('"\n"\n"x', [Record(1, 1, ["\n"], None), Record(2, 3, ['"x'], "unclosed_quote")]),
        ('a,"open', [Record(1, 1, ['a,"open'], "unclosed_quote")]),
        ('a,"b"c\nd\n', [Record(1, 1, ['a,"b"c'], "misplaced_quote"), Record(2, 2, ["d"], None)]),
    ],
)
def test_a_wrong_quote_costs_only_its_own_line(text: str, expected: list[Record]) -> None:
    assert read(text) == expected


def test_several_open_quotes_are_an_error_each() -> None:
    records = read('a,"x\nb,"y\nc,1\nd,"z\ne,1\n')
    assert [record.fault for record in records] == [
        *("unclosed_quote", "unclosed_quote", None),
        *("unclosed_quote", None),
    ]
    assert [record.line for record in records] == [1, 2, 3, 4, 5]


def test_long_cells_and_long_records_cost_their_row() -> None:
    faults = [
        (record.line, record.fault)
        for record in read(
            "x" * MAX_CELL_CHARS
            + "\n"
            + "y" * (MAX_CELL_CHARS + 1)
            + "\na\n"
            + "z," * MAX_RECORD_CHARS
            + "\nb\n"
        )
    ]
    assert faults == [(1, None), (2, "cell_too_long"), (3, None), (4, "record_too_long"), (5, None)]


def test_only_the_start_of_a_record_that_is_too_long_is_kept() -> None:
    (record,) = read("z," * MAX_RECORD_CHARS)
    assert len(record.cells[0]) == MAX_RECORD_CHARS + 1


def test_a_record_can_be_repeated() -> None:
    reader = RecordReader(io.StringIO('"a\nb"\nc\n', newline=""), ",")
    first = reader.next()
    reader.unread()
    assert (reader.next_row, reader.next_line, reader.taken_chars) == (1, 1, 0)
    assert reader.next() == first
    assert reader.take() == '"a\nb"\n'
    assert reader.next() == Record(2, 3, ["c"], None)


@pytest.mark.parametrize(
    "line",
    ['a,"open\n', '""\n"x""\n', '"\n""\n', 'x"y,"z\n', 'x",y,"z\n', '"a"b"\n', '"""\n', '"\n' + "y\n" * 20],
)
def test_no_pattern_of_quotes_is_read_many_times(line: str) -> None:
    text = line * (300_000 // len(line))
    started = time.process_time()
    read(text)
    assert time.process_time() - started < 5, "seconds; about 0.3 where every line is read a few times"
