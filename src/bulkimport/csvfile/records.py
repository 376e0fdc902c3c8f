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
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Records:
    """Records as columns, which are checked several times as fast as one by one.

    `faults`: those of Record, by the record's place in the columns.
    """

    rows: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Record]:
        for place, columns in enumerate(zip(self.rows, self.lines, self.cells, strict=True)):
            yield Record(*columns, self.faults.get(place))

    def append(self, record: Record) -> None:
        """One more behind the others."""
        if record.fault:
            self.faults[len(self.rows)] = record.fault
        self.rows.append(record.row)
        self.lines.append(record.line)
        self.cells.append(record.cells)

    def only(self, rows: Container[int]) -> "Records":
        """Those of these rows."""
        kept = Records()
        for record in self:
            if record.row in rows:
                kept.append(record)
        return kept


class RecordReader:
    """Reads records from lines. `taken_chars` is the length of what take() will return."""

    def __init__(
        self, readline: Callable[[int], str], delimiter: str, *, row: int = 1, line: int = 1
    ) -> None:
        self._readline = readline
        self._delimiter = delimiter
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self._begin = self._begin_chars = 0
        self.taken_chars = 0
        self.next_row = row
        self.next_line = line
        self._csv = self._reader()

    def next(self) -> Record | None:
        """The next record, blank ones included; None at the end."""
        begin = self._begin = len(self._taken)
        self._begin_chars = self.taken_chars
        fault = None
        try:
            cells = next(self._csv, None)
        except csv.Error as error:
            fault = self._fault(error)
            self._put_back(begin + 1)
            cells = [self._taken[begin].rstrip("\r\n")]
        if cells is None:
            return None
        row, line = self.next_row, self.next_line
        self.next_row = row + 1
        self.next_line = line + len(self._taken) - begin
        return Record(row, line, cells, fault)

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

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self._delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        """Lines for csv, as far as one record may go."""
        readline, taken, again = self._readline, self._taken, self._again
        while line := again.popleft() if again else readline(MAX_RECORD_CHARS + 1):
            if len(line) > MAX_RECORD_CHARS:
                line = self._start_of(line)
            taken.append(line)
            self.taken_chars += len(line)
            if self.taken_chars - self._begin_chars > MAX_RECORD_CHARS:
                raise _RecordTooLongError
            yield line

    def _start_of(self, line: str) -> str:
        """Of a line that is too long this much; the rest is passed over."""
        if line.endswith(("\n", "\r")):
            return line
        while (rest := self._readline(MAX_RECORD_CHARS)) and not rest.endswith(("\n", "\r")):
            pass
        return line + "\n"

    def _fault(self, error: csv.Error) -> str:
        if len(self._taken) - self._begin > 1 or "unexpected end" in str(error):
            return UNCLOSED_QUOTE
        if isinstance(error, _RecordTooLongError):
            return RECORD_TOO_LONG
        return CELL_TOO_LONG if "field larger" in str(error) else MISPLACED_QUOTE

    def _put_back(self, begin: int) -> None:
        """The lines from here on are read again, by a new reader: an error or the end may have ended this."""
        lines = self._taken[begin:]
        del self._taken[begin:]
        self.taken_chars -= sum(map(len, lines))
        self._again.extendleft(reversed(lines))
        self._csv = self._reader()


class _RecordTooLongError(csv.Error):
    pass


def read(body: bytes, *, delimiter: str, first_row: int, first_line: int) -> Records:
    """The records of a chunk that are not blank."""
    text = io.StringIO(body.decode(CHUNK_ENCODING, CHUNK_ERRORS), newline="")
    found = Records()
    row, lines = first_row, 0
    if len(body) <= MAX_RECORD_CHARS:
        # No record is too long, so as long as no quote is wrong csv alone reads the same, much faster.
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                if (cells and cells[0].strip()) or not is_blank(cells):
                    found.rows.append(row)
                    found.lines.append(first_line + lines)
                    found.cells.append(cells)
                row, lines = row + 1, reader.line_num
            return found
        except csv.Error:
            text.seek(0)
            for _ in range(lines):
                text.readline()
    careful = RecordReader(text.readline, delimiter, row=row, line=first_line + lines)
    while record := careful.next():
        if not is_blank(record.cells):
            found.append(record)
    return found


def lenient_cells(line: str, delimiter: str) -> list[str]:
    """The cells of a faulty record's line as well as they can be told."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]


def is_blank(cells: Sequence[str]) -> bool:
    """A record with nothing in it, as spreadsheets leave below their last row: no row at all."""
    return not any(map(str.strip, cells))
