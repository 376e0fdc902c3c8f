"""Cells → lines of CSV (RFC 4180), as bytes."""

import csv
import io
from collections.abc import Sequence

from bulkimport.csvfile import encoding

# A spreadsheet runs a cell that begins with one of these as a formula (OWASP, CSV Injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class LineWriter:
    """Writes lines with this delimiter, in UTF-8; bytes that did not decode are written as they were.

    With `formula_safe`, a cell that a spreadsheet would run as a formula gets an apostrophe in front of it.
    """

    def __init__(self, delimiter: str = ",", *, formula_safe: bool = False) -> None:
        self._delimiter = delimiter
        self._formula_safe = formula_safe

    def line(self, cells: Sequence[str]) -> bytes:
        """One record, with its line end."""
        if self._formula_safe:
            cells = [f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell for cell in cells]
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self._delimiter).writerow(cells)
        return encoding.original_bytes(text.getvalue())
