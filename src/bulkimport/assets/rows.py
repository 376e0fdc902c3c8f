"""The rules of a row: cells → the values of an asset, or the errors of the row."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import Any, NamedTuple

from bulkimport.assets import fields
from bulkimport.assets.fields import METADATA, ColumnRule, FieldError
from bulkimport.assets.marked_cells import Marked
from bulkimport.csvfile import dates, encoding, records
from bulkimport.csvfile.header import FIELDS, METADATA_PREFIX, Columns
from bulkimport.csvfile.records import Record, Records
from bulkimport.workbook import marks

MAX_VALUE_CHARS = 200  # of a cell that is shown in a row error
# How many errors of a row are kept; all are counted. A row may have 500 cells, and a wrong encoding breaks
# each of them: the first errors show that, and storing one takes as long as checking dozens of cells.
MAX_ERRORS_PER_ROW = 20
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


@dataclass(frozen=True)
class CheckedRows:
    """Rows that keep every rule that can be checked without the database, in the order of the file.

    `columns` has the values of each field, and METADATA as mappings; None is an empty cell, which in a
    partial file leaves the stored value as it is.
    """

    rows: Sequence[int]
    lines: Sequence[int]
    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.rows)

    def identifier(self, row: int) -> str:
        """The identifier in the row of this number."""
        identifier: str = self.columns["identifier"][self._place(row)]
        return identifier

    def line(self, row: int) -> int:
        """The line on which the row of this number begins."""
        return self.lines[self._place(row)]

    def _place(self, row: int) -> int:
        return bisect_left(self.rows, row)


NO_ROWS = CheckedRows((), (), dict.fromkeys((*FIELDS, METADATA), ()))

# The rows that have an error, by the error's code and field.
Occurrences = Mapping[tuple[str, str | None], Sequence[int]]


class CheckResult(NamedTuple):
    """The good rows, and what is wrong with the others.

    `errors` has the first MAX_ERRORS_PER_ROW of each row, in the order of the rows; `occurrences` has all.
    """

    good: CheckedRows
    errors: list[RowError]
    occurrences: Occurrences


class RowRules:
    """The rules for files with these columns, and dates of this format.

    A row of a `partial` file needs no more than its identifier.
    """

    def __init__(self, columns: Columns, *, date_format: str = dates.ISO, partial: bool = False) -> None:
        self._width = len(columns)
        self._metadata = [
            (target.removeprefix(METADATA_PREFIX), place)
            for place, target in enumerate(columns)
            if target and target.startswith(METADATA_PREFIX)
        ]
        self._rules = fields.rules(date_format, partial)
        # A field without a column reads an empty cell that is added at the end of the row.
        self._places = {
            field: columns.index(field) if field in columns else self._width for field in self._rules
        }

    def check(self, read: Records, *, has_marks: bool = False) -> CheckResult:
        """Check these rows column by column, which is several times as fast as row by row.

        `has_marks`: whether cells of a workbook that cannot be trusted have their marks in front.

        The errors of a row are in the order of FIELDS, followed by those of its metadata and of the order of
        its dates.
        """
        broken = {
            place
            for place, cells in enumerate(read.cells)
            if len(cells) != self._width or place in read.faults
        }
        errors = (
            [_error_of_row(record, self._width) for place, record in enumerate(read) if place in broken]
            if broken
            else []
        )
        if len(broken) == len(read.cells):
            return CheckResult(NO_ROWS, errors, occurrences(errors))
        rows, lines, cells = _without(broken, read.rows, read.lines, read.cells)
        faults = _Faults(rows, lines)
        columns = self._columns(cells, faults, has_marks=has_marks)
        rows, lines, *good = _without(faults.places, rows, lines, *columns.values())
        return CheckResult(
            CheckedRows(rows, lines, dict(zip(columns, good, strict=True))),
            sorted([*errors, *faults.errors], key=_row),
            occurrences(errors, faults.occurrences),
        )

    def _columns(
        self, cells: Sequence[Sequence[str]], faults: "_Faults", *, has_marks: bool
    ) -> dict[str, Sequence[Any]]:
        """The columns of CheckedRows for rows of the right width; adds what is wrong to `faults`."""
        texts: list[Sequence[str]] = [*zip(*cells, strict=True), ("",) * len(cells)]

        def check(field: str, rule: ColumnRule, place: int) -> Sequence[Any]:
            if has_marks:
                texts[place], column_marks = marks.split(texts[place])
                rule = Marked(rule, field, column_marks) if column_marks else rule
            column = texts[place]
            values, codes = rule.column(column)
            faults.add(field, column, codes, lambda at: rule.explain(column[at], codes[at]))
            return values

        columns = {field: check(field, rule, self._places[field]) for field, rule in self._rules.items()}
        metadata = [
            check(METADATA_PREFIX + key, fields.METADATA_VALUE, place) for key, place in self._metadata
        ]
        columns[METADATA] = self._documents(metadata) if metadata else [{}] * len(cells)
        misordered = dict(_misordered(columns["valid_from"], columns["valid_to"]))
        order_codes = {at: fault.code for at, fault in misordered.items()}
        faults.add("valid_to", texts[self._places["valid_to"]], order_codes, lambda at: misordered[at].reason)
        return columns

    def _documents(self, columns: Sequence[Sequence[str | None]]) -> list[dict[str, str]]:
        """The metadata of each row, without keys whose cells are empty."""
        keys = [key for key, _ in self._metadata]
        return [
            {key: value for key, value in zip(keys, values, strict=True) if value}
            for values in zip(*columns, strict=True)
        ]


class _Faults:
    """What is wrong with some rows: all faults are counted, and the first ones of each row become errors."""

    def __init__(self, rows: Sequence[int], lines: Sequence[int]) -> None:
        self._rows = rows
        self._lines = lines
        self._kept: dict[int, int] = defaultdict(int)
        self.errors: list[RowError] = []
        self.occurrences: dict[tuple[str, str | None], list[int]] = defaultdict(list)

    @property
    def places(self) -> Set[int]:
        """The places of the rows that have a fault."""
        return self._kept.keys()

    def add(
        self, field: str, cells: Sequence[str], codes: Mapping[int, str], explain: Callable[[int], str]
    ) -> None:
        """Add the faults of a field: `codes` by the places of the rows."""
        rows, kept = self._rows, self._kept
        for at, code in codes.items():
            row, count = rows[at], kept[at]
            self.occurrences[code, field].append(row)
            if count < MAX_ERRORS_PER_ROW:
                kept[at] = count + 1
                self.errors.append(row_error(row, self._lines[at], field, code, explain(at), cells[at]))


def occurrences(errors: Iterable[RowError], others: Occurrences | None = None) -> Occurrences:
    """The rows in which these errors occurred, added to those of `others`."""
    rows = defaultdict(list, {error: [*rows] for error, rows in (others or {}).items()})
    for error in errors:
        rows[error.code, error.field].append(error.row)
    return rows


def _without(places: Set[int], *columns: Sequence[Any]) -> list[Sequence[Any]]:
    """The columns, without these places."""
    if not places:
        return list(columns)
    kept = [place not in places for place in range(len(columns[0]))]
    return [list(compress(column, kept)) for column in columns]


def _misordered(
    valid_from: Sequence[datetime | None], valid_to: Sequence[datetime | None]
) -> Iterator[tuple[int, FieldError]]:
    """The places of the rows whose asset would end before it begins."""
    faults = {
        pair: fault for pair in set(zip(valid_from, valid_to, strict=True)) if (fault := _order_fault(*pair))
    }
    if faults:
        for place, pair in enumerate(zip(valid_from, valid_to, strict=True)):
            if pair in faults:
                yield place, faults[pair]


def _order_fault(valid_from: datetime | None, valid_to: datetime | None) -> FieldError | None:
    try:
        fields.require_order(valid_from, valid_to)
    except FieldError as fault:
        return fault
    return None


def _row(error: RowError) -> int:
    return error.row


def row_error(row: int, line: int, field: str, code: str, reason: str, value: str) -> RowError:
    """A fault of one cell; the message is `field "value" reason`, with the value in printable form."""
    shown = encoding.printable(value[:MAX_VALUE_CHARS])
    return RowError(row, line, field, code, f"{field} {quoted(shown)} {reason}", shown[:MAX_VALUE_CHARS])


def quoted(value: str, limit: int = 60) -> str:
    """A value as messages show it: in quotes, and cut after `limit` characters."""
    return f'"{value[:limit]}…"' if len(value) > limit else f'"{value}"'


def _error_of_row(record: Record, width: int) -> RowError:
    if record.fault:
        value = encoding.printable(marks.without(record.cells[0][:MAX_VALUE_CHARS]))
        message = f"the row {FAULTS[record.fault]}"
        return RowError(record.row, record.line, None, record.fault, message, value)
    message = f"the row has {len(record.cells)} cells and the header {width}"
    return RowError(record.row, record.line, None, "wrong_cell_count", message, None)
