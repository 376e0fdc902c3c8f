"""The rules of an asset's fields: text → a value, or the reason why it is not one."""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from bulkimport.csvfile import dates, encoding
from bulkimport.csvfile.header import DATE_FIELDS

MAX_IDENTIFIER_CHARS = 255
MAX_NAME_CHARS = 255
MAX_DESCRIPTION_CHARS = 1024
MAX_METADATA_CHARS = 1024
MAX_KNOWN_CELLS = 10_000
METADATA = "metadata"
ISO_DATES = dict.fromkeys(DATE_FIELDS, dates.ISO)
UNDECODED = re.compile("[\ud800-\udfff]")  # encoding.py turns bytes that cannot be decoded into these
# Characters that take no room: nobody sees why two identifiers with and without one differ.
INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
# A long number as spreadsheets show it, with digits lost. All cells of a column are searched for its exponent
# at once; a pattern that begins with a literal takes a tenth of the time of one that begins with a digit.
EXPONENTS = [re.compile(f"{letter}(?<=[0-9]{letter})[+-][0-9]{{1,3}}$", re.MULTILINE) for letter in "Ee"]
SCIENTIFIC = re.compile("[+-]?[0-9](?:[.,][0-9]+)?E[+-][0-9]{1,3}", re.IGNORECASE | re.ASCII)
SCIENTIFIC_NOTATION = "scientific_notation"
REENTER = (
    "format the column as text and enter the value again, "
    "or set accept_numbers=true if it is the value itself"
)
# What is wrong with a text, by the codes that more than one kind of field has.
REASONS = {
    "required": "must not be empty",
    SCIENTIFIC_NOTATION: f"is a number that a spreadsheet has shortened: {REENTER}",
}
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


def rules(
    date_formats: Mapping[str, str],
    *,
    partial: bool = False,
    accept_numbers: bool = True,
    optional: Container[str] = (),
) -> dict[str, Rule]:
    """The rule of each field, in the order in which a row's errors are listed: that of FIELDS.

    `date_formats` has the format of each date. A row of a `partial` file needs no more than its identifier;
    no row needs a field that is `optional`.
    """

    def needed(field: str) -> bool:
        return field not in optional and (field == "identifier" or not partial)

    return {
        "identifier": Text(
            MAX_IDENTIFIER_CHARS,
            required=needed("identifier"),
            visible=True,
            accept_numbers=accept_numbers,
        ),
        "name": Text(MAX_NAME_CHARS, required=needed("name")),
        "type": Recurring(_type, required=needed("type")),
        "description": Text(MAX_DESCRIPTION_CHARS, required=False),
        "valid_from": Recurring(_date(date_formats["valid_from"]), required=needed("valid_from")),
        "valid_to": Recurring(_date(date_formats["valid_to"]), required=False),
        "is_active": Recurring(_boolean, required=needed("is_active")),
    }


def iso_date_rule() -> Rule:
    """The rule of a date in ISO 8601, or of none."""
    return Recurring(_date(dates.ISO), required=False)


def metadata_rule(*, accept_numbers: bool = True) -> Rule:
    """The rule of a value in the metadata."""
    return Text(MAX_METADATA_CHARS, required=False, accept_numbers=accept_numbers)


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
    """A text of at most `max_chars` characters; white space around it is ignored.

    A `visible` text has no characters that take no room. `accept_numbers`: whether it may look like a number
    that a spreadsheet has shortened.
    """

    def __init__(
        self, max_chars: int, *, required: bool, visible: bool = False, accept_numbers: bool = True
    ) -> None:
        self._max_chars = max_chars
        self._required = required
        self._visible = visible
        self._accept_numbers = accept_numbers

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
            or (not self._accept_numbers and _may_have_exponents(values))
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
        if not value.isprintable():
            if code := _unstorable(value):
                return code
            if self._visible and INVISIBLE.search(value):
                return "invalid_character"
        if len(value) > self._max_chars:
            return "too_long"
        return None if self._accept_numbers or not SCIENTIFIC.fullmatch(value) else SCIENTIFIC_NOTATION


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


def _may_have_exponents(values: Sequence[str]) -> bool:
    """Whether one of the texts may be a number that a spreadsheet has shortened."""
    text = "\n".join(values)
    return any(exponent.search(text) for exponent in EXPONENTS)


def _explain(text: str, code: str) -> str:
    """The reason for a code that a text of any field may have."""
    if code in REASONS:
        return REASONS[code]
    if code == "invalid_character":
        return _explain_character(text)
    return f"contains bytes that cannot be decoded: {encoding.undecoded(text)}"


def _explain_character(text: str) -> str:
    invisible = INVISIBLE.search(text)
    if "\0" in text or not invisible:
        return "contains the character NUL"
    return f"contains the invisible character U+{ord(invisible[0]):04X} at position {invisible.start() + 1}"


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
