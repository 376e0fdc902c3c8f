"""The failed rows of a job as a workbook, which its owner fixes and uploads again."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

from bulkimport.csvfile import dates
from bulkimport.csvfile.failed_rows import ERRORS, JOB, ROW, FailedRows
from bulkimport.csvfile.header import DATE_FIELDS
from bulkimport.csvfile.records import Record
from bulkimport.spreadsheet.columns import date_or_text, sheet_columns
from bulkimport.spreadsheet.limits import require_room, require_storable
from bulkimport.spreadsheet.sheet import Cell, SheetColumn, SheetWriter, new_sheet
from bulkimport.workbook import marks

SHEET = "failed rows"
ADDED = (SheetColumn(ROW, 8), SheetColumn(ERRORS, 60), SheetColumn(JOB, 38, hidden=True))


class Fault(NamedTuple):
    """What is wrong with a row. `field` is None if the row as a whole is to blame."""

    field: str | None
    message: str


class FailedRowsSheet:
    """Writes failed rows, highlights their faulty cells, and comments on each with what is wrong with it."""

    def __init__(
        self,
        sheet: SheetWriter,
        rows: FailedRows,
        fields: Sequence[str | None],
        date_formats: Mapping[str, str],
    ) -> None:
        self._sheet = sheet
        self._rows = rows
        self._places = {field: place for place, field in enumerate(fields) if field}
        self._date_formats = {
            self._places[field]: date_formats[field] for field in DATE_FIELDS if field in self._places
        }
        self._row_place = len(fields)
        self._cells = 0

    def row(self, record: Record, faults: Sequence[Fault]) -> None:
        """Write a failed row. Raises Refusal if a worksheet cannot hold it."""
        texts: Sequence[str] = self._rows.cells(record, [fault.message for fault in faults])
        self._cells += len(texts)
        require_room(self._cells)
        texts, marked = marks.split(texts)
        require_storable(record.row, texts)
        cells: list[Cell] = [*texts]
        cells[self._row_place] = record.row
        for place, date_format in self._date_formats.items():
            cells[place] = date_or_text(texts[place], date_format)
        for place, mark in marked.items():
            if mark == marks.DATE:
                cells[place] = date_or_text(texts[place], dates.ISO)
        self._sheet.row(cells, self._comments(faults))

    def _comments(self, faults: Sequence[Fault]) -> Mapping[int, str]:
        """The comment on each faulty cell. A row that is faulty as a whole has its errors highlighted."""
        messages: dict[int, list[str]] = defaultdict(list)
        for field, message in faults:
            if field in self._places:
                messages[self._places[field]].append(message)
            else:
                messages[self._row_place + 1] = []
        return {place: "\n".join(texts) for place, texts in messages.items()}


@contextmanager
def failed_rows_sheet(
    file: BinaryIO, rows: FailedRows, columns: Sequence[str | None], date_formats: Mapping[str, str]
) -> Iterator[FailedRowsSheet]:
    """A workbook of failed rows, which is in the file once the block has ended.

    `columns` has the field of each column of the job's file; dates in `date_formats`, by their fields, become
    dates.
    """
    fields = [columns[place] for place in rows.places]
    names = rows.header[: len(fields)]
    with new_sheet(file, SHEET, [*sheet_columns(names, fields), *ADDED]) as sheet:
        yield FailedRowsSheet(sheet, rows, fields, date_formats)
