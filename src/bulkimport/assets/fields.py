"""The rules of an asset's fields: text → a value, or the reason why it is not one."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from bulkimport.csvfile import dates, encoding

MAX_IDENTIFIER_CHARS = 255
MAX_NAME_CHARS = 255
MAX_DESCRIPTION_CHARS = 1024
MAX_METADATA_CHARS = 1024
MAX_KNOWN_CELLS = 10_000
METADATA = "metadata"
UNDECODED = re.compile("[\ud800-\udfff]")  # encoding.py turns bytes that cannot be decoded into these
TYPES = ("person", "device", "asset", "inventory", "other")
BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "t", "y"), True),
    **dict.fromkeys(("false", "0", "no", "f", "n"), False),
}


class FieldError(Exception):
    """A text breaks a field's rule. `reason` completes a message that begins with the field and the text."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason


# The value of each cell of a column, and the error code of each cell that breaks the rule, by its place.
CheckedColumn = tuple[Sequence[Any], Mapping[int, str]]


class ColumnRule(Protocol):
    """The rule of a column: `explain` returns the reason for a code that `column` reported for a cell."""

    def column(self, cells: Sequence[str]) -> CheckedColumn: ...
    def explain(self, cell: str, code: str) -> str: ...


class Rule(ColumnRule, Protocol):
    """The rule of a field. Called with a cell, it returns the cell's value, or raises FieldError.

    `column` checks all cells of a column, which is faster.
    """

    def __call__(self, cell: str) -> Any: ...


def rules(date_format: str, partial: bool) -> dict[str, Rule]:
    """The rule of each field, in the order in which a row's errors are listed: that of FIELDS.

    A row of a `partial` file needs no more than its identifier.
    """
    needed = not partial
    return {
        "identifier": Text(MAX_IDENTIFIER_CHARS, required=True),
        "name": Text(MAX_NAME_CHARS, required=needed),
        "type": Recurring(_type, required=needed),
        "description": Text(MAX_DESCRIPTION_CHARS, required=False),
        "valid_from": Recurring(_date(date_format), required=needed),
        "valid_to": Recurring(_date(date_format), required=False),
        "is_active": Recurring(_boolean, required=needed),
    }


def iso_date_rule() -> Rule:
    """The rule of a date in ISO 8601, or of none."""
    return Recurring(_date(dates.ISO), required=False)


def require_storable(text: str) -> None:
    """Raise FieldError for text that PostgreSQL cannot store; this error comes before any other."""
    if code := _unstorable(text):
        raise FieldError(code, _explain(text, code))


def require_order(valid_from: datetime | None, valid_to: datetime | None) -> None:
    """Raise FieldError for an asset that ends before it begins."""
    if valid_from and valid_to and valid_to < valid_from:
        shown = valid_from.isoformat().removesuffix("T00:00:00+00:00")
        raise FieldError("valid_to_before_valid_from", f"is before valid_from {shown}")


class Text:
    """A text of at most `max_chars` characters; white space around it is ignored."""

    def __init__(self, max_chars: int, *, required: bool) -> None:
        self._max_chars = max_chars
        self._required = required

    def __call__(self, cell: str) -> str | None:
        value = cell.strip()
        if code := self._code(value):
            raise FieldError(code, self.explain(value, code))
        return value or None

    def column(self, cells: Sequence[str]) -> CheckedColumn:
        values = list(map(str.strip, cells))
        codes: dict[int, str] = {}
        if (
            max(map(len, values)) > self._max_chars
            or (self._required and "" in values)
            or not all(map(str.isprintable, values))
        ):
            codes = {place: code for place, value in enumerate(values) if (code := self._code(value))}
        return values if self._required else [value or None for value in values], codes

    def explain(self, cell: str, code: str) -> str:
        value = cell.strip()
        if code == "too_long":
            return f"has {len(value)} characters (at most {self._max_chars})"
        return _explain(value, code)

    def _code(self, value: str) -> str | None:
        """The error code of a stripped cell, if it has one."""
        if not value:
            return "required" if self._required else None
        # Few texts are not printable: those with line ends or tabs, which are fine, and those that are not.
        if not value.isprintable() and (code := _unstorable(value)):
            return code
        return "too_long" if len(value) > self._max_chars else None


class Recurring:
    """A value that recurs from row to row, as types, dates and booleans do: each cell is checked once."""

    def __init__(self, rule: Callable[[str], Any], *, required: bool) -> None:
        self._rule = rule
        self._required = required
        self._known: dict[str, Any] = {}

    def __call__(self, cell: str) -> Any:
        result = self._look_up(cell)
        if isinstance(result, FieldError):
            raise result
        return result

    def column(self, cells: Sequence[str]) -> CheckedColumn:
        results = {cell: self._look_up(cell) for cell in set(cells)}
        faults = {cell: result for cell, result in results.items() if isinstance(result, FieldError)}
        if not faults:
            return [results[cell] for cell in cells], {}
        return (
            [None if cell in faults else results[cell] for cell in cells],
            {place: faults[cell].code for place, cell in enumerate(cells) if cell in faults},
        )

    def explain(self, cell: str, code: str) -> str:
        reason: str = self._look_up(cell).reason
        return reason

    def _look_up(self, cell: str) -> Any:
        """The cell's value, or its FieldError."""
        if cell in self._known:
            return self._known[cell]
        if len(self._known) >= MAX_KNOWN_CELLS:
            self._known.clear()
        try:
            result = self._value(cell.strip())
        except FieldError as fault:
            result = fault.with_traceback(None)  # which would keep the frames alive
        self._known[cell] = result
        return result

    def _value(self, value: str) -> Any:
        if not value:
            if self._required:
                raise FieldError("required", _explain(value, "required"))
            return None
        if not value.isprintable():
            require_storable(value)
        return self._rule(value)


def _unstorable(text: str) -> str | None:
    if "\0" in text:
        return "invalid_character"
    return "invalid_encoding" if UNDECODED.search(text) else None


def _explain(text: str, code: str) -> str:
    """The reason for a code that a text of any field may have."""
    if code == "required":
        return "must not be empty"
    if code == "invalid_character":
        return "contains the character NUL"
    return f"contains bytes that cannot be decoded: {encoding.undecoded(text)}"


def _type(value: str) -> str:
    if value.lower() not in TYPES:
        raise FieldError("unknown_type", f"is not a type (expected one of {', '.join(TYPES)})")
    return value.lower()


def _date(date_format: str) -> Callable[[str], datetime]:
    def check(value: str) -> datetime:
        moment = dates.parse(value, date_format)
        if moment is None:
            raise FieldError("invalid_date", f"is not a date (expected {date_format})")
        return moment

    return check


def _boolean(value: str) -> bool:
    boolean = BOOLEANS.get(value.lower())
    if boolean is None:
        raise FieldError(
            "invalid_boolean", "is not true or false (expected true/false, 1/0, yes/no, t/f, y/n)"
        )
    return boolean


METADATA_VALUE = Text(MAX_METADATA_CHARS, required=False)
