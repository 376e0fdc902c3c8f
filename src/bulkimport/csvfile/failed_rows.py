"""The file of a job's failed rows, which its owner mends and hands in again."""

from collections.abc import Sequence
from typing import NamedTuple

from bulkimport.csvfile.chunks import CsvFile
from bulkimport.csvfile.header import HANDED_BACK
from bulkimport.csvfile.records import Record, lenient_cells
from bulkimport.csvfile.writer import LineWriter

ROW = HANDED_BACK[0]
MAX_ROW_DIGITS = 9


class Origin(NamedTuple):
    """What a file of failed rows tells of the file it came from: its header, and one row that failed."""

    header: list[str]
    first_row: int


def origin(csv_file: CsvFile) -> Origin | None:
    """Where a file of failed rows came from; None for any other file."""
    names = [name.strip() for name in csv_file.header]
    record = csv_file.first_record() if set(HANDED_BACK) <= set(names) else None
    if record is None or len(record.cells) != len(names):
        return None
    row = record.cells[names.index(ROW)].strip()
    if not (row.isascii() and row.isdigit() and len(row) <= MAX_ROW_DIGITS):
        return None
    return Origin([csv_file.header[place] for place in _original(csv_file.header)], int(row))


class FailedRowsWriter:
    """Writes the original columns, then `_row` and `_errors`, with the original delimiter."""

    def __init__(self, header: Sequence[str], delimiter: str, *, formula_safe: bool = False) -> None:
        self._header = header
        self._original = _original(header)
        self._delimiter = delimiter
        self._writer = LineWriter(delimiter, formula_safe=formula_safe)

    def header(self) -> bytes:
        """The first line."""
        return self._writer.line([*(self._header[place] for place in self._original), *HANDED_BACK])

    def row(self, record: Record, messages: Sequence[str]) -> bytes:
        """A failed row as it was, and what is wrong with it.

        Cells that it lacks are empty, and those that it has too many stand behind `_errors`.
        """
        width = len(self._header)
        cells = lenient_cells(record.cells[0], self._delimiter) if record.fault else record.cells
        padded = [*cells, *[""] * (width - len(cells))]
        original = [padded[place] for place in self._original]
        return self._writer.line([*original, str(record.row), "; ".join(messages), *padded[width:]])


def _original(header: Sequence[str]) -> list[int]:
    """The places of the columns that are not ours; a file of failed rows may itself have failed rows."""
    return [place for place, name in enumerate(header) if name.strip() not in HANDED_BACK]
