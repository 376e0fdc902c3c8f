"""A byte stream → its header, and slices of whole records."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from bulkimport.csvfile import encoding, header, signatures
from bulkimport.csvfile.records import (
    CHUNK_ENCODING,
    CHUNK_ERRORS,
    MAX_RECORD_CHARS,
    Record,
    RecordReader,
    is_blank,
)
from bulkimport.csvfile.refusal import RefusedFileError

# Long and wide records make a chunk of fewer rows, so that memory stays flat and a chunk is done in about a
# second even if every cell of it has an error to be stored.
MAX_CHUNK_CHARS = 4 * 1024**2
MAX_CHUNK_CELLS = 50_000

OnRow = Callable[[Record], None]


@dataclass(frozen=True)
class Chunk:
    """A slice of whole records: where it begins in the spreadsheet and in the file, and its rows."""

    number: int
    first_row: int
    first_line: int
    rows: int
    body: bytes


class CsvFile:
    """A file whose header is read, and whose chunks are cut, once, as they are iterated.

    `blank_rows` counts the blank records that were passed by.
    """

    def __init__(
        self, stream: BinaryIO, *, charset: str | None, delimiter: str | None, mapping: Mapping[str, str]
    ) -> None:
        """Read the header of a seekable stream.

        What is None is found out; the foreign names in `mapping` help to find the delimiter. Raises
        RefusedFileError where there is no CSV, or no header that can be read.
        """
        signatures.refuse(stream.read(signatures.PEEK_BYTES))
        stream.seek(0)
        text = encoding.open_text(stream, charset)
        self.charset = text.encoding.removesuffix("-sig")
        self.delimiter = delimiter or header.find_delimiter(_first_line(text.readline), mapping)
        text.seek(0)
        self._records = RecordReader(text.readline, self.delimiter)
        self.header = self._read_header()
        self.blank_rows = 0

    def first_record(self) -> Record | None:
        """The first record below the header that is not blank, which stays to be cut; None without any."""
        while record := self._records.next():
            if not is_blank(record.cells):
                self._records.unread()
                break
            self.blank_rows += 1
            self._records.take()
        return record

    def chunks(self, *, chunk_rows: int, max_rows: int, on_row: Sequence[OnRow] = ()) -> Iterator[Chunk]:
        """Slices of `chunk_rows` rows; each row is shown to each of `on_row`.

        Raises RefusedFileError for no rows, or more than `max_rows` of them, and what `on_row` raises.
        """
        total = 0
        for number in itertools.count():
            chunk = self._next_chunk(number, chunk_rows, on_row)
            if chunk is None:
                break
            total += chunk.rows
            if total > max_rows:
                raise RefusedFileError("too-many-rows", f"The file has more than {max_rows} rows; split it.")
            yield chunk
        if total == 0:
            raise RefusedFileError("no-rows", "The file has a header and no rows.")

    def _read_header(self) -> list[str]:
        while record := self._records.next():
            if not is_blank(record.cells):
                return header.require_readable(record)
            self._records.take()
        raise RefusedFileError("empty-file", "The file is empty; it needs a header and at least one row.")

    def _next_chunk(self, number: int, chunk_rows: int, on_row: Sequence[OnRow]) -> Chunk | None:
        records = self._records
        records.take()
        first_row, first_line, rows, cells = records.next_row, records.next_line, 0, 0
        while rows < chunk_rows and cells < MAX_CHUNK_CELLS and records.taken_chars < MAX_CHUNK_CHARS:
            record = records.next()
            if record is None:
                if rows == 0:
                    return None
                break
            if is_blank(record.cells):
                self.blank_rows += 1
            else:
                rows += 1
                cells += len(record.cells)
                for look in on_row:
                    look(record)
        return Chunk(number, first_row, first_line, rows, records.take().encode(CHUNK_ENCODING, CHUNK_ERRORS))


def _first_line(readline: Callable[[int], str]) -> str:
    """The first line that is not blank, whatever the delimiter is."""
    line = readline(MAX_RECORD_CHARS)
    while line and not line.strip("".join(header.DELIMITERS.values()) + " \r\n"):
        line = readline(MAX_RECORD_CHARS)
    return line.rstrip("\r\n")
