"""Writes a workbook (.xlsx) of one worksheet, row by row, so that memory stays flat."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

MAX_ROWS = 1_048_576  # of a worksheet in Excel, the header included
# XlsxWriter keeps comments in memory, as does the program that opens the file. Faulty cells beyond these are
# highlighted only.
MAX_COMMENTS = 10_000
# Excel counts 29 February 1900, which did not exist: programs disagree about the dates before it.
FIRST_DATE = date(1900, 3, 1)
# XlsxWriter dates the parts of the file so; the same rows make the same bytes.
CREATED = datetime(1980, 1, 31, tzinfo=UTC)

TEXT_FORMAT, DATE_FORMAT = {"num_format": "@"}, {"num_format": "yyyy-mm-dd"}
HEADER_FORMAT = TEXT_FORMAT | {"bold": True}
FAULTY = {"bg_color": "#FFC7CE"}
# Characters that XML cannot contain or would change, and underscores that would begin an escape
# (ECMA-376 part 1, section 22.9.2.19).
ESCAPED = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
MARKUP = "<r>"

Cell = str | int | date
NO_FAULTS: Mapping[int, str] = MappingProxyType({})


class SheetColumn(NamedTuple):
    """A column: its header, its width in characters, and the values that its cells are to be chosen from."""

    name: str
    width: int
    holds_dates: bool = False
    choices: Sequence[str] = ()
    hidden: bool = False


class SheetWriter:
    """Writes rows below the header. Texts never become formulas, numbers or links."""

    def __init__(self, workbook: Workbook, name: str, columns: Sequence[SheetColumn]) -> None:
        self._worksheet = workbook.add_worksheet(name, _Worksheet)
        self._row = 0
        self._comments = 0
        self._text = workbook.add_format(TEXT_FORMAT), workbook.add_format(TEXT_FORMAT | FAULTY)
        self._date = workbook.add_format(DATE_FORMAT), workbook.add_format(DATE_FORMAT | FAULTY)
        # A text in a column of dates has their format, too, so that what is typed over it becomes a date.
        self._formats = [self._date if column.holds_dates else self._text for column in columns]
        self._write_header(columns, workbook.add_format(HEADER_FORMAT))

    def row(self, cells: Sequence[Cell], faults: Mapping[int, str] = NO_FAULTS) -> None:
        """Write a row; cells beyond the last column are allowed.

        `faults` maps the places of cells to be highlighted, from 0, to their comments; no comment is written
        for "". The row must be within the limits of limits.py, or XlsxWriter cuts it.
        """
        self._row += 1
        for place, cell in enumerate(cells):
            if cell != "" or place in faults:
                self._write(place, cell, is_faulty=place in faults)
        for place, comment in faults.items():
            if comment and self._comments < MAX_COMMENTS:
                self._comments += 1
                self._worksheet.write_comment(self._row, place, comment)

    def finish(self) -> None:
        """Let people filter and sort the rows."""
        self._worksheet.autofilter(0, 0, self._row, len(self._formats) - 1)

    def close(self) -> None:
        """Close the file of the rows, which XlsxWriter leaves open unless the workbook is complete."""
        self._worksheet.row_data_fh.close()

    def _write_header(self, columns: Sequence[SheetColumn], header_format: Format) -> None:
        for place, column in enumerate(columns):
            usual, _ = self._formats[place]
            self._worksheet.set_column(place, place, column.width, usual, {"hidden": column.hidden})
            self._worksheet.write_string(0, place, column.name, header_format)
            if column.choices:
                choices = {"validate": "list", "source": list(column.choices)}
                self._worksheet.data_validation(1, place, MAX_ROWS - 1, place, choices)
        self._worksheet.freeze_panes(1, 0)

    def _write(self, place: int, cell: Cell, *, is_faulty: bool) -> None:
        if isinstance(cell, date):
            usual, faulty = self._date
        else:
            usual, faulty = self._formats[place] if place < len(self._formats) else self._text
        cell_format = faulty if is_faulty else usual
        if isinstance(cell, date):
            self._worksheet.write_datetime(self._row, place, cell, cell_format)
        elif isinstance(cell, int):
            self._worksheet.write_number(self._row, place, cell)
        elif cell:
            self._worksheet.write_string(self._row, place, cell, cell_format)
        else:
            self._worksheet.write_blank(self._row, place, None, cell_format)


@contextmanager
def new_sheet(file: BinaryIO, name: str, columns: Sequence[SheetColumn]) -> Iterator[SheetWriter]:
    """A workbook with a worksheet of this name, which is in the file once the block has ended."""
    with tempfile.TemporaryDirectory() as folder:  # which also removes what an error leaves behind
        workbook = Workbook(file, {"constant_memory": True, "tmpdir": folder})
        workbook.set_properties({"created": CREATED})
        writer = SheetWriter(workbook, name, columns)
        try:
            yield writer
            writer.finish()
            workbook.close()
        finally:
            writer.close()


class _Worksheet(Worksheet):  # type: ignore[misc]
    """A worksheet whose texts are read back as they were written.

    XlsxWriter's own method leaves the second of two overlapping escapes as it is, as in _x0041_x0042_, and a
    text that begins and ends as markup does would be written as markup.
    """

    @staticmethod
    def _escape_control_characters(data: str) -> str:
        escaped = ESCAPED.sub(lambda match: _escape(match[0]), data)
        return _escape(escaped[0]) + escaped[1:] if escaped.startswith(MARKUP) else escaped


def _escape(character: str) -> str:
    return f"_x{ord(character):04X}_"
