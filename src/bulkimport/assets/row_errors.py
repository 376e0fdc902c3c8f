"""What is wrong with rows: the errors that are kept of each, and where all of them occurred."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bulkimport.csvfile import encoding, records
from bulkimport.csvfile.records import Record
from bulkimport.workbook import marks

MAX_VALUE_CHARS = 200  # of a cell that is shown in a row error
# How many errors of a row are kept; all are counted. A row may have 500 cells, and a wrong encoding breaks
# each of them: the first errors show that, and storing one takes as long as checking dozens of cells.
MAX_ERRORS_PER_ROW = 20
DUPLICATE_IN_FILE = "duplicate_in_file"
FAULTS = {
    records.UNCLOSED_QUOTE: "opens a quoted cell that is never closed; the lines below are separate rows",
    records.MISPLACED_QUOTE: "has text after a closing quote; inside a quoted cell, write each quote twice",
    records.CELL_TOO_LONG: f"has a cell of more than {records.MAX_CELL_CHARS} characters",
    records.RECORD_TOO_LONG: f"has more than {records.MAX_RECORD_CHARS} characters",
}


class RowError(NamedTuple):
    """One fault of a row. `field` is None if the row as a whole is to blame."""

    row: int
    line: int
    field: str | None
    code: str
    message: str
    value: str | None


# The rows that have an error, by the error's code and field.
Occurrences = Mapping[tuple[str, str | None], Sequence[int]]


def row_error(row: int, line: int, field: str, code: str, reason: str, value: str) -> RowError:
    """A fault of one cell; the message is `field "value" reason`, with the value in printable form."""
    shown = encoding.printable(value[:MAX_VALUE_CHARS])
    return RowError(row, line, field, code, f"{field} {quoted(shown)} {reason}", shown[:MAX_VALUE_CHARS])


def duplicate(first_row: int) -> tuple[str, str]:
    """The code and the reason of a row whose identifier an earlier row of the file has."""
    return DUPLICATE_IN_FILE, f"must be unique; it is already in row {first_row}"


def quoted(value: str, limit: int = 60) -> str:
    """A value as messages show it: in quotes, and cut after `limit` characters."""
    return f'"{value[:limit]}…"' if len(value) > limit else f'"{value}"'


def error_of_row(record: Record, width: int) -> RowError:
    """What is wrong with a row as a whole: its fault, or the number of its cells."""
    if record.fault:
        value = encoding.printable(marks.without(record.cells[0][:MAX_VALUE_CHARS]))
        message = f"the row {FAULTS[record.fault]}"
        return RowError(record.row, record.line, None, record.fault, message, value)
    message = f"the row has {len(record.cells)} cells and the header {width}"
    return RowError(record.row, record.line, None, "wrong_cell_count", message, None)


def first_of_each_row(errors: Iterable[RowError]) -> list[RowError]:
    """The first MAX_ERRORS_PER_ROW of each row, in the order of the rows."""
    kept: dict[int, list[RowError]] = defaultdict(list)
    for error in errors:
        kept[error.row].append(error)
    return [error for _, of_row in sorted(kept.items()) for error in of_row[:MAX_ERRORS_PER_ROW]]


def occurrences(errors: Iterable[RowError], others: Occurrences | None = None) -> Occurrences:
    """The rows in which these errors occurred, added to those of `others`."""
    rows = defaultdict(list, {error: [*rows] for error, rows in (others or {}).items()})
    for error in errors:
        rows[error.code, error.field].append(error.row)
    return rows
