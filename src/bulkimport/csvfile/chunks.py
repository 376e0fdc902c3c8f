"""A byte stream → its header, and chunks of whole records."""

import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, TextIO

from bulkimport.csvfile import encoding, header, signatures
from bulkimport.csvfile.heading import read_heading
from bulkimport.csvfile.records import (
    CHUNK_ENCODING,
    CHUNK_ERRORS,
    Record,
    is_blank,
)
from bulkimport.errors import Refusal

# Each of these ends a chunk before it has `chunk_rows` rows, so that memory stays flat and importing a chunk
# takes about a second even if every cell has an error to store. The lines of a chunk are held one by one, at
# 50 bytes each beside their text, and blank lines and cells of many lines cost no rows and few cells.
MAX_CHUNK_CHARS = 4 * 1024**2
MAX_CHUNK_CELLS = 50_000
MAX_CHUNK_LINES = 50_000

OnRow = Callable[[Record], None]


@dataclass(frozen=True)
class Chunk:
    """Consecutive whole records of a file, the first of them not blank.

    `number` counts a file's chunks from 0. `first_row` and `first_line` are the spreadsheet row (the first
    record of the file is row 1) and the physical line, from 1, of the first record. `rows` counts the records
    that are not blank. `body` is the text, encoded as CHUNK_ENCODING.
    """

    number: int
    first_row: int
    first_line: int
    rows: int
    body: bytes


class CsvFile:
    """A CSV file: the header is read at once, the chunks as they are iterated, which can be done only once.

    `header_row` is the header's row in the spreadsheet. `blank_rows` counts the blank records below it that
    were read so far.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        charset: str | None,
        delimiter: str | None,
        mapping: Mapping[str, str],
        header_row: int | None = None,
        is_encoded_as_chunks: bool = False,
    ) -> None:
        """Read the header of a seekable stream.

        A `charset`, `delimiter` or `header_row` of None is detected; the names in `mapping` count as known
        columns when the delimiter is. What is encoded as chunks are was made of a workbook, and is certainly
        CSV. Raises Refusal if the stream is not CSV or its header cannot be read.
        """
        if is_encoded_as_chunks:
            text: TextIO = io.TextIOWrapper(stream, CHUNK_ENCODING, CHUNK_ERRORS, newline="")
        else:
            signatures.refuse(stream)
            text = encoding.open_text(stream, charset)
        self.charset = text.encoding.removesuffix("-sig")
        self._heading = read_heading(text.readline, header_row)
        self._declared_delimiter = delimiter or self._heading.separator
        self.delimiter = delimiter or self._heading.find_delimiter(mapping)
        self._records = self._heading.reader(text, self.delimiter)
        self.header_row, self.header = self._read_header()
        self.blank_rows = 0

    def map_columns(self, mapping: Mapping[str, str], required: Sequence[str]) -> header.Columns:
        """The field of each column, as header.map_columns returns it; a Refusal names a better header."""
        below = self._heading.rows_below(self.header_row, self._declared_delimiter)
        return header.map_columns(self.header, mapping, required, below=below)

    def refusals(self, mapping: Mapping[str, str], required: Sequence[str]) -> list[Refusal]:
        """Everything for which map_columns would refuse the header."""
        below = list(self._heading.rows_below(self.header_row, self._declared_delimiter))
        return list(header.refusals(self.header, mapping, required, below=below))

    @property
    def has_declared_delimiter(self) -> bool:
        """Whether the caller or a first line `sep=` names the delimiter."""
        return self._declared_delimiter is not None

    def first_record(self) -> Record | None:
        """The first record below the header that is not blank, or None; it is read again with its chunk."""
        return self._skip_blank()

    def chunks(self, *, chunk_rows: int, max_rows: int, on_row: Sequence[OnRow] = ()) -> Iterator[Chunk]:
        """Cut the file into chunks of at most `chunk_rows` rows; call each of `on_row` with each row.

        Raises Refusal for a file of no rows or more than `max_rows`, and what `on_row` raises.
        """
        total = 0
        for number in itertools.count():
            chunk = self._next_chunk(number, chunk_rows, on_row)
            if chunk is None:
                break
            total += chunk.rows
            if total > max_rows:
                raise Refusal("too-many-rows", f"The file has more than {max_rows} rows; split it.")
            yield chunk
        if total == 0:
            raise Refusal("no-rows", "The file has a header and no rows.")

    def _read_header(self) -> tuple[int, list[str]]:
        while record := self._records.next():
            self._records.take()
            if self._heading.is_header(record):
                return record.row, header.require_readable(record)
        if self._heading.header_row and self._records.next_row > 1:
            raise Refusal(
                "missing-columns",
                f"header_row={self._heading.header_row} is below the last row of the file, "
                f"row {self._records.next_row - 1}.",
            )
        raise Refusal("empty-file", "The file is empty; it needs a header and at least one row.")

    def _next_chunk(self, number: int, chunk_rows: int, on_row: Sequence[OnRow]) -> Chunk | None:
        if self._skip_blank() is None:
            return None
        records = self._records
        first_row, first_line, rows, cells = records.next_row, records.next_line, 0, 0
        width = len(self.header)
        while (
            rows < chunk_rows
            and cells < MAX_CHUNK_CELLS
            and records.taken_chars < MAX_CHUNK_CHARS
            and (lines := records.next_line - first_line) < MAX_CHUNK_LINES
        ):
            room = min(chunk_rows - rows, MAX_CHUNK_LINES - lines, (MAX_CHUNK_CELLS - cells) // width)
            more_rows, more_cells = self._read_some(room, on_row)
            if more_rows is None:
                break
            rows, cells = rows + more_rows, cells + more_cells
            width = max(width, -(-more_cells // (more_rows or 1)))
        self.blank_rows += records.next_row - first_row - rows
        return Chunk(number, first_row, first_line, rows, records.take().encode(CHUNK_ENCODING, CHUNK_ERRORS))

    def _read_some(self, room: int, on_row: Sequence[OnRow]) -> tuple[int | None, int]:
        """Read about `room` records at most, and at least one: how many rows and cells; None at the end.

        The rows are parsed only if somebody looks at them, or it is not certain what they are.
        """
        plain = None if on_row else self._records.pass_over(room)
        if plain:
            return plain.lines, plain.cells
        batch = self._records.next_batch(room)
        if not batch.rows:
            record = self._records.next()
            if record is None:
                return None, 0
            if not is_blank(record.cells):
                batch.append(record)
        for call in on_row:
            for row in batch:
                call(row)
        return len(batch.rows), sum(map(len, batch.cells))

    def _skip_blank(self) -> Record | None:
        """Drop blank records; the record at which this stops will be the next one, None at the end."""
        self._records.take()
        self.blank_rows += self._records.skip_empty_lines()
        while record := self._records.next():
            if not is_blank(record.cells):
                self._records.unread()
                break
            self._records.take()
            self.blank_rows += 1 + self._records.skip_empty_lines()
        return record
