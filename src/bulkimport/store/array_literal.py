"""Values → array literals (PostgreSQL manual, Array Input and Output Syntax).

They are made here and not by the driver, so that a thread other than the one that holds the transaction can
make them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

# Neither occurs in a text that PostgreSQL accepts.
SEPARATOR = "\0"
NULL = "\ud800"


def of_numbers(numbers: Iterable[int]) -> str:
    """An array literal of integers."""
    return _array(map(str, numbers))


def of_recurring(values: Sequence[str | datetime | bool | None]) -> str:
    """An array literal of values that recur, such as dates: each distinct one is converted once."""
    written = {value: _quoted(None if value is None else str(value)) for value in set(values)}
    return _array(map(written.__getitem__, values))


def of_texts(texts: Sequence[str | None]) -> str:
    """An array literal of texts without NUL and lone surrogates, which PostgreSQL does not accept."""
    if not texts:
        return "{}"
    has_nulls = None in texts
    filled = cast(Sequence[str], [NULL if text is None else text for text in texts] if has_nulls else texts)
    # All texts at once: a call for each costs more than the escaping itself.
    escaped = SEPARATOR.join(filled).replace("\\", r"\\").replace('"', r"\"").replace(SEPARATOR, '","')
    literal = f'{{"{escaped}"}}'
    return literal.replace(f'"{NULL}"', "NULL") if has_nulls else literal


def _array(elements: Iterable[str]) -> str:
    return "{" + ",".join(elements) + "}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
