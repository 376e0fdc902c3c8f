"""A slice of whole records → the cells of each, with its row in the spreadsheet."""

import csv
import io
from collections.abc import Iterator, Sequence

# Bytes that are not UTF-8 pass through as lone surrogates, so that they cost their row and not the file.
ENCODING = "utf-8"
ENCODING_ERRORS = "surrogateescape"


def read(body: bytes, *, first_row: int) -> Iterator[tuple[int, list[str]]]:
    """Row number and cells of each record that is not blank; the first record has number `first_row`."""
    text = io.StringIO(body.decode(ENCODING, ENCODING_ERRORS), newline="")
    for row, cells in enumerate(csv.reader(text), start=first_row):
        if not is_blank(cells):
            yield row, cells


def is_blank(cells: Sequence[str]) -> bool:
    """A record with nothing in it, as spreadsheets leave below their last row: no row at all."""
    return not any(map(str.strip, cells))
