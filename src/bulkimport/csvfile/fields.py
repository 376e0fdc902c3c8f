"""The rules of an asset's fields: text → a value, or what is wrong with it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bulkimport.csvfile import dates, encoding

MAX_IDENTIFIER_CHARS = 255
MAX_NAME_CHARS = 255
MAX_DESCRIPTION_CHARS = 1024
MAX_METADATA_CHARS = 1024
MAX_MEMO_CELLS = 10_000
TYPES = ("person", "device", "asset", "inventory", "other")
BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "t", "y"), True),
    **dict.fromkeys(("false", "0", "no", "f", "n"), False),
}

Rule = Callable[[str], Any]


class FieldError(Exception):
    """A text that breaks a field's rule: a code, and what stands behind the text in a message."""

    def __init__(self, code: str, what: str) -> None:
        self.code = code
        self.what = what


def rules(date_format: str, partial: bool) -> dict[str, Rule]:
    """For each field, in the order of FIELDS, what makes its value of a cell."""
    needed = _optional if partial else _required
    date = _date(date_format)
    return {
        "identifier": _required(_text(MAX_IDENTIFIER_CHARS)),
        "name": needed(_text(MAX_NAME_CHARS)),
        "type": _Memo(needed(_type)).__getitem__,
        "description": _optional(_text(MAX_DESCRIPTION_CHARS)),
        "valid_from": _Memo(needed(date)).__getitem__,
        "valid_to": _Memo(_optional(date)).__getitem__,
        "is_active": _Memo(needed(_boolean)).__getitem__,
    }


def require_storable(text: str) -> None:
    if "\0" in text:
        raise FieldError("invalid_character", "holds the character NUL")
    if undecoded := encoding.undecoded(text):
        raise FieldError("invalid_encoding", f"holds bytes that do not decode: {undecoded}")


def require_order(valid_from: datetime | None, valid_to: datetime | None) -> None:
    if valid_from and valid_to and valid_to < valid_from:
        shown = valid_from.isoformat().removesuffix("T00:00:00+00:00")
        raise FieldError("valid_to_before_valid_from", f"is before valid_from {shown}")


class _Memo(dict[str, object]):
    """Remembers what a rule made of a cell: types, dates and booleans recur from row to row."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def __missing__(self, cell: str) -> object:
        if len(self) >= MAX_MEMO_CELLS:
            self.clear()
        value = self[cell] = self._rule(cell)
        return value


def _required(rule: Rule) -> Rule:
    def check(cell: str) -> object:
        value = cell.strip()
        if not value:
            raise FieldError("required", "is empty and must not be")
        return rule(value)

    return check


def _optional(rule: Rule) -> Rule:
    def check(cell: str) -> object:
        value = cell.strip()
        return rule(value) if value else None

    return check


def _text(max_chars: int) -> Rule:
    def check(value: str) -> str:
        if len(value) > max_chars:
            raise FieldError("too_long", f"has {len(value)} characters (at most {max_chars})")
        if not value.isprintable():  # the rare ones: line ends and tabs, which are fine, and what is not
            require_storable(value)
        return value

    return check


def _type(value: str) -> str:
    if value.lower() not in TYPES:
        raise FieldError("unknown_type", f"is not a type (expected one of {', '.join(TYPES)})")
    return value.lower()


def _date(date_format: str) -> Rule:
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


metadata = _optional(_text(MAX_METADATA_CHARS))
