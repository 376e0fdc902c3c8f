"""A byte stream → its columns, and slices of whole records."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bulkimport.csvfile.header import Columns, map_columns
from bulkimport.csvfile.records import ENCODING_ERRORS, is_blank
from bulkimport.csvfile.refusal import RefusedFileError

MAX_RECORD_CHARS = 1024**2  # the longest record: more is a quote that nobody closed, or no CSV at all
MAX_CHUNK_CHARS = 4 * 1024**2  # long records make a chunk of fewer rows, so that memory stays flat


@dataclass(frozen=True)
class Chunk:
    """A slice of whole records; `first_row` is the number of the first record in the spreadsheet."""

    number: int
    first_row: int
    rows: int
    body: bytes


def split(stream: BinaryIO, *, chunk_rows: int, max_rows: int) -> tuple[Columns, Iterator[Chunk]]:
    """Read the header, and cut what follows into chunks of `chunk_rows` rows as it is iterated.

    Raises RefusedFileError at once for a file with no usable header, and in the iteration for one with no
    rows, more than `max_rows` rows, a record over the limits, or a quote that is never closed.
    """
    records = _Records(stream)
    header = records.next()
    while header is not None and is_blank(header):
        header = records.next()
    if header is None:
        raise RefusedFileError("empty-file", "The file is empty; it needs a header and at least one row.")
    return map_columns(header), _cut(records, chunk_rows, max_rows)


def _cut(records: "_Records", chunk_rows: int, max_rows: int) -> Iterator[Chunk]:
    number = total = 0
    while chunk := _next_chunk(records, number, chunk_rows):
        number += 1
        total += chunk.rows
        if total > max_rows:
            raise RefusedFileError("too-many-rows", f"The file has more than {max_rows} rows; split it.")
        yield chunk
    if total == 0:
        raise RefusedFileError("no-rows", "The file has a header and no rows.")


def _next_chunk(records: "_Records", number: int, chunk_rows: int) -> Chunk | None:
    records.taken.clear()
    first_row, rows, chars = records.row + 1, 0, 0
    while rows < chunk_rows and chars < MAX_CHUNK_CHARS:
        cells = records.next()
        if cells is None:
            break
        chars += records.record_chars
        if not is_blank(cells):
            rows += 1
    if rows == 0:
        return None
    return Chunk(number, first_row, rows, "".join(records.taken).encode("utf-8", ENCODING_ERRORS))


class _Records:
    """The records of a stream, one at a time, with the lines they were read from."""

    def __init__(self, stream: BinaryIO) -> None:
        # newline="" splits lines at LF, CR and CR LF alone, and leaves each as it is.
        self._text = io.TextIOWrapper(stream, "utf-8-sig", ENCODING_ERRORS, newline="")
        self._reader = csv.reader(self._lines())
        self._ended = False
        self.taken: list[str] = []
        self.row = 0
        self.record_chars = 0

    def next(self) -> list[str] | None:
        """The next record's cells, None at the end; RefusedFileError where the file cannot be read on."""
        self.record_chars = 0
        try:
            cells = next(self._reader, None)
        except csv.Error as error:
            raise self._refused("unreadable-record", f"cannot be read: {error}") from error
        if cells is not None:
            self.row += 1
            if self._ended:  # the reader asked for one more line to end this record
                self.row -= 1
                raise self._refused("unclosed-quote", "has a quoted cell that is never closed")
        return cells

    def _lines(self) -> Iterator[str]:
        readline, take = self._text.readline, self.taken
        while line := readline(MAX_RECORD_CHARS + 1):
            self.record_chars += len(line)
            if self.record_chars > MAX_RECORD_CHARS:
                raise self._refused("record-too-long", f"is longer than {MAX_RECORD_CHARS} characters")
            take.append(line)
            yield line
        self._ended = True

    def _refused(self, code: str, what: str) -> RefusedFileError:
        return RefusedFileError(code, f"The record that begins in row {self.row + 1} {what}.")
