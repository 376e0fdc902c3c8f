"""Values → array literals (PostgreSQL manual, Array Input and Output Syntax).

They are made here, ahead of time, and not by the driver, which would make them while a transaction waits.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

# Neither occurs in a text that PostgreSQL can store.
SEPARATOR = "\0"
NULL = "\ud800"


def of_numbers(numbers: Iterable[int]) -> str:
    """The literal of an array of integers."""
    return _array(map(str, numbers))


def of_recurring(values: Sequence[str | datetime | bool | None]) -> str:
    """The literal of an array with few different values, such as dates: each is converted once."""
    written = {value: _quoted(None if value is None else str(value)) for value in set(values)}
    return _array(map(written.__getitem__, values))


def of_texts(texts: Sequence[str | None]) -> str:
    """The literal of an array of texts, which must contain neither NUL nor lone surrogates."""
    if not texts:
        return "{}"
    has_nulls = None in texts
    marked = cast(Sequence[str], [NULL if text is None else text for text in texts] if has_nulls else texts)
    # All of them at once: a call for each text would cost more than the escaping itself.
    escaped = SEPARATOR.join(marked).replace("\\", r"\\").replace('"', r"\"").replace(SEPARATOR, '","')
    literal = f'{{"{escaped}"}}'
    return literal.replace(f'"{NULL}"', "NULL") if has_nulls else literal


def _array(elements: Iterable[str]) -> str:
    return "{" + ",".join(elements) + "}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
