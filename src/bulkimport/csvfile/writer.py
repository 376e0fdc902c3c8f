"""Cells → lines of CSV (RFC 4180), as bytes."""

import csv
import io
from collections.abc import Sequence

from bulkimport.csvfile import encoding

# A spreadsheet runs a cell that begins with one of these as a formula (OWASP, CSV Injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
LINE_END = "\r\n"


class LineWriter:
    """Writes lines with this delimiter, in UTF-8; bytes that did not decode are written as they were.

    With `formula_safe`, a cell that a spreadsheet would run as a formula gets an apostrophe in front of it.
    """

    def __init__(self, delimiter: str = ",", *, formula_safe: bool = False) -> None:
        self._delimiter = delimiter
        self._formula_safe = formula_safe

    def line(self, cells: Sequence[str], *, before: Sequence[str] = (), after: Sequence[str] = ()) -> bytes:
        """One record, with its line end; the cells `before` and `after` are in CSV already."""
        if self._formula_safe:
            cells = [_safe(cell) for cell in cells]
            before, after = ([*map(_safe_in_quotes, texts)] for texts in (before, after))
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self._delimiter, lineterminator=LINE_END).writerow(cells)
        written = text.getvalue().removesuffix(LINE_END)
        return encoding.original_bytes(self._delimiter.join([*before, written, *after]) + LINE_END)


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def _safe_in_quotes(cell: str) -> str:
    return '"' + _safe(cell[1:]) if cell.startswith('"') else _safe(cell)
