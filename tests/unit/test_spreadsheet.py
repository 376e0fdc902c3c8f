"""Workbooks that the service writes: what they contain, and that every cell is read back as it was."""

import io
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulkimport.csvfile.failed_rows import FailedRows
from bulkimport.csvfile.header import DATE_FIELDS, FIELDS
from bulkimport.csvfile.records import Record
from bulkimport.errors import Refusal
from bulkimport.spreadsheet import limits, sheet
from bulkimport.spreadsheet.failed_rows import Fault, failed_rows_sheet
from bulkimport.spreadsheet.sheet import Cell, SheetColumn, new_sheet
from bulkimport.spreadsheet.template import write_template
from bulkimport.workbook.workbook import Workbook

DATE_FORMATS = dict.fromkeys(DATE_FIELDS, "DD/MM/YYYY")
JOB = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
HEADER = ["Tag", "name", "type", "Since", "valid_to", "Colour"]
COLUMNS = ["identifier", "name", "type", "valid_from", "valid_to", None]
RECORD = Record(7, 9, ["007", "=1+1", "gadget", "15/01/2024", "31/02/2024", "red"], None)
FAULTS = [
    Fault("type", 'type "gadget" is not a type'),
    Fault("valid_to", 'valid_to "31/02/2024" is not a date'),
]


def written(*rows: tuple[Record, list[Fault]], header: list[str] = HEADER) -> io.BytesIO:
    file = io.BytesIO()
    columns = [*COLUMNS, None, None, None][: len(header)]
    with failed_rows_sheet(file, FailedRows(header, ",", job_id=JOB), columns, DATE_FORMATS) as failed:
        for record, faults in rows:
            failed.row(record, faults)
    return file


def opened(file: io.BytesIO) -> Any:
    """The only worksheet."""
    (worksheet,) = openpyxl.load_workbook(file).worksheets
    return worksheet


def read_back(*rows: list[Cell], width: int = 1) -> list[list[str]]:
    file = io.BytesIO()
    with new_sheet(file, "s", [SheetColumn("h", 10)] * width) as writer:
        for cells in rows:
            writer.row(cells)
    return [row.cells for row in Workbook(file).rows(None)][1:]


def test_failed_rows_have_their_original_columns_and_ours() -> None:
    worksheet = opened(written((RECORD, FAULTS)))
    header, row = worksheet.iter_rows(values_only=True)
    assert header == (*HEADER, "_row", "_errors", "_job")
    assert row[:3] == ("007", "=1+1", "gadget")
    assert (row[3].date(), *row[4:6]) == (date(2024, 1, 15), "31/02/2024", "red")
    assert row[6:] == (7, "; ".join(fault.message for fault in FAULTS), str(JOB))
    assert worksheet["B2"].data_type == "s"
    assert worksheet.column_dimensions["I"].hidden


def test_the_reader_of_uploads_reads_them_back() -> None:
    (_, row) = Workbook(written((RECORD, FAULTS))).rows(None)
    errors = "; ".join(fault.message for fault in FAULTS)
    assert row.cells == ["007", "=1+1", "gadget", "2024-01-15", "31/02/2024", "red", "7", errors, str(JOB)]
    assert row.marks == {3: "date"}


def test_faulty_cells_are_highlighted_and_say_what_is_wrong() -> None:
    worksheet = opened(written((RECORD, [*FAULTS, Fault("type", "and another")])))
    comments = {cell.coordinate: cell.comment.text for cell in worksheet[2] if cell.comment}
    assert comments == {"C2": f"{FAULTS[0].message}\nand another", "E2": FAULTS[1].message}
    highlighted = {cell.coordinate for cell in worksheet[2] if cell.fill.fill_type}
    assert highlighted == {"C2", "E2"}


def test_an_empty_faulty_cell_is_highlighted() -> None:
    record = Record(7, 9, ["", *RECORD.cells[1:]], None)
    cell = opened(written((record, [Fault("identifier", "must not be empty")])))["A2"]
    assert (cell.value, cell.comment.text, cell.fill.fill_type) == (None, "must not be empty", "solid")


def test_a_row_that_is_faulty_as_a_whole_has_its_errors_highlighted() -> None:
    record = Record(7, 9, ["A", "b", "c", "d", "e", "f", "extra"], None)
    worksheet = opened(written((record, [Fault(None, "has 7 cells"), Fault("gone", "is wrong")])))
    highlighted = {cell.coordinate for cell in worksheet[2] if cell.fill.fill_type}
    assert (highlighted, worksheet["H2"].comment) == ({"H2"}, None)
    assert worksheet["J2"].value == "extra"


def test_texts_and_dates_have_formats_that_keep_what_is_typed_over_them() -> None:
    worksheet = opened(written((RECORD, FAULTS)))
    assert [cell.number_format for cell in worksheet[2][:6]] == ["@", "@", "@", *["yyyy-mm-dd"] * 2, "@"]
    assert worksheet.column_dimensions["A"].number_format == "@"
    assert worksheet.column_dimensions["D"].number_format == "yyyy-mm-dd"


def test_the_header_stays_in_view_and_filters() -> None:
    worksheet = opened(written((RECORD, FAULTS), (RECORD, FAULTS)))
    assert (worksheet.freeze_panes, worksheet.auto_filter.ref) == ("A2", "A1:I3")


def test_values_of_types_and_booleans_can_be_chosen() -> None:
    file = io.BytesIO()
    write_template(file)
    lists = opened(file).data_validations.dataValidation
    assert {str(choice.sqref): choice.formula1 for choice in lists} == {
        "C2:C1048576": '"person,device,asset,inventory,other"',
        "G2:G1048576": '"true,false"',
    }


def test_the_template_has_every_field_and_two_rows() -> None:
    file = io.BytesIO()
    write_template(file)
    header, laptop, _ = Workbook(file).rows(None)
    assert header.cells == [*FIELDS]
    assert laptop.cells[0] == "LT-0001"
    assert (laptop.cells[4:], laptop.marks) == (["2024-01-15", "2027-01-14", "true"], {4: "date", 5: "date"})


@pytest.mark.parametrize(
    ("text", "is_date", "read"),
    [
        (" 15/01/2024 ", True, "2024-01-15"),
        ("01/03/1900", True, "1900-03-01"),
        ("28/02/1900", False, "28/02/1900"),
        ("31/12/9999", True, "9999-12-31"),
        ("2024-01-15", False, "2024-01-15"),
        (" ", False, " "),
    ],
)
def test_a_date_in_the_format_of_the_file_becomes_one(text: str, is_date: bool, read: str) -> None:
    record = Record(7, 9, [*RECORD.cells[:3], text, *RECORD.cells[4:]], None)
    file = written((record, FAULTS))
    assert opened(file)["D2"].is_date == is_date
    _, row = Workbook(file).rows(None)
    assert row.cells[3] == read


def test_the_same_rows_make_the_same_bytes() -> None:
    properties = openpyxl.load_workbook(written((RECORD, FAULTS))).properties
    assert properties.created == properties.modified == sheet.CREATED.replace(tzinfo=None)


def test_the_columns_of_an_earlier_round_are_replaced() -> None:
    record = Record(7, 9, ["99", *RECORD.cells[:2], "old"], None)
    file = io.BytesIO()
    rows = FailedRows(["_row", "Tag", "type", "_errors"], ",", job_id=JOB)
    with failed_rows_sheet(file, rows, [None, "identifier", "type", None], DATE_FORMATS) as failed:
        failed.row(record, FAULTS[:1])
    assert [cell.value for cell in opened(file)[2]] == ["007", "=1+1", 7, FAULTS[0].message, str(JOB)]


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@example("_x0041_x0042_")
@example("_x005F_x0041_")
@example("<r>a</r>")
@example("<r><t>a</t></r>")
@example("\r\n\0\x1b\ufffe\uffff\x85\u2028")
@example(" a ")
@example("\n")
@example("=HYPERLINK(1)")
@example("https://example.org")
@example("1E5")
def test_every_text_is_read_back_as_it_was(text: str) -> None:
    assert read_back([text]) == [[text]]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["a" * 32_768], "a cell of row 7 has 32768 characters"),
        (["\U0001f600" * 16_384], "a cell of row 7 has 32768 characters"),
        (["M\udcfcller"], r"row 7 has bytes that could not be decoded: \\xfc"),
        (["a"] * 501, "row 7 has 504 cells"),
    ],
)
def test_what_a_worksheet_cannot_hold_is_refused(cells: list[str], reason: str) -> None:
    with pytest.raises(Refusal, match=reason) as refused:
        written((Record(7, 9, cells, None), FAULTS))
    assert refused.value.code == "csv-only"


def test_the_longest_text_is_read_back() -> None:
    assert read_back(["\x00" * 32_767]) == [["\x00" * 32_767]]


def test_a_workbook_has_a_limited_number_of_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CELLS", 2 * 9)
    written((RECORD, FAULTS), (RECORD, FAULTS))
    with pytest.raises(Refusal, match="more than 18 cells"):
        written((RECORD, FAULTS), (RECORD, FAULTS), (RECORD, FAULTS))


def test_only_the_first_faulty_cells_have_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MAX_COMMENTS", 3)
    worksheet = opened(written((RECORD, FAULTS), (RECORD, FAULTS)))
    cells = [cell for row in worksheet.iter_rows() for cell in row]
    assert [cell.coordinate for cell in cells if cell.comment] == ["C2", "E2", "C3"]
    assert [cell.coordinate for cell in cells if cell.fill.fill_type] == ["C2", "E2", "C3", "E3"]


def test_a_refused_workbook_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(Refusal):
        written((RECORD, FAULTS), (Record(8, 10, ["M\udcfcller"], None), FAULTS))
    assert [*tmp_path.iterdir()] == []
