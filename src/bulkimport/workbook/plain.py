"""Pieces of XML that consist of plain rows or plain strings alone, read by a regular expression.

Handlers of expat that are written in Python take three times as long. expat still parses each piece, so that
its XML is well-formed; and only if it says that a piece begins and ends at plain markup, and if every tag in
the piece is one that is accounted for here, the texts between them are taken from here. All other pieces, be
it for one formula or one comment, are left to the handlers.
"""

import re
from dataclasses import replace

from bulkimport.workbook.parsing import unescaped
from bulkimport.workbook.tables import RawCell, RawRow, Table, TablePattern

ENTITY = re.compile("&(?:#x([0-9A-Fa-f]{1,20})|#([0-9]{1,20})|([a-z]+));")
MAX_CHARACTER = 0x10FFFF
ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}  # XML 1.0, section 4.6

# What RawCell.formula says; "" of a cell without a formula.
CALCULATED, UNCALCULATED = "calculated", "uncalculated"


class PlainStrings:
    """Reads pieces of shared strings whose tags have this prefix."""

    def __init__(self, prefix: str) -> None:
        si, t = f"{re.escape(prefix)}si", f"{re.escape(prefix)}t"
        self._string = re.compile(f'<{si}><{t}(?: xml:space="preserve")?>([^<]*)</{t}></{si}>')

    def read(self, piece: bytes) -> list[str] | None:
        """The strings of the piece; None if anything else is in it."""
        text = _text(piece)
        strings: list[str] = self._string.findall(text)
        if not strings or text.count("<") != 4 * len(strings):
            return None
        if "&" in text:
            strings = list(map(_without_entities, strings))
        return list(map(unescaped, strings)) if "_x" in text else strings


class PlainRows:
    """Reads pieces of a worksheet whose tags have this prefix."""

    def __init__(self, prefix: str) -> None:
        row, c, v, inline, t = (re.escape(prefix) + name for name in ("row", "c", "v", "is", "t"))
        self._row_end = f"</{prefix}row>"
        self._inline = f"<{prefix}is>"
        self._head = re.compile(rf'\s*<{row} (?:[^<>]*? )?r="([0-9]+)"[^<>]*>')
        # The last group is empty, as the formula of a RawCell without one.
        self._cell = re.compile(
            f'<{c} r="([A-Z]+)[0-9]+"(?: s="([0-9]*)")?(?: t="([A-Za-z]*)")?'
            f'(?:/>|>(?:<{v}>|<{inline}><{t}(?: xml:space="preserve")?>)([^<]+)'
            f"(?:</{v}>|</{t}></{inline}>)</{c}>)()"
        )
        self._pattern = TablePattern(prefix)

    def read(self, piece: bytes) -> list[RawRow] | Table | None:
        """The rows of the piece; None if anything else is in it."""
        text = _text(piece)
        if table := self._pattern.read(text):
            return (
                replace(table, values=[list(map(_without_entities, column)) for column in table.values])
                if "&" in text
                else table
            )
        sources = text.split(self._row_end)
        if sources.pop():
            return None
        rows = []
        # Each tag has one <: two tags of a row, four of a cell and its value, two more of an inline string;
        # and one of a cell without a value, which alone ends in />.
        tags = 2 * len(sources) + 2 * text.count(self._inline) - 3 * text.count("/>")
        for source in sources:
            head = self._head.match(source)
            if head is None:
                return None
            cells = self._cell.findall(source, head.end())
            tags += 4 * len(cells)
            rows.append(RawRow(head[1], cells))
        if not rows or text.count("<") != tags:
            return None
        self._pattern.learn(rows)
        return [RawRow(row.number, list(map(_decoded, row.cells))) for row in rows] if "&" in text else rows


def _text(piece: bytes) -> str:
    """The text of a piece; "" if it is not UTF-8, or has line ends that XML changes."""
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\r" in text else text


def _decoded(cell: RawCell) -> RawCell:
    column, style, kind, value, formula = cell
    return RawCell(column, style, kind, _without_entities(value), formula)


def _without_entities(text: str) -> str:
    return ENTITY.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name:
        return ENTITIES.get(name, "")  # expat refuses other names, and numbers that are not characters
    return chr(min(int(hexadecimal, 16) if hexadecimal else int(decimal), MAX_CHARACTER))
