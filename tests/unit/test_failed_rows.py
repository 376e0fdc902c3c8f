"""The file of failed rows, and how it is recognized when it is uploaded."""

import io
import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkimport.csvfile.chunks import CsvFile
from bulkimport.csvfile.failed_rows import FailedRow, FailedRowsWriter, first_failed_row, job_column
from bulkimport.csvfile.records import Record, read
from bulkimport.csvfile.template import template
from bulkimport.errors import Refusal

HEADER = ["identifier", "Asset Name", "type"]
JOB = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
OTHER = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12")
OWN = b"7,e,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


def open_file(body: bytes, delimiter: str | None = None) -> CsvFile:
    return CsvFile(io.BytesIO(body), charset=None, delimiter=delimiter, mapping={})


def test_our_columns_follow_the_original_ones() -> None:
    writer = FailedRowsWriter(HEADER, ";", job_id=JOB)
    assert writer.header() == b"identifier;Asset Name;type;_row;_errors;_job\r\n"
    record = Record(7, 9, ["A", 'a "b"; c\nd', " x "], None)
    assert writer.row(record, ["one", "two"]) == (
        b'A;"a ""b""; c\nd"; x ;7;"one; two";a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\r\n'
    )


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (Record(7, 9, ["A"], None), b"A,,,%s\r\n" % OWN),
        (Record(7, 9, ["A", "b", "c", "d", "e"], None), b"A,b,c,%s,d,e\r\n" % OWN),
        (Record(7, 9, ['A,"open, and'], "unclosed_quote"), b'A,"open, and",,%s\r\n' % OWN),
        (Record(7, 9, ['A,"B "x" C",d'], "misplaced_quote"), b'A,"B "x" C",d,%s\r\n' % OWN),
        (Record(7, 9, ['A,"B ""x" C, ",d,"e'], "misplaced_quote"), b'A,"B ""x" C, ",%s,d,"e"\r\n' % OWN),
        (Record(7, 9, ['A,"b"c'], "misplaced_quote"), b'A,"b"c,,%s\r\n' % OWN),
        (Record(7, 9, ["A", "M\udcfcller\0", ""], None), b"A,M\xfcller\x00,,%s\r\n" % OWN),
        (Record(7, 9, ["=1+1", "-x", "@x"], None), b"=1+1,-x,@x,%s\r\n" % OWN),
    ],
)
def test_rows_of_any_kind_keep_their_cells(record: Record, line: bytes) -> None:
    assert FailedRowsWriter(HEADER, ",", job_id=JOB).row(record, ["e"]) == line


def test_formulas_can_be_made_safe() -> None:
    writer = FailedRowsWriter(HEADER, ",", job_id=JOB, formula_safe=True)
    record = Record(7, 9, ["=1+1", "+x", "a=b"], None)
    assert writer.row(record, ["@e"]) == b"'=1+1,'+x,a=b,%s\r\n" % OWN.replace(b"e,", b"'@e,", 1)


def test_formulas_of_faulty_records_can_be_made_safe() -> None:
    writer = FailedRowsWriter(HEADER, ",", job_id=JOB, formula_safe=True)
    record = Record(7, 9, ['=1"+1,"=2"x,"3"'], "misplaced_quote")
    assert writer.row(record, ["e"]) == b'\'=1"+1,"\'=2"x,"3",%s\r\n' % OWN


@given(st.lists(st.text('ab"=;', max_size=6) | st.sampled_from(['"B "x" C"', '"a;b"', '"a""b"']), min_size=3))
def test_a_faulty_line_comes_back_as_it_was(cells: list[str]) -> None:
    line = ";".join(cells)
    text = f"a;b;c\n{line}\nz;z;z\n"
    csv_file = open_file(text.encode(), delimiter=";")
    for chunk in csv_file.chunks(chunk_rows=5, max_rows=5):
        for record in read(chunk.body, delimiter=";", first_row=2, first_line=2):
            row = FailedRowsWriter(HEADER, ";", job_id=JOB).row(record, ["e"]).decode()
            first, _, last = row.partition(f";{record.row};e;{JOB}")
            if record.fault == "misplaced_quote":
                # An open quote is closed, and missing cells are added.
                assert re.fullmatch(re.escape(line) + r'"?;*\r\n', first + last)


def test_a_faulty_first_row_names_its_job() -> None:
    writer = FailedRowsWriter(HEADER, ",", job_id=JOB)
    bad = writer.row(Record(2, 2, ['A,"B "x" C",d'], "misplaced_quote"), ["e"])
    good = writer.row(Record(3, 3, ["A", "b", "c"], None), ["e"])
    csv_file = open_file(writer.header() + bad + good)
    column = job_column(csv_file)
    assert column
    assert column.job_id() == JOB
    list(csv_file.chunks(chunk_rows=5, max_rows=5, on_row=[column.require_same]))


def test_the_columns_of_an_earlier_round_are_replaced() -> None:
    writer = FailedRowsWriter(["_row", *HEADER, "_errors", "_job"], ",", job_id=JOB)
    assert writer.header() == b"identifier,Asset Name,type,_row,_errors,_job\r\n"
    record = Record(7, 7, ["99", "A", "b", "c", "old", str(OTHER)], None)
    assert writer.row(record, ["e"]) == b"A,b,c,%s\r\n" % OWN


@pytest.mark.parametrize("blank", [b"", b"\r\n|||||\r\n"])
def test_a_file_of_failed_rows_names_its_job(blank: bytes) -> None:
    writer = FailedRowsWriter(HEADER, "|", job_id=JOB)
    row = writer.row(Record(12, 14, ["A", "b", "c"], None), ["e"])
    csv_file = open_file(writer.header() + blank + row)
    column = job_column(csv_file)
    assert column
    assert column.job_id() == JOB
    (chunk,) = csv_file.chunks(chunk_rows=5, max_rows=5, on_row=[column.require_same])
    assert (chunk.body, chunk.first_row, csv_file.blank_rows) == (
        row,
        2 + blank.count(b"\n"),
        blank.count(b"\n"),
    )


@pytest.mark.parametrize(
    ("cells", "job_id"),
    [
        (f"A,{JOB}", JOB),
        (f"A, {str(JOB).upper()} ", JOB),
        (f"A,{JOB},more", JOB),
        (f"A,{JOB},", JOB),
        ("A,", None),
        ("A", None),
        ("A,b,c", None),
        (f'"A,{JOB}', None),
        ("", None),
    ],
)
def test_the_first_readable_row_names_the_job(cells: str, job_id: UUID | None) -> None:
    column = job_column(open_file(f"identifier,_job\n{cells}\n".encode()))
    assert column
    assert column.job_id() == job_id


@pytest.mark.parametrize("named", ["7", f"{{{JOB}}}", f"urn:uuid:{JOB}", JOB.hex, "\udcff"])
def test_what_is_not_the_id_of_a_job_is_refused(named: str) -> None:
    column = job_column(open_file(f"identifier,_job\nA,{named}\n".encode("utf-8", "surrogateescape")))
    assert column
    with pytest.raises(Refusal, match=r"There is no job .*parent_job_id=") as refusal:
        column.job_id()
    assert refusal.value.code == "unknown-parent"
    assert refusal.value.detail.isprintable()


@pytest.mark.parametrize(
    ("first", "other", "refused"),
    [
        (f"A,{JOB}", f"B,{JOB}", False),
        (f"A,{JOB}", f"B,  {str(JOB).upper()}", False),
        (f"A,{JOB}", "B, ", False),
        (f"A,{JOB}", "B", False),
        (f"A,{JOB}", f"B,{OTHER},,", True),
        (f"A,{JOB},", f"B,{JOB},,", False),
        (f"A,{JOB}", f"B,{OTHER},more", False),
        (f"A,{JOB}", f"B,{OTHER}", True),
        (f"A,{JOB}", "B,x", True),
        ("A,", "B,", False),
        ("A,", f"B,{JOB}", True),
        ("A", f"B,{JOB}", True),
    ],
)
def test_every_row_names_the_same_job_or_no_job(first: str, other: str, refused: bool) -> None:
    csv_file = open_file(f"identifier,_job\n{first}\n{other}\n".encode())
    column = job_column(csv_file)
    assert column
    refusals = []
    try:
        list(csv_file.chunks(chunk_rows=1, max_rows=5, on_row=[column.require_same]))
    except Refusal as refusal:
        refusals.append(refusal.code)
    assert refusals == ["ambiguous-parent"] * refused


def test_a_file_of_failed_rows_that_does_not_name_its_job_shows_what_failed() -> None:
    csv_file = open_file(b"_row,a,_errors, b\n 12 ,A,e; f,B,more\n")
    assert first_failed_row(csv_file) == FailedRow(["a", " b"], 12, "e; f")


@pytest.mark.parametrize(
    "body",
    [
        b"identifier,_row\nA,5\n",
        b"identifier,_row,_errors\n",
        b"identifier,_row,_errors,_job\nA,5,e,\n",
        b"a,_row,_errors\nA,x,e\n",
        b"a,_row,_errors\nA\n",
    ],
)
def test_any_other_file_shows_no_failed_row(body: bytes) -> None:
    assert first_failed_row(open_file(body)) is None


def test_the_template_can_be_imported() -> None:
    (chunk,) = open_file(template()).chunks(chunk_rows=5, max_rows=5)
    assert chunk.rows == 2
