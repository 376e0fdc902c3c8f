"""A sheet of a workbook as CSV text in which each row is on the record of its own number."""

import csv
import io
import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

from bulkimport.workbook.cells import Row
from bulkimport.workbook.limits import damaged
from bulkimport.workbook.marks import PREFIXES
from bulkimport.workbook.workbook import Workbook

SPOOL_BYTES = 512 * 1024  # more than that is written to disk
DELIMITER = ","
ENCODING, ERRORS = "utf-8", "surrogatepass"  # marks are halves of surrogate pairs
LINE_END = "\r\n"  # csv quotes cells that contain any of its characters


@contextmanager
def csv_text(
    workbook: Workbook, sheet: str | None, *, header_row: int | None = None, max_rows: int | None = None
) -> Iterator[BinaryIO]:
    """The sheet as CSV text in a temporary file, or those up to its row number `max_rows` that is not blank.

    Rows without content are blank lines, so the number of a record is that of its row in the sheet. Rows
    below the header, which is the first row with content unless `header_row` names another one, are padded to
    its width, and those of their cells whose text cannot be trusted have a mark in front (marks.py). Raises
    Refusal as Workbook.rows does.
    """
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as file:
        try:
            _write(_first(workbook.rows(sheet), max_rows), file, header_row)
        except _NotInOrderError:
            file.seek(0)
            file.truncate()
            with tempfile.TemporaryFile() as spool:
                _write(_sorted(_first(workbook.rows(sheet), max_rows), spool), file, header_row)
        file.seek(0)
        yield cast(BinaryIO, file)


class _NotInOrderError(Exception):
    pass


def _first(rows: Iterator[Row], max_rows: int | None) -> Iterator[Row]:
    """The rows, as far as `max_rows` of them have other cells than white space, which are no rows of CSV."""
    count = 0
    for row in rows:
        yield row
        count += any(map(str.strip, row.cells))
        if count == max_rows:
            return


def _write(rows: Iterable[Row], file: IO[bytes], header_row: int | None) -> None:
    text = io.TextIOWrapper(file, ENCODING, ERRORS, newline="")
    try:
        writer = csv.writer(text, delimiter=DELIMITER, lineterminator=LINE_END)
        last = width = 0
        for number, cells, marks in rows:
            if number <= last:
                raise _NotInOrderError
            if number > last + 1:
                text.write(LINE_END * (number - last - 1))
            last = number
            if width:
                for place, mark in marks.items():
                    cells[place] = PREFIXES[mark] + cells[place]
                if len(cells) < width:
                    cells.extend([""] * (width - len(cells)))
            elif header_row in (None, number):
                width = len(cells)
            writer.writerow(cells)
    finally:
        text.detach()


def _sorted(rows: Iterable[Row], spool: IO[bytes]) -> Iterator[Row]:
    """The rows in the order of their numbers. Raises Refusal if two have the same number."""
    numbers, places = array("L"), array("Q")
    for row in rows:
        numbers.append(row.number)
        places.append(spool.tell())
        spool.write(json.dumps([row.cells, list(row.marks.items())]).encode() + b"\n")
    last = 0
    for index in sorted(range(len(numbers)), key=numbers.__getitem__):
        if numbers[index] == last:
            raise damaged(f"it has row {last} twice")
        last = numbers[index]
        spool.seek(places[index])
        cells, marks = json.loads(spool.readline())
        yield Row(last, cells, dict(marks))
