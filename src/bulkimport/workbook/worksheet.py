"""A worksheet's XML → its rows, with their cells as they are written there."""

from collections.abc import Iterator, Mapping
from typing import IO

from bulkimport.workbook.limits import too_large
from bulkimport.workbook.parsing import MAX_DEPTH, Xml, main_namespace, too_deep
from bulkimport.workbook.plain import CALCULATED, UNCALCULATED, PlainRows
from bulkimport.workbook.tables import RawCell, RawRow, Table

MAX_ROW_BYTES = 512 * 1024  # of XML; a row of 500 columns usually has less than 50 KiB
DIGITS = "0123456789"


def raw_rows(stream: IO[bytes]) -> Iterator[list[RawRow] | Table]:
    """The rows in the order of the part, those that end in a piece of it at a time; a piece may end none.

    Nothing below the table is read. Raises Refusal for what is not a worksheet, or too large to be one.
    """
    sheet = _Sheet()
    row_end = 0
    for piece in sheet.xml.pieces(stream, "row"):
        rows = sheet.read(piece)
        if rows:
            row_end = sheet.xml.fed
        elif sheet.xml.fed - row_end > MAX_ROW_BYTES:
            raise too_large(f"has a row, or something above its rows, of more than {MAX_ROW_BYTES} bytes")
        yield rows
        if sheet.is_complete:
            return
    sheet.xml.parse(b"", is_last=True)


class _Sheet:
    """A worksheet that is read piece by piece: as plain rows where possible, else by handlers."""

    def __init__(self) -> None:
        self.xml = Xml()
        self.xml.handlers.StartElementHandler = self._first
        self.is_complete = False
        self._plain: PlainRows | None = None  # within the table
        self._rows: list[RawRow] = []
        self._row = RawRow("", [])
        self._depth = 0
        self._cell: Mapping[str, str] = {}
        self._texts: list[str] | None = None  # of the cell's value, None if it has none
        self._has_formula = self._is_phonetic = False

    def read(self, piece: bytes) -> list[RawRow] | Table:
        """The rows that end in the next piece."""
        rows = self._plain.read(piece) if self._plain and self.xml.is_at_plain_markup() else None
        if rows is None:
            self.xml.parse(piece)
            rows, self._rows = self._rows, []
            return rows
        self.xml.parse_without_handlers(piece)
        return rows

    def _first(self, root: str, _: Mapping[str, str]) -> None:
        main = main_namespace(root, "worksheet")
        self._starts = {
            main + "sheetData": self._start_table,
            main + "row": self._start_row,
            main + "c": self._start_cell,
            main + "f": self._start_formula,
            main + "v": self._start_text,
            main + "t": self._start_text,
            main + "rPh": self._start_phonetic,
        }
        self._ends = {
            main + "sheetData": self._end_table,
            main + "row": self._end_row,
            main + "c": self._end_cell,
            main + "v": self._end_text,
            main + "t": self._end_text,
            main + "rPh": self._end_phonetic,
        }
        self.xml.handlers.StartElementHandler = self._start
        self.xml.handlers.EndElementHandler = self._end

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_deep()
        if start := self._starts.get(tag):
            start(attributes)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if end := self._ends.get(tag):
            end()

    def _start_table(self, _: Mapping[str, str]) -> None:
        self._plain = PlainRows(self.xml.prefix)

    def _start_row(self, attributes: Mapping[str, str]) -> None:
        self._row = RawRow(attributes.get("r", ""), [])

    def _start_cell(self, attributes: Mapping[str, str]) -> None:
        self._cell = attributes
        self._texts = None
        self._has_formula = False

    def _start_formula(self, _: Mapping[str, str]) -> None:
        self._has_formula = True

    def _start_text(self, _: Mapping[str, str]) -> None:
        if not self._is_phonetic:
            if self._texts is None:
                self._texts = []
            self.xml.handlers.CharacterDataHandler = self._texts.append

    def _start_phonetic(self, _: Mapping[str, str]) -> None:
        self._is_phonetic = True

    def _end_text(self) -> None:
        self.xml.handlers.CharacterDataHandler = None

    def _end_phonetic(self) -> None:
        self._is_phonetic = False

    def _end_cell(self) -> None:
        cell, texts = self._cell, self._texts
        reference, kind = cell.get("r", ""), cell.get("t", "")
        column = reference.rstrip(DIGITS)
        if not self._row.number:
            self._row = RawRow(reference[len(column) :], self._row.cells)
        formula = ""
        if self._has_formula:
            # The result of a text formula may be empty.
            formula = CALCULATED if texts or (kind == "str" and texts is not None) else UNCALCULATED
        self._row.cells.append(RawCell(column, cell.get("s", ""), kind, "".join(texts or ()), formula))

    def _end_row(self) -> None:
        self._rows.append(self._row)

    def _end_table(self) -> None:
        self._plain = None
        self.is_complete = True
