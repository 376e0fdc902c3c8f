"""Values → array literals (PostgreSQL manual, Array Input and Output Syntax).

Made here and not by the driver, which would take the time of the thread that holds the transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

# Neither is in any text that the database takes.
SEPARATOR = "\0"
NULL = "\ud800"


def of_numbers(numbers: Iterable[int]) -> str:
    """Of whole numbers."""
    return _array(map(str, numbers))


def of_recurring(values: Sequence[str | datetime | bool | None]) -> str:
    """Of few different values, as dates are: each is written once."""
    written = {value: _quoted(None if value is None else str(value)) for value in set(values)}
    return _array(map(written.__getitem__, values))


def of_texts(texts: Sequence[str | None]) -> str:
    """Of texts as the database takes them: with no NUL, and nothing that is half a character."""
    if not texts:
        return "{}"
    has_nulls = None in texts
    found = cast(Sequence[str], [NULL if text is None else text for text in texts] if has_nulls else texts)
    # All of them at once: a text for itself costs more than what is to be escaped in it.
    escaped = SEPARATOR.join(found).replace("\\", r"\\").replace('"', r"\"").replace(SEPARATOR, '","')
    literal = f'{{"{escaped}"}}'
    return literal.replace(f'"{NULL}"', "NULL") if has_nulls else literal


def _array(elements: Iterable[str]) -> str:
    return "{" + ",".join(elements) + "}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
