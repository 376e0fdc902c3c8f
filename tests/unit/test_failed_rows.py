"""The file of failed rows, and how it is known again."""

import io

import pytest

from bulkimport.csvfile.chunks import CsvFile
from bulkimport.csvfile.failed_rows import FailedRowsWriter, Origin, origin
from bulkimport.csvfile.records import Record
from bulkimport.csvfile.template import template

HEADER = ["identifier", "Asset Name", "type"]


def open_file(body: bytes) -> CsvFile:
    return CsvFile(io.BytesIO(body), charset=None, delimiter=None, mapping={})


def test_original_cells_and_columns_and_then_ours() -> None:
    writer = FailedRowsWriter(HEADER, ";")
    assert writer.header() == b"identifier;Asset Name;type;_row;_errors\r\n"
    record = Record(7, 9, ["A", 'a "b"; c\nd', " x "], None)
    assert writer.row(record, ["one", "two"]) == b'A;"a ""b""; c\nd"; x ;7;"one; two"\r\n'


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (Record(7, 9, ["A"], None), b"A,,,7,e\r\n"),
        (Record(7, 9, ["A", "b", "c", "d", "e"], None), b"A,b,c,7,e,d,e\r\n"),
        (Record(7, 9, ['A,"open, and'], "unclosed_quote"), b'A,"open, and",,7,e\r\n'),
        (Record(7, 9, ["A", "M\udcfcller\0", ""], None), b"A,M\xfcller\x00,,7,e\r\n"),
        (Record(7, 9, ["=1+1", "-x", "@x"], None), b"=1+1,-x,@x,7,e\r\n"),
    ],
)
def test_rows_of_any_kind_keep_what_they_have(record: Record, line: bytes) -> None:
    assert FailedRowsWriter(HEADER, ",").row(record, ["e"]) == line


def test_formulas_can_be_made_safe() -> None:
    writer = FailedRowsWriter(HEADER, ",", formula_safe=True)
    record = Record(7, 9, ["=1+1", "+x", "a=b"], None)
    assert writer.row(record, ["@e"]) == b"'=1+1,'+x,a=b,7,'@e\r\n"


def test_the_columns_of_an_earlier_round_are_written_anew() -> None:
    writer = FailedRowsWriter(["_row", *HEADER, "_errors"], ",")
    assert writer.header() == b"identifier,Asset Name,type,_row,_errors\r\n"
    assert writer.row(Record(3, 3, ["99", "A", "b", "c", "old"], None), ["new"]) == b"A,b,c,3,new\r\n"


def test_a_file_of_failed_rows_tells_where_it_came_from() -> None:
    writer = FailedRowsWriter(HEADER, "|")
    csv_file = open_file(writer.header() + writer.row(Record(12, 14, ["A", "b", "c"], None), ["e"]))
    assert origin(csv_file) == Origin(HEADER, 12)
    (chunk,) = csv_file.chunks(chunk_rows=5, max_rows=5)
    assert chunk.body == b"A|b|c|12|e\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"identifier,_row\nA,5\n",
        b"identifier,_row,_errors\n",
        b"a,_row,_errors\nA,x,e\n",
        b"a,_row,_errors\nA\n",
    ],
)
def test_any_other_file_does_not(body: bytes) -> None:
    assert origin(open_file(body)) is None


def test_the_template_can_be_imported() -> None:
    (chunk,) = open_file(template()).chunks(chunk_rows=5, max_rows=5)
    assert chunk.rows == 2
