"""Text → records, one by one, whatever quotes do.

Intake cuts a file with this and the worker reads the chunks with it, so both see the same records.

A quoted cell that is not closed, or not followed by a delimiter, would swallow the lines behind it. So a
record of several lines counts only if it is well-formed (RFC 4180, section 2); otherwise its first line alone
is a faulty record, and reading goes on at the next line. No line is read more than twice: a line on which
such a quote begins would have ended the one before it.
"""

import csv
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

MAX_RECORD_CHARS = 1024**2  # the longest record: more is a quote that nobody closed, or no CSV at all
MAX_CELL_CHARS = csv.field_size_limit()  # 131072; the reader enforces it
CHUNK_ENCODING = "utf-8"
CHUNK_ERRORS = "surrogatepass"  # what did not decode travels as lone surrogates

UNCLOSED_QUOTE = "unclosed_quote"
MISPLACED_QUOTE = "misplaced_quote"
CELL_TOO_LONG = "cell_too_long"
RECORD_TOO_LONG = "record_too_long"


class Record(NamedTuple):
    """A record: the row that a spreadsheet shows, the physical line where it begins, and its cells.

    Where there is a `fault`, one of the codes above, the only cell is the line as it stands.
    """

    row: int
    line: int
    cells: list[str]
    fault: str | None


class RecordReader:
    """Reads records from lines. `taken_chars` is the length of what take() will return."""

    def __init__(
        self, readline: Callable[[int], str], delimiter: str, *, row: int = 1, line: int = 1
    ) -> None:
        self._readline = readline
        self._delimiter = delimiter
        self._again: deque[str] = deque()
        self._csv = csv.reader(_Lines(self._next_line), delimiter=delimiter, strict=True)
        self._taken: list[str] = []
        self._begin = self._begin_chars = 0
        self.taken_chars = 0
        self.next_row = row
        self.next_line = line

    def next(self) -> Record | None:
        """The next record, blank ones included; None at the end."""
        taken = self._taken
        self._begin, self._begin_chars = len(taken), self.taken_chars
        line = self._again.popleft() if self._again else self._readline(MAX_RECORD_CHARS + 1)
        if not line:
            return None
        row, at = self.next_row, self.next_line
        self.next_row = row + 1
        if '"' in line or len(line) > MAX_CELL_CHARS:
            self._again.appendleft(line)
            cells, fault = self._read_csv()
            self.next_line = at + len(taken) - self._begin
            return Record(row, at, cells, fault)
        taken.append(line)
        self.taken_chars += len(line)
        self.next_line = at + 1
        return Record(row, at, line.rstrip("\r\n").split(self._delimiter), None)  # what csv makes of it

    def unread(self) -> None:
        """Let the record that was read last come again."""
        self.next_row -= 1
        self.next_line -= len(self._taken) - self._begin
        self._put_back(self._begin)

    def take(self) -> str:
        """The lines of the records that were read since the last time, as they stand."""
        lines = "".join(self._taken)
        self._taken.clear()
        self.taken_chars = 0
        return lines

    def _read_csv(self) -> tuple[list[str], str | None]:
        try:
            return next(self._csv), None
        except csv.Error as error:
            fault = self._fault(error)
            self._put_back(self._begin + 1)
            return [self._taken[self._begin].rstrip("\r\n")], fault

    def _fault(self, error: csv.Error) -> str:
        if len(self._taken) - self._begin > 1 or "unexpected end" in str(error):
            return UNCLOSED_QUOTE
        if isinstance(error, _RecordTooLongError):
            return RECORD_TOO_LONG
        return CELL_TOO_LONG if "field larger" in str(error) else MISPLACED_QUOTE

    def _next_line(self) -> str:
        """A line for csv; of one that is too long the start, and the rest is passed over."""
        line = self._again.popleft() if self._again else self._readline(MAX_RECORD_CHARS + 1)
        if len(line) > MAX_RECORD_CHARS and not line.endswith(("\n", "\r")):
            while (rest := self._readline(MAX_RECORD_CHARS)) and not rest.endswith(("\n", "\r")):
                pass
            line += "\n"
        if line:
            self._taken.append(line)
            self.taken_chars += len(line)
        if self.taken_chars - self._begin_chars > MAX_RECORD_CHARS:
            raise _RecordTooLongError
        return line

    def _put_back(self, begin: int) -> None:
        """The lines from here on are read again."""
        lines = self._taken[begin:]
        del self._taken[begin:]
        self.taken_chars -= sum(map(len, lines))
        self._again.extendleft(reversed(lines))


class _Lines:
    """What csv reads from. Not a generator: an exception would end it, and reading goes on after a fault."""

    def __init__(self, next_line: Callable[[], str]) -> None:
        self._next_line = next_line

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._next_line()
        if not line:
            raise StopIteration
        return line


class _RecordTooLongError(csv.Error):
    pass


def read(body: bytes, *, delimiter: str, first_row: int, first_line: int) -> Iterator[Record]:
    """The records of a chunk that are not blank."""
    text = io.StringIO(body.decode(CHUNK_ENCODING, CHUNK_ERRORS), newline="")
    reader = RecordReader(text.readline, delimiter, row=first_row, line=first_line)
    while record := reader.next():
        if not is_blank(record.cells):
            yield record


def lenient_cells(line: str, delimiter: str) -> list[str]:
    """The cells of a faulty record's line as well as they can be told."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]


def is_blank(cells: Sequence[str]) -> bool:
    """A record with nothing in it, as spreadsheets leave below their last row: no row at all."""
    return not any(map(str.strip, cells))
