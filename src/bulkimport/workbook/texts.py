"""Texts in a workbook, where control characters are written _xHHHH_ (ECMA-376 part 1, section 22.9.2.19)."""

import re

ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """The text with its escaped characters; halves of surrogate pairs stay escaped."""
    return ESCAPE.sub(_character, text) if "_x" in text else text


def _character(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return match[0] if "\ud800" <= character <= "\udfff" else character
