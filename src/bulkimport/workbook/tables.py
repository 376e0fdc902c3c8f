"""Pieces of a worksheet in which the cells of a column are all alike: read in half the time of others."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

MAX_EXAMPLES = 20  # rows by which a pattern is made
MAX_COLUMNS = 90  # of a pattern


class RawCell(NamedTuple):
    """A cell: the letters of its column ("" if it is next to the cell before), the number of its style, its
    type, its value, and what is known of its formula.
    """

    column: str
    style: str
    type: str
    value: str
    formula: str


class RawRow(NamedTuple):
    """A row: its number ("" if it is next to the row before), and its cells."""

    number: str
    cells: list[RawCell]


class RawColumn(NamedTuple):
    """A column: its letters, and the style and the type of its cells."""

    letters: str
    style: str
    type: str


@dataclass(frozen=True)
class Table:
    """Rows by their numbers, and the values of each of their columns: "" in a row without such a cell."""

    numbers: Sequence[str]
    columns: Sequence[RawColumn]
    values: Sequence[Sequence[str]]

    def __iter__(self) -> Iterator[RawRow]:
        for number, *values in zip(self.numbers, *self.values, strict=True):
            cells = zip(self.columns, values, strict=True)
            yield RawRow(number, [RawCell(*column, value, "") for column, value in cells if value])


class TablePattern:
    """Finds the rows of a piece if they are like the rows before it."""

    def __init__(self, prefix: str) -> None:
        self._prefix = re.escape(prefix)
        self._columns: list[RawColumn] = []
        self._row: re.Pattern[str] | None = None

    def learn(self, rows: Sequence[RawRow]) -> None:
        """Expect rows like these."""
        by_letters: dict[str, RawColumn] = {}
        for row in islice(rows, MAX_EXAMPLES):
            for letters, style, kind, value, _ in row.cells:
                if value and by_letters.setdefault(letters, RawColumn(letters, style, kind))[1:] != (
                    style,
                    kind,
                ):
                    return
        columns = sorted(by_letters.values(), key=lambda column: (len(column.letters), column.letters))
        if columns != self._columns and len(columns) <= MAX_COLUMNS:
            self._columns = columns
            self._row = re.compile(self._source())

    def read(self, text: str) -> Table | None:
        """The rows of the text; None if it has any that are not like those before, or anything else."""
        if self._row is None:
            return None
        end, rows = 0, []
        for match in self._row.finditer(text):
            if match.start() != end:
                return None
            end = match.end()
            rows.append(match.groups(""))
        if not rows or end != len(text):
            return None
        numbers, *values = zip(*rows, strict=True)
        return Table(numbers, self._columns, values)

    def _source(self) -> str:
        row, c, v, inline, t = (self._prefix + name for name in ("row", "c", "v", "is", "t"))
        cells = ""
        for letters, style, kind in self._columns:
            attributes = (f' s="{style}"' if style else "") + (f' t="{kind}"' if kind else "")
            start, end = f"<{v}>", f"</{v}>"
            if kind == "inlineStr":
                start, end = f'<{inline}><{t}(?: xml:space="preserve")?>', f"</{t}></{inline}>"
            cells += f'(?:<{c} r="{letters}[0-9]+"{attributes}(?:/>|>{start}([^<]+){end}</{c}>))?'
        return rf'\s*<{row} (?:[^<>]*? )?r="([0-9]+)"[^<>]*>{cells}</{row}>'
