"""Cells as a worksheet has them → rows of text, at the places where a spreadsheet shows them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import starmap
from operator import itemgetter
from typing import Any, NamedTuple

from bulkimport.errors import Refusal
from bulkimport.workbook import numbers, plain
from bulkimport.workbook.limits import Limits, damaged
from bulkimport.workbook.marks import DATE, ERROR, UNCALCULATED
from bulkimport.workbook.numbers import Shown
from bulkimport.workbook.parsing import is_true, unescaped
from bulkimport.workbook.shared_strings import SharedStrings
from bulkimport.workbook.styles import NUMBER, Kind, NumberFormat
from bulkimport.workbook.tables import RawCell, RawColumn, RawRow, Table

MAX_ROW = 1_048_576
BOOLEANS = {"1": "TRUE", "0": "FALSE"}
DATES = (Kind.DATE, Kind.TIME, Kind.ELAPSED)
NUMERIC = frozenset({"", "n"})  # the types of cells that have a number
MAX_COLUMN, MAX_COLUMN_LETTERS = 16_384, 3  # XFD
MAX_INDEX_DIGITS = 9
MAX_KNOWN = 10_000  # numbers whose texts are kept, and
MAX_SHAPES = 1_000  # kinds of rows, of which most sheets have a handful
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Row(NamedTuple):
    """A row: its number in the sheet, from 1; its cells up to the last one that is not empty; and the marks
    (marks.py) of those whose text cannot be trusted, by their places, from 0.
    """

    number: int
    cells: list[str]
    marks: dict[int, str]


class _Shape(NamedTuple):
    """How the cells of a row are read: what returns the text of each value, or None if it is not known yet;
    what puts the texts, and an empty one behind them, into their columns if there are gaps; the mark that
    each cell has, and all marks by the places of their columns. NO_SHAPE: one by one.
    """

    look_ups: Sequence[Any]
    arranged: Callable[[tuple[str, ...]], tuple[str, ...]] | None
    usual_marks: Sequence[str | None]
    marks: dict[int, str]


NO_SHAPE = _Shape((), None, (), {})


class CellReader:
    """Reads the rows of one worksheet, in the order in which the part has them."""

    def __init__(
        self,
        strings: SharedStrings,
        formats: Sequence[NumberFormat],
        limits: Limits,
        *,
        since_1904: bool,
        recalculates: bool,
    ) -> None:
        """`recalculates`: the results of formulas in the file may be placeholders."""
        self._strings = strings
        self._formats = formats
        self._limits = limits
        self._since_1904 = since_1904
        self._recalculates = recalculates
        self._last_row = 0
        self._columns: dict[str, int] = {}
        # The texts of numbers by style; only those with the usual mark of the style, DATE or none.
        self._known: dict[str, dict[str, str]] = defaultdict(dict)
        # By the columns, styles, types and formulas of the cells of a row.
        self._shapes: dict[tuple[tuple[str, ...], ...], _Shape] = {}

    def rows(self, batch: Iterable[RawRow]) -> Iterator[Row]:
        """The rows as text. Raises Refusal if one is outside a worksheet, or has too many columns."""
        if isinstance(batch, Table):
            numbers: Iterable[str] = batch.numbers
            texts = self._of_table(batch)
        else:
            numbers = (row.number for row in batch)
            texts = (self._by_shape(row.cells) or self._one_by_one(row.cells) for row in batch)
        for number, (cells, marks) in zip(numbers, texts, strict=True):
            if len(cells) > self._limits.columns:
                raise Refusal(
                    "too-many-columns",
                    f"The sheet has a cell in column {len(cells)}; at most {self._limits.columns} are read.",
                )
            self._last_row = self._number(number)
            yield Row(self._last_row, cells, marks)

    def _of_table(self, table: Table) -> Iterator[tuple[list[str], dict[int, str]]]:
        """The texts and marks of the rows of a table, of which whole columns are looked up."""
        count = len(table.numbers)
        empty = ("",) * count
        texts: list[Sequence[str]] = []
        marks: list[dict[int, str]] = [{} for _ in range(count)]
        for column, values in zip(table.columns, table.values, strict=True):
            place = self._column(column.letters, -1)
            texts.extend([empty] * (place - len(texts)))
            texts.append(self._of_column(column, values, place, marks))
        for row_texts, row_marks in zip(zip(*texts, strict=True), marks, strict=True):
            cells = list(row_texts)
            while cells and not cells[-1] and len(cells) - 1 not in row_marks:
                cells.pop()
            yield cells, row_marks

    def _of_column(
        self, column: RawColumn, values: Sequence[str], place: int, marks: Sequence[dict[int, str]]
    ) -> Sequence[str]:
        """The texts of a column; adds the marks of its cells to those of their rows."""
        _, style, kind = column
        look_up, usual_mark = self._look_up(style, kind)
        looked_up = list(map(look_up, values)) if look_up else [None] * len(values)
        if usual_mark:
            for at, value in enumerate(values):
                if value:
                    marks[at][place] = usual_mark
        texts: list[str] = []
        for at, text in enumerate(looked_up):
            if text is None:
                text, mark = self._shown(style, kind, values[at], "")
                marks[at].pop(place, None)
                if mark:
                    marks[at][place] = mark
            texts.append(text)
        return texts

    def _look_up(self, style: str, kind: str) -> tuple[Callable[[str], str | None] | None, str | None]:
        """What returns the text of a value if it is known, and the mark that such a cell has then."""
        if kind in NUMERIC:
            mark = DATE if self._format(style).kind in DATES else None
            return self._known[style].get, mark
        by_kind: dict[str, Callable[[str], str | None]] = {
            "s": self._strings.known.get,
            "b": BOOLEANS.get,
            "inlineStr": unescaped,
            "str": unescaped,
        }
        return by_kind.get(kind), None

    def _by_shape(self, raw_cells: Sequence[RawCell]) -> tuple[list[str], dict[int, str]] | None:
        """The texts and marks of a row whose cells are all of kinds that need no more than to be looked up.

        Most rows are, and this takes a quarter of the time. None if any cell must be looked at by itself.
        """
        columns, styles, kinds, values, formulas = zip(*raw_cells, strict=True) if raw_cells else ((),) * 5
        key = columns, styles, kinds, formulas
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
            shape = self._shapes[key] = self._shape_of(*key)
        if not shape.look_ups:
            return None
        texts = [look_up(value) for look_up, value in zip(shape.look_ups, values, strict=True)]
        if None in texts:
            for at, text in enumerate(texts):
                if text is None:
                    texts[at], mark = self._shown(styles[at], kinds[at], values[at], "")
                    if mark != shape.usual_marks[at]:
                        return None
        if not texts[-1]:
            return None
        if shape.arranged:
            texts = [*shape.arranged((*texts, ""))]
        return texts, shape.marks

    def _shape_of(
        self, columns: Sequence[str], styles: Sequence[str], kinds: Sequence[str], formulas: Sequence[str]
    ) -> "_Shape":
        """How rows with such cells are read; they must be in the order of the columns, without formulas."""
        places = [self._column(letters, -1) for letters in columns]
        pairs = list(starmap(self._look_up, zip(styles, kinds, strict=True)))
        look_ups, usual_marks = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        if not all(columns) or any(formulas) or None in look_ups or places != sorted(set(places)):
            return NO_SHAPE
        marks = {place: mark for place, mark in zip(places, usual_marks, strict=True) if mark}
        arranged = None
        if places != list(range(len(places))):
            order = {place: at for at, place in enumerate(places)}
            arranged = itemgetter(*(order.get(place, len(places)) for place in range(places[-1] + 1)))
        return _Shape(look_ups, arranged, usual_marks, marks)

    def _one_by_one(self, raw_cells: Sequence[RawCell]) -> tuple[list[str], dict[int, str]]:
        cells: list[str] = []
        marks: dict[int, str] = {}
        place = -1
        for column, style, kind, value, formula in raw_cells:
            place = self._column(column, place)
            text, mark = self._shown(style, kind, value, formula)
            if text or mark:
                cells.extend([""] * (place + 1 - len(cells)))
                cells[place] = text
                if mark:
                    marks[place] = mark
        return cells, marks

    def _shown(self, style: str, kind: str, value: str, formula: str) -> Shown:
        """The text of a cell and its mark, None if it can be trusted."""
        # Programs that leave all formulas to be calculated by the next one write 0 for each.
        if formula and (formula == plain.UNCALCULATED or (self._recalculates and value == "0")):
            return "", UNCALCULATED
        if not value:
            return "", None
        if kind == "s":
            return self._strings.text(value.strip()), None
        if kind in NUMERIC:
            return self._number_shown(style, value)
        if kind in ("inlineStr", "str"):
            return unescaped(value), None
        if kind == "b":
            return ("TRUE" if is_true(value) else "FALSE"), None
        return numbers.shown_iso(value) if kind == "d" else (value, ERROR)

    def _number_shown(self, style: str, value: str) -> Shown:
        number_format = self._format(style)
        text, mark = numbers.shown(value, number_format, since_1904=self._since_1904)
        if mark == (DATE if number_format.kind in DATES else None):
            known = self._known[style]
            if len(known) >= MAX_KNOWN:
                known.clear()
            known[value] = text
        return text, mark

    def _format(self, style: str) -> NumberFormat:
        place = _index(style or "0")
        return self._formats[place] if place < len(self._formats) else NUMBER

    def _column(self, letters: str, before: int) -> int:
        """The place of a column; the one after the cell `before` if it has no name."""
        if not letters:
            return before + 1
        if letters in self._columns:
            return self._columns[letters]
        place = 0
        for letter in letters[: MAX_COLUMN_LETTERS + 1].upper():
            place = place * len(LETTERS) + LETTERS.find(letter) + 1
            if letter not in LETTERS:
                raise damaged(f'a cell has the reference "{letters[:20]}"')
        if place > MAX_COLUMN:
            raise damaged(f'a cell has the reference "{letters[:20]}"')
        self._columns[letters] = place - 1
        return place - 1

    def _number(self, text: str) -> int:
        """The number of a row; that of the next one if it has no number."""
        number = _index(text) if text else self._last_row + 1
        if not 1 <= number <= MAX_ROW:
            raise damaged(f'a row has the number "{number}"')
        return number


def _index(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_INDEX_DIGITS):
        raise damaged(f'a cell or a row has "{text[:20]}" where a number should be')
    return int(text)
