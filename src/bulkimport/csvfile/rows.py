"""The rules of a row: cells → a checked asset, or every error it has."""

from collections.abc import Mapping, Sequence
from datetime import datetime
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

    def check(self, record: Record) -> Asset | list[RowError]:
        """The asset in this row, or all of the row's errors."""
        cells = record.cells
        if record.fault or len(cells) != self._width:
            return [_error_of_row(record, self._width)]
        if self._lacks_columns:
            cells = [*cells, ""]
        try:
            return self._asset(record, cells)
        except FieldError:
            return self._errors(record, cells)

    def _asset(self, record: Record, cells: Sequence[str]) -> Asset:
        """The fast path that most rows take: stops at the first fault."""
        values = [rule(cells[place]) for _, rule, place in self._rules]
        metadata = self._metadata_of(cells) if self._metadata else {}
        asset = Asset._make([record.row, record.line, *values, metadata])
        fields.require_order(asset.valid_from, asset.valid_to)
        return asset

    def _metadata_of(self, cells: Sequence[str]) -> dict[str, str]:
        found = ((key, fields.metadata(cells[place])) for key, place in self._metadata)
        return {key: value for key, value in found if value}

    def _errors(self, record: Record, cells: Sequence[str]) -> list[RowError]:
        """Every fault of a row that is known to have one, in the order of FIELDS."""
        errors = []
        values: dict[str, Any] = {}
        metadata = [(METADATA_PREFIX + key, fields.metadata, place) for key, place in self._metadata]
        for field, rule, place in [*self._rules, *metadata]:
            try:
                fields.require_storable(cells[place])
                values[field] = rule(cells[place])
            except FieldError as fault:
                errors.append(row_error(record, field, fault.code, fault.what, cells[place]))
        try:
            fields.require_order(values.get("valid_from"), values.get("valid_to"))
        except FieldError as fault:
            valid_to = next(cells[place] for field, _, place in self._rules if field == "valid_to")
            errors.append(row_error(record, "valid_to", fault.code, fault.what, valid_to))
        return errors


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
