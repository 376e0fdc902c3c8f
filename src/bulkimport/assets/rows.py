"""The rules of a row: cells → the values of an asset, or the errors of the row."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import Any, NamedTuple

from bulkimport.assets import fields
from bulkimport.assets.blank_cells import BlankCells
from bulkimport.assets.fields import METADATA, ColumnRule, FieldError
from bulkimport.csvfile import dates, encoding, records
from bulkimport.csvfile.header import FIELDS, METADATA_PREFIX, Columns
from bulkimport.csvfile.records import Record, Records

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
    partial file leaves the stored value as it is. CLEARED, and None in METADATA, remove the stored value.
    """

    rows: Sequence[int]
    lines: Sequence[int]
    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.rows)

    def divided(self) -> "tuple[CheckedRows, CheckedRows]":
        """The rows that have an identifier, and those that do not."""
        blank = {place for place, identifier in enumerate(self.columns["identifier"]) if identifier is None}
        return self._less(blank), self._less(set(range(len(self))) - blank)

    def _less(self, places: Set[int]) -> "CheckedRows":
        rows, lines, *columns = _without(places, self.rows, self.lines, *self.columns.values())
        return CheckedRows(rows, lines, dict(zip(self.columns, columns, strict=True)))

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
    """The rules for files with these columns, dates of this format, and what their blank cells mean.

    A row of a `partial` file needs no more than its identifier.
    """

    def __init__(
        self,
        columns: Columns,
        *,
        date_format: str = dates.ISO,
        partial: bool = False,
        blank_cells: BlankCells = BlankCells(),  # noqa: B008 - frozen
    ) -> None:
        self._width = len(columns)
        metadata = [target for target in columns if target and target.startswith(METADATA_PREFIX)]
        metadata += [name for name in blank_cells.metadata if name not in metadata]
        field_rules = fields.rules(date_format, partial, blank_cells.optional)
        # A field without a column reads an empty cell that is added at the end of the row.
        self._places = {
            name: columns.index(name) if name in columns else self._width
            for name in (*field_rules, *metadata)
        }

        def rule(name: str, plain: ColumnRule) -> ColumnRule:
            return blank_cells.rule(name, plain, has_column=name in columns)

        self._rules = {name: rule(name, plain) for name, plain in field_rules.items()}
        self._metadata = {name: rule(name, fields.METADATA_VALUE) for name in metadata}

    def check(self, read: Records) -> CheckResult:
        """Check these rows column by column, which is several times as fast as row by row.

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
        columns = self._columns(cells, faults)
        rows, lines, *good = _without(faults.places, rows, lines, *columns.values())
        return CheckResult(
            CheckedRows(rows, lines, dict(zip(columns, good, strict=True))),
            sorted([*errors, *faults.errors], key=_row),
            occurrences(errors, faults.occurrences),
        )

    def _columns(self, cells: Sequence[Sequence[str]], faults: "_Faults") -> dict[str, Sequence[Any]]:
        """The columns of CheckedRows for rows of the right width; adds what is wrong to `faults`."""
        texts = [*zip(*cells, strict=True), ("",) * len(cells)]

        def check(field: str, rule: ColumnRule) -> Sequence[Any]:
            column = texts[self._places[field]]
            values, codes = rule.column(column)
            faults.add(field, column, codes, lambda at: rule.explain(column[at], codes[at]))
            return values

        columns = {field: check(field, rule) for field, rule in self._rules.items()}
        metadata = [check(name, rule) for name, rule in self._metadata.items()]
        columns[METADATA] = self._documents(metadata) if metadata else [{}] * len(cells)
        misordered = dict(_misordered(columns["valid_from"], columns["valid_to"]))
        order_codes = {at: fault.code for at, fault in misordered.items()}
        end_cells, ends = texts[self._places["valid_to"]], columns["valid_to"]
        shown = {at: end_cells[at].strip() or ends[at].isoformat() for at in misordered}  # or the default
        faults.add("valid_to", shown, order_codes, lambda at: misordered[at].reason)
        return columns

    def _documents(self, columns: Sequence[Sequence[str | None]]) -> list[dict[str, str | None]]:
        """The metadata of each row, without keys whose cells are empty; None removes a key."""
        keys = [name.removeprefix(METADATA_PREFIX) for name in self._metadata]
        return [
            {key: value or None for key, value in zip(keys, values, strict=True) if value is not None}
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
        self,
        field: str,
        cells: Sequence[str] | Mapping[int, str],
        codes: Mapping[int, str],
        explain: Callable[[int], str],
    ) -> None:
        """Add the faults of a field: `cells` and `codes` by the places of the rows."""
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
        value = encoding.printable(record.cells[0][:MAX_VALUE_CHARS])
        message = f"the row {FAULTS[record.fault]}"
        return RowError(record.row, record.line, None, record.fault, message, value)
    message = f"the row has {len(record.cells)} cells and the header {width}"
    return RowError(record.row, record.line, None, "wrong_cell_count", message, None)
