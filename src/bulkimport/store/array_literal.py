"""Values → array literals (PostgreSQL manual, Array Input and Output Syntax).

Made here and not by the driver, which would take the time of the thread that holds the transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast


def of_numbers(numbers: Iterable[int]) -> str:
    """Of whole numbers."""
    return _array(map(str, numbers))


def of_recurring(values: Sequence[str | datetime | bool | None]) -> str:
    """Of few different values, as dates are: each is written once."""
    written = {value: _quoted(None if value is None else str(value)) for value in set(values)}
    return _array(map(written.__getitem__, values))


def of_texts(texts: Sequence[str | None]) -> str:
    """Of texts that nearly always need no escape, and are then written in one go."""
    if None not in texts:
        joined = '","'.join(cast(Sequence[str], texts))
        if texts and "\\" not in joined and joined.count('"') == 2 * (len(texts) - 1):
            return '{"' + joined + '"}'
    return _array(map(_quoted, texts))


def _array(elements: Iterable[str]) -> str:
    return "{" + ",".join(elements) + "}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    if '"' in text or "\\" in text:
        text = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{text}"'
