"""The rules of a row: cells → a checked asset, or every error it has."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple, TypeVar

from bulkimport.csvfile.header import FIELDS, Columns

MAX_IDENTIFIER_CHARS = 255
MAX_NAME_CHARS = 255
MAX_DESCRIPTION_CHARS = 1024
MAX_VALUE_CHARS = 200  # of a cell that is handed back in a row error
MAX_MEMO_CELLS = 10_000
TYPES = ("person", "device", "asset", "inventory", "other")
BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "t", "y"), True),
    **dict.fromkeys(("false", "0", "no", "f", "n"), False),
}
# Stricter than date.fromisoformat, which also takes 20240115 and 2024-W03-1; \d would take Arabic digits.
ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")

Value = TypeVar("Value")


class RowError(NamedTuple):
    """One fault of a row. `field` is None where the row as a whole is to blame."""

    row: int
    field: str | None
    code: str
    message: str
    value: str | None


class Asset(NamedTuple):
    """A row that kept every rule that can be checked without the database."""

    row: int
    identifier: str
    name: str
    type: str
    description: str | None
    valid_from: date
    valid_to: date | None
    is_active: bool


class _CellError(Exception):
    def __init__(self, code: str, what: str) -> None:
        self.code = code
        self.what = what


class RowRules:
    """The rules for files with these columns."""

    def __init__(self, columns: Columns) -> None:
        self._width = len(columns)
        self._lacks_columns = not set(FIELDS) <= set(columns)
        # An absent column reads an empty cell that is put behind the row's own.
        self._places = {field: columns.index(field) if field in columns else self._width for field in FIELDS}
        self._types, self._dates, self._booleans = _Memo(_type), _Memo(_date), _Memo(_boolean)

    def check(self, row: int, cells: list[str]) -> Asset | list[RowError]:
        """The asset in this row, or all of the row's errors."""
        if len(cells) != self._width:
            return [_cell_count_error(row, len(cells), self._width)]
        if self._lacks_columns:
            cells = [*cells, ""]
        try:
            return self._asset(row, cells)
        except _CellError:
            return self._errors(row, cells)

    def _asset(self, row: int, cells: Sequence[str]) -> Asset:
        """The fast path that most rows take: stops at the first fault."""
        identifier, name, type_, description, valid_from, valid_to, is_active = self._places.values()
        asset = Asset(
            row,
            _required_text(cells[identifier], MAX_IDENTIFIER_CHARS),
            _required_text(cells[name], MAX_NAME_CHARS),
            self._types[cells[type_]],
            _text(cells[description], MAX_DESCRIPTION_CHARS) or None,
            self._dates[cells[valid_from]],
            self._dates[cells[valid_to]] if cells[valid_to].strip() else None,
            self._booleans[cells[is_active]],
        )
        _require_order(asset.valid_from, asset.valid_to)
        return asset

    def _errors(self, row: int, cells: Sequence[str]) -> list[RowError]:
        """Every fault of a row that is known to have one, in the order of FIELDS."""
        errors = []
        for field, place in self._places.items():
            try:
                RULES[field](cells[place])
            except _CellError as fault:
                errors.append(row_error(row, field, fault.code, fault.what, cells[place]))
        valid_from, valid_to = (cells[self._places[field]] for field in ("valid_from", "valid_to"))
        if not errors or {error.field for error in errors}.isdisjoint(("valid_from", "valid_to")):
            try:
                _require_order(_date(valid_from), _optional_date(valid_to))
            except _CellError as fault:
                errors.append(row_error(row, "valid_to", fault.code, fault.what, valid_to))
        return errors


class _Memo(dict[str, Value]):
    """Remembers what a rule made of a cell: types, dates and booleans recur from row to row."""

    def __init__(self, rule: Callable[[str], Value]) -> None:
        self._rule = rule

    def __missing__(self, cell: str) -> Value:
        if len(self) >= MAX_MEMO_CELLS:
            self.clear()
        value = self[cell] = self._rule(cell)
        return value


def row_error(row: int, field: str, code: str, what: str, value: str) -> RowError:
    """A fault of one cell; the message reads `field "value" what`, with the cell as people can read it."""
    shown = printable(value)
    return RowError(row, field, code, f"{field} {quoted(shown)} {what}", shown)


def printable(cell: str) -> str:
    """The start of a cell, with NUL and bytes that are not UTF-8 written as \\x00."""
    readable = cell[:MAX_VALUE_CHARS].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return readable.replace("\0", r"\x00")[:MAX_VALUE_CHARS]


def quoted(value: str, limit: int = 60) -> str:
    """A value as messages show it: in quotes, and short."""
    return f'"{value[:limit]}…"' if len(value) > limit else f'"{value}"'


def _cell_count_error(row: int, found: int, expected: int) -> RowError:
    message = f"the row has {found} cells and the header {expected}"
    return RowError(row, None, "wrong_cell_count", message, None)


def _identifier(cell: str) -> str:
    return _required_text(cell, MAX_IDENTIFIER_CHARS)


def _name(cell: str) -> str:
    return _required_text(cell, MAX_NAME_CHARS)


def _type(cell: str) -> str:
    value = _required(cell).lower()
    if value not in TYPES:
        raise _CellError("unknown_type", f"is not a type (expected one of {', '.join(TYPES)})")
    return value


def _description(cell: str) -> str | None:
    return _text(cell, MAX_DESCRIPTION_CHARS) or None


def _date(cell: str) -> date:
    match = ISO_DATE.fullmatch(_required(cell))
    try:
        if match:
            return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        pass
    raise _CellError("invalid_date", "is not a date (expected YYYY-MM-DD)")


def _optional_date(cell: str) -> date | None:
    return _date(cell) if cell.strip() else None


def _boolean(cell: str) -> bool:
    value = BOOLEANS.get(_required(cell).lower())
    if value is None:
        raise _CellError(
            "invalid_boolean", "is not true or false (expected true/false, 1/0, yes/no, t/f, y/n)"
        )
    return value


def _required_text(cell: str, max_chars: int) -> str:
    return _text(cell, max_chars) or _required(cell)


def _required(cell: str) -> str:
    value = cell.strip()
    if not value:
        raise _CellError("required", "is empty and must not be")
    return value


def _text(cell: str, max_chars: int) -> str:
    value = cell.strip()
    if len(value) > max_chars:
        raise _CellError("too_long", f"has {len(value)} characters (at most {max_chars})")
    if not value.isprintable():  # the rare ones: line ends and tabs, which are fine, and what is not
        _require_storable(value)
    return value


def _require_storable(value: str) -> None:
    if "\0" in value:
        raise _CellError("invalid_character", "holds the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _CellError("invalid_encoding", "holds bytes that are not UTF-8") from None


def _require_order(valid_from: date, valid_to: date | None) -> None:
    if valid_to and valid_to < valid_from:
        raise _CellError("valid_to_before_valid_from", f"is before valid_from {valid_from}")


RULES: dict[str, Callable[[str], object]] = {
    "identifier": _identifier,
    "name": _name,
    "type": _type,
    "description": _description,
    "valid_from": _date,
    "valid_to": _optional_date,
    "is_active": _boolean,
}
