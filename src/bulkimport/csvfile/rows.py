"""The rules of a row: cells → a checked asset, or every error it has."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from bulkimport.csvfile import dates, encoding, fields, records
from bulkimport.csvfile.fields import FieldError
from bulkimport.csvfile.header import FIELDS, METADATA_PREFIX, Columns
from bulkimport.csvfile.records import Record

MAX_VALUE_CHARS = 200  # of a cell that is handed back in a row error
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

    def check_all(self, found: Iterable[Record]) -> tuple[Assets, list[RowError]]:
        """The assets in these rows, and all errors of the others, in the order of the rows.

        Column by column, which is several times as fast; what that cannot decide, row by row.
        """
        records = list(found)
        whole = [record for record in records if not record.fault and len(record.cells) == self._width]
        columns, doubtful = self._columns(whole) if whole else ([], set())
        if not doubtful and len(whole) == len(records):
            return (Assets(columns) if whole else NO_ASSETS), []
        sure = (row for place, row in enumerate(zip(*columns, strict=True)) if place not in doubtful)
        checked = [self.check(whole[place]) for place in sorted(doubtful)]
        checked += [[_error_of_row(record, self._width)] for record in self._broken(records)]
        assets = sorted([*sure, *(asset for asset in checked if isinstance(asset, Asset))])
        errors = [error for found in checked if not isinstance(found, Asset) for error in found]
        return Assets(list(zip(*assets, strict=True)) or NO_ASSETS.columns), sorted(errors, key=_row)

    def check(self, record: Record) -> Asset | list[RowError]:
        """The asset in this row, or all of the row's errors, in the order of FIELDS."""
        cells = record.cells
        if record.fault or len(cells) != self._width:
            return [_error_of_row(record, self._width)]
        if self._lacks_columns:
            cells = [*cells, ""]
        values: dict[str, Any] = {}
        errors = self._errors(record, cells, values)
        if errors:
            return errors
        metadata = {key: values[METADATA_PREFIX + key] for key, _ in self._metadata}
        kept = {key: value for key, value in metadata.items() if value}
        return Asset._make([record.row, record.line, *(values[field] for field, _, _ in self._rules), kept])

    def _columns(self, whole: Sequence[Record]) -> tuple[list[Sequence[Any]], set[int]]:
        """The columns of Asset for these rows, and the places of rows in doubt, whose values do not count."""
        cells = list(zip(*(record.cells for record in whole), strict=True))
        cells.append(("",) * len(whole))
        doubtful: set[int] = set()
        columns: list[Sequence[Any]] = [[record.row for record in whole], [record.line for record in whole]]
        for _, rule, place in self._rules:
            values, places = rule.column(cells[place])
            columns.append(values)
            doubtful.update(places)
        doubtful.update(_misordered(columns[VALID_FROM], columns[VALID_TO]))
        columns.append(self._metadata_column(cells, doubtful) if self._metadata else [{}] * len(whole))
        return columns, doubtful

    def _metadata_column(self, cells: Sequence[Sequence[str]], doubtful: set[int]) -> list[dict[str, str]]:
        columns = []
        for _, place in self._metadata:
            values, places = fields.metadata.column(cells[place])
            columns.append(values)
            doubtful.update(places)
        keys = [key for key, _ in self._metadata]
        return [
            {key: value for key, value in zip(keys, values, strict=True) if value}
            for values in zip(*columns, strict=True)
        ]

    def _broken(self, records: Iterable[Record]) -> Iterator[Record]:
        return (record for record in records if record.fault or len(record.cells) != self._width)

    def _errors(self, record: Record, cells: Sequence[str], values: dict[str, Any]) -> list[RowError]:
        """Every fault of a row; `values` takes what is none."""
        errors = []
        metadata = [(METADATA_PREFIX + key, fields.metadata, place) for key, place in self._metadata]
        for field, rule, place in [*self._rules, *metadata]:
            try:
                values[field] = rule(cells[place])
            except FieldError as fault:
                told = fields.unstorable(cells[place]) or fault
                errors.append(row_error(record, field, told.code, told.what, cells[place]))
        try:
            fields.require_order(values.get("valid_from"), values.get("valid_to"))
        except FieldError as fault:
            valid_to = next(cells[place] for field, _, place in self._rules if field == "valid_to")
            errors.append(row_error(record, "valid_to", fault.code, fault.what, valid_to))
        return errors


def _misordered(valid_from: Sequence[datetime | None], valid_to: Sequence[datetime | None]) -> list[int]:
    """The places where an asset would end before it begins."""
    pairs = {pair for pair in set(zip(valid_from, valid_to, strict=True)) if _ends_first(*pair)}
    if not pairs:
        return []
    return [place for place, pair in enumerate(zip(valid_from, valid_to, strict=True)) if pair in pairs]


def _ends_first(valid_from: datetime | None, valid_to: datetime | None) -> bool:
    return bool(valid_from and valid_to and valid_to < valid_from)


def _row(error: RowError) -> int:
    return error.row


class Place(Protocol):
    """Where a row stands."""

    @property
    def row(self) -> int: ...
    @property
    def line(self) -> int: ...


def row_error(place: Place, field: str, code: str, what: str, value: str) -> RowError:
    """A fault of one cell; the message reads `field "value" what`, with the cell as people can read it."""
    shown = encoding.printable(value[:MAX_VALUE_CHARS])
    return RowError(
        place.row, place.line, field, code, f"{field} {quoted(shown)} {what}", shown[:MAX_VALUE_CHARS]
    )


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
