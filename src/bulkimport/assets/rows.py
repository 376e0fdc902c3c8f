"""The rules of a row: cells → a checked asset, or the errors it has."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from functools import cached_property
from itertools import compress
from typing import Any, NamedTuple

from bulkimport.assets import fields
from bulkimport.assets.fields import FieldError, Rule
from bulkimport.csvfile import dates, encoding, records
from bulkimport.csvfile.header import FIELDS, METADATA_PREFIX, Columns
from bulkimport.csvfile.records import Record, Records

MAX_VALUE_CHARS = 200  # of a cell that is handed back in a row error
# The errors of a row that are kept; all are counted. A row may have 500 cells, and a wrong encoding is wrong
# in each of them: the first errors show that, and storing one takes as long as checking dozens of cells.
MAX_ERRORS_PER_ROW = 20
FAULTS = {
    records.UNCLOSED_QUOTE: "begins a quoted cell that is not closed; the lines below are rows of their own",
    records.MISPLACED_QUOTE: "has text behind a quoted cell; write a quote inside of a quoted cell twice",
    records.CELL_TOO_LONG: f"has a cell of more than {records.MAX_CELL_CHARS} characters",
    records.RECORD_TOO_LONG: f"has more than {records.MAX_RECORD_CHARS} characters",
}


class RowError(NamedTuple):
    """One fault of a row. `field` is None where the row as a whole is to blame."""

    row: int
    line: int
    field: str | None
    code: str
    message: str
    value: str | None


class Asset(NamedTuple):
    """A row that kept every rule that can be checked without the database.

    In a partial row None means that the stored asset keeps what it has.
    """

    row: int
    line: int
    identifier: str
    name: str | None
    type: str | None
    description: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    is_active: bool | None
    metadata: Mapping[str, str]


class Assets(Mapping[int, Asset]):
    """Good rows, by their numbers; `columns` are those of Asset, a sequence each."""

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        self.columns = columns

    def __getitem__(self, row: int) -> Asset:
        place = self._places[row]
        return Asset._make(column[place] for column in self.columns)

    def __iter__(self) -> Iterator[int]:
        return iter(self.columns[0])

    def __len__(self) -> int:
        return len(self.columns[0])

    @cached_property
    def _places(self) -> dict[int, int]:
        return {row: place for place, row in enumerate(self.columns[0])}


NO_ASSETS = Assets([()] * len(Asset._fields))
VALID_FROM, VALID_TO = Asset._fields.index("valid_from"), Asset._fields.index("valid_to")

# The rows that have an error, by the error's code and field.
Occurrences = Mapping[tuple[str, str | None], Sequence[int]]


class CheckedRows(NamedTuple):
    """The assets in some rows, and what is wrong with the others.

    `errors` has the first MAX_ERRORS_PER_ROW of each row, in the order of the rows, `occurrences` all.
    """

    assets: Assets
    errors: list[RowError]
    occurrences: Occurrences


class RowRules:
    """The rules for files with these columns, and dates of this format.

    A row of a `partial` file needs no more than its identifier.
    """

    def __init__(self, columns: Columns, *, date_format: str = dates.ISO, partial: bool = False) -> None:
        self._width = len(columns)
        self._lacks_columns = not set(FIELDS) <= set(columns)
        self._metadata = [
            (target.removeprefix(METADATA_PREFIX), place)
            for place, target in enumerate(columns)
            if target and target.startswith(METADATA_PREFIX)
        ]
        # An absent column reads an empty cell that is put behind the row's own.
        self._rules = [
            (field, rule, columns.index(field) if field in columns else self._width)
            for field, rule in fields.rules(date_format, partial).items()
        ]

    def check(self, found: Records) -> CheckedRows:
        """Check these rows column by column, which is several times as fast as row by row.

        Of a row, the errors are in the order of FIELDS; those of metadata and of the order of dates come
        last.
        """
        broken = {
            place
            for place, cells in enumerate(found.cells)
            if len(cells) != self._width or place in found.faults
        }
        errors = (
            [_error_of_row(record, self._width) for place, record in enumerate(found) if place in broken]
            if broken
            else []
        )
        if len(broken) == len(found.cells):
            return CheckedRows(NO_ASSETS, errors, occurrences(errors))
        rows, lines, cells = _without(broken, found.rows, found.lines, found.cells)
        faults = _Faults(rows, lines)
        columns = self._columns(rows, lines, cells, faults)
        return CheckedRows(
            Assets(_without(faults.places, *columns)),
            sorted([*errors, *faults.errors], key=_row),
            occurrences(errors, faults.occurrences),
        )

    def _columns(
        self, rows: Sequence[int], lines: Sequence[int], cells: Sequence[Sequence[str]], faults: "_Faults"
    ) -> list[Sequence[Any]]:
        """The columns of Asset for rows of the right width; notes what is wrong in them."""
        texts = [*zip(*cells, strict=True), ("",) * len(rows)]
        columns: list[Sequence[Any]] = [rows, lines]

        def check(field: str, rule: Rule, place: int) -> Sequence[Any]:
            column = texts[place]
            values, codes = rule.column(column)
            faults.note(field, column, codes, lambda at: rule.explain(column[at], codes[at]))
            return values

        columns += [check(*rule) for rule in self._rules]
        metadata = [check(METADATA_PREFIX + key, fields.metadata, place) for key, place in self._metadata]
        columns.append(self._documents(metadata) if metadata else [{}] * len(rows))
        valid_to = next(place for field, _, place in self._rules if field == "valid_to")
        misordered = dict(_misordered(columns[VALID_FROM], columns[VALID_TO]))
        order_codes = {at: fault.code for at, fault in misordered.items()}
        faults.note("valid_to", texts[valid_to], order_codes, lambda at: misordered[at].what)
        return columns

    def _documents(self, columns: Sequence[Sequence[str | None]]) -> list[dict[str, str]]:
        """The metadata of each row; an empty cell is none."""
        keys = [key for key, _ in self._metadata]
        return [
            {key: value for key, value in zip(keys, values, strict=True) if value}
            for values in zip(*columns, strict=True)
        ]


class _Faults:
    """What is wrong with some rows: all of it counted, and put into words as far as a row keeps errors."""

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

    def note(
        self, field: str, cells: Sequence[str], codes: Mapping[int, str], explain: Callable[[int], str]
    ) -> None:
        """Add the faults of a field, whose codes are by the places of the rows."""
        rows, kept = self._rows, self._kept
        for at, code in codes.items():
            row, count = rows[at], kept[at]
            self.occurrences[code, field].append(row)
            if count < MAX_ERRORS_PER_ROW:
                kept[at] = count + 1
                self.errors.append(row_error(row, self._lines[at], field, code, explain(at), cells[at]))


def occurrences(errors: Iterable[RowError], others: Occurrences | None = None) -> Occurrences:
    """Where these errors occurred, and where others did."""
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
    """Where an asset would end before it begins."""
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


def row_error(row: int, line: int, field: str, code: str, what: str, value: str) -> RowError:
    """A fault of one cell; the message reads `field "value" what`, with the cell as people can read it."""
    shown = encoding.printable(value[:MAX_VALUE_CHARS])
    return RowError(row, line, field, code, f"{field} {quoted(shown)} {what}", shown[:MAX_VALUE_CHARS])


def quoted(value: str, limit: int = 60) -> str:
    """A value as messages show it: in quotes, and short."""
    return f'"{value[:limit]}…"' if len(value) > limit else f'"{value}"'


def _error_of_row(record: Record, width: int) -> RowError:
    if record.fault:
        code, what, value = (
            record.fault,
            FAULTS[record.fault],
            encoding.printable(record.cells[0][:MAX_VALUE_CHARS]),
        )
    else:
        code, what, value = "wrong_cell_count", f"has {len(record.cells)} cells and the header {width}", None
    return RowError(record.row, record.line, None, code, f"the row {what}", value)
