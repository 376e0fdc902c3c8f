"""The rules of an asset's fields: text → a value, or what is wrong with it."""

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
UNDECODED = re.compile("[\ud800-\udfff]")  # how encoding.py passes on bytes that do not decode
TYPES = ("person", "device", "asset", "inventory", "other")
BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "t", "y"), True),
    **dict.fromkeys(("false", "0", "no", "f", "n"), False),
}


class FieldError(Exception):
    """A text that breaks a field's rule: a code, and what stands behind the text in a message."""

    def __init__(self, code: str, what: str) -> None:
        self.code = code
        self.what = what


# The values of a column's cells, and the codes of those, by their places, that break the rule.
Column = tuple[Sequence[Any], Mapping[int, str]]


class Rule(Protocol):
    """What a field must be: makes its value of a cell, or of a whole column of cells, which is faster.

    A column has only codes for its wrong cells. `explain` puts the fault of one of them into words.
    """

    def __call__(self, cell: str) -> Any: ...
    def column(self, cells: Sequence[str]) -> Column: ...
    def explain(self, cell: str, code: str) -> str: ...


def rules(date_format: str, partial: bool) -> dict[str, Rule]:
    """The rule of each field, in the order of FIELDS."""
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


def require_storable(text: str) -> None:
    """FieldError for what no column of the database takes: a graver fault than any other."""
    if code := _unstorable(text):
        raise FieldError(code, _explain(text, code))


def require_order(valid_from: datetime | None, valid_to: datetime | None) -> None:
    """FieldError for an asset that ends before it begins."""
    if valid_from and valid_to and valid_to < valid_from:
        shown = valid_from.isoformat().removesuffix("T00:00:00+00:00")
        raise FieldError("valid_to_before_valid_from", f"is before valid_from {shown}")


class Text:
    """A text of at most so many characters; white space around it does not count."""

    def __init__(self, max_chars: int, *, required: bool) -> None:
        self._max_chars = max_chars
        self._required = required

    def __call__(self, cell: str) -> str | None:
        value = cell.strip()
        if code := self._code(value):
            raise FieldError(code, self.explain(value, code))
        return value or None

    def column(self, cells: Sequence[str]) -> Column:
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
        """What is wrong with a stripped cell, if anything is."""
        if not value:
            return "required" if self._required else None
        # Few are not printable: line ends and tabs, which are fine, and what is not.
        if not value.isprintable() and (code := _unstorable(value)):
            return code
        return "too_long" if len(value) > self._max_chars else None


class Recurring:
    """A value that recurs from row to row, as types, dates and booleans do: cells are remembered."""

    def __init__(self, rule: Callable[[str], Any], *, required: bool) -> None:
        self._rule = rule
        self._required = required
        self._known: dict[str, Any] = {}

    def __call__(self, cell: str) -> Any:
        found = self._look(cell)
        if isinstance(found, FieldError):
            raise found
        return found

    def column(self, cells: Sequence[str]) -> Column:
        found = {cell: self._look(cell) for cell in set(cells)}
        faults = {cell: value for cell, value in found.items() if isinstance(value, FieldError)}
        if not faults:
            return [found[cell] for cell in cells], {}
        return (
            [None if cell in faults else found[cell] for cell in cells],
            {place: faults[cell].code for place, cell in enumerate(cells) if cell in faults},
        )

    def explain(self, cell: str, code: str) -> str:
        explanation: str = self._look(cell).what
        return explanation

    def _look(self, cell: str) -> Any:
        """The cell's value, or what is wrong with it."""
        if cell in self._known:
            return self._known[cell]
        if len(self._known) >= MAX_KNOWN_CELLS:
            self._known.clear()
        try:
            found = self._value(cell.strip())
        except FieldError as fault:
            found = fault.with_traceback(None)  # whose frames would be kept with it
        self._known[cell] = found
        return found

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
    """The words for what may be wrong with a text of any field."""
    if code == "required":
        return "is empty and must not be"
    if code == "invalid_character":
        return "holds the character NUL"
    return f"holds bytes that do not decode: {encoding.undecoded(text)}"


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


metadata = Text(MAX_METADATA_CHARS, required=False)
