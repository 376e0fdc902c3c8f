"""Text → records, one by one, whatever the quotes are.

Intake cuts a file with this and the worker reads the chunks with it, so both see the same records.

A quoted cell that is not closed, or not followed by a delimiter, would swallow the lines below it. So a
record of several lines counts only if it is well-formed (RFC 4180, section 2); otherwise its first line alone
is a faulty record, and reading goes on at the next line.

The time is linear in the text, whatever its quotes are. A line begins either outside quotes or inside them,
and what it does inside does not depend on the line where they were opened. So where a record fails below its
first line, every record that begins on a line in between and leaves a quote open fails there too, and only
its first line is read. A record that is too long proves nothing about shorter ones that begin below it; from
there on the lines inside the quotes are followed once, ahead of all records that begin before them. So a line
is parsed at most three times: once as the first line of a record, once inside quotes to see where these end,
and once more as part of a record that would end in time. Where csv alone tries first, that is a fourth.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, TextIO

from bulkimport.csvfile.blocks import Blocks, Plain

MAX_RECORD_CHARS = 1024**2  # of the longest record: more is an unclosed quote, or not CSV
MAX_CELL_CHARS = csv.field_size_limit()  # 131072; the reader enforces it
CHUNK_ENCODING = "utf-8"
CHUNK_ERRORS = "surrogatepass"  # bytes that did not decode are lone surrogates

UNCLOSED_QUOTE = "unclosed_quote"
MISPLACED_QUOTE = "misplaced_quote"
CELL_TOO_LONG = "cell_too_long"
RECORD_TOO_LONG = "record_too_long"


class Record(NamedTuple):
    """A record: its row in a spreadsheet and the line on which it begins, both from 1, and its cells.

    `fault` is None or one of the codes above; then the only cell is the line itself, without its line end.
    """

    row: int
    line: int
    cells: list[str]
    fault: str | None


@dataclass(frozen=True)
class Records:
    """Records as columns, which are checked several times as fast as one by one.

    `faults` maps a record's place in the columns, from 0, to its fault.
    """

    rows: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Record]:
        for place, columns in enumerate(zip(self.rows, self.lines, self.cells, strict=True)):
            yield Record(*columns, self.faults.get(place))

    def append(self, record: Record) -> None:
        """Add a record at the end."""
        if record.fault:
            self.faults[len(self.rows)] = record.fault
        self.rows.append(record.row)
        self.lines.append(record.line)
        self.cells.append(record.cells)

    def only(self, rows: Container[int]) -> "Records":
        """The records of these rows."""
        kept = Records()
        for record in self:
            if record.row in rows:
                kept.append(record)
        return kept


class RecordReader:
    """Reads records from lines. `taken_chars` is the length of the text that take() would return."""

    def __init__(
        self,
        text: TextIO,
        delimiter: str,
        *,
        row: int = 1,
        line: int = 1,
        ahead: Iterable[str] = (),
    ) -> None:
        """`ahead`: lines that were read already, as read_line returns them."""
        self._blocks = Blocks(text, delimiter)
        self._delimiter = delimiter
        self._ahead = deque(ahead)
        self._taken: list[str] = []
        self._begin = self._begin_chars = 0
        self.taken_chars = 0
        # Positions, counted as taken_chars is. A quote that a line before the first leaves open never closes
        # in time. One that a line before the second leaves open is still open at the second, where the last
        # of the lines ahead begins.
        self._hopeless_until = self._open_until = 0
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
            if len(self._taken) - begin > 1:
                self._learn(error)
            self._put_back(begin + 1)
            cells = [self._taken[begin].rstrip("\r\n")]
        if cells is None:
            return None
        row, line = self.next_row, self.next_line
        self.next_row = row + 1
        self.next_line = line + len(self._taken) - begin
        return Record(row, line, cells, fault)

    def next_batch(self, max_records: int) -> Records:
        """Some of the next `max_records` records, without blank ones; if there are none, next() must read on.

        They are read by csv alone, in half of the time. What it refuses is left to next().
        """
        if self._ahead or not self._blocks.begin(MAX_RECORD_CHARS):
            return Records()
        block = self._blocks.block
        start = block.tell()
        records, self.next_row, self.next_line, is_whole = _read_well_formed(
            block, self._delimiter, self.next_row, self.next_line, max_records
        )
        self._blocks.is_refused = not is_whole
        chars = block.tell() - start
        block.seek(start)
        self._taken.append(block.read(chars))
        self.taken_chars += chars
        return records

    def pass_over(self, max_lines: int) -> Plain | None:
        """Pass over some of the next `max_lines` lines, each a record that is not blank; None if unsure."""
        if self._ahead or not self._blocks.begin(MAX_RECORD_CHARS):
            return None
        plain = self._blocks.take_plain(max_lines)
        if plain:
            self._taken.append(plain.text)
            self.taken_chars += len(plain.text)
            self.next_row += plain.lines
            self.next_line += plain.lines
        return plain

    def unread(self) -> None:
        """Put the last record back, so that next() returns it again."""
        self.next_row -= 1
        self.next_line -= len(self._taken) - self._begin
        self._put_back(self._begin)

    def skip_empty_lines(self) -> int:
        """Drop the lines up to the next one with text, each a blank record; return how many there were.

        Needs everything to be taken. Without csv, which makes a list of each: several times as fast.
        """
        count = chars = 0
        while line := self._ahead.popleft() if self._ahead else read_line(self._blocks.readline):
            if line.strip("\r\n"):
                self._ahead.appendleft(line)
                break
            count, chars = count + 1, chars + len(line)
        self.next_row += count
        self.next_line += count
        self._hopeless_until -= chars
        self._open_until -= chars
        return count

    def take(self) -> str:
        """The text of the records that were read since the last call, unchanged."""
        lines = "".join(self._taken)
        self._taken.clear()
        self._hopeless_until -= self.taken_chars
        self._open_until -= self.taken_chars
        self.taken_chars = 0
        return lines

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self._delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        """Lines for csv, as far as one record may go."""
        taken, ahead = self._taken, self._ahead
        while line := ahead.popleft() if ahead else read_line(self._blocks.readline):
            taken.append(line)
            self.taken_chars += len(line)
            if self.taken_chars - self._begin_chars > MAX_RECORD_CHARS:
                raise _RecordTooLongError
            yield line
            if len(taken) - self._begin == 1 and not self._may_close():
                return

    def _may_close(self) -> bool:
        """Whether the quote that the record's first line leaves open may close in time."""
        begin = self._begin_chars
        while self._hopeless_until <= begin < self._open_until:
            end = self._open_until + len(self._ahead[-1])
            if end - begin > MAX_RECORD_CHARS:
                return False
            self._follow(end)
        return self._hopeless_until <= begin

    def _follow(self, end: int) -> None:
        """See what the last line ahead, which ends here, does inside quotes."""
        try:
            next(csv.reader(['"' + self._ahead[-1]], delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            if not _is_open(error):
                self._hopeless_until = self._open_until
            elif line := read_line(self._blocks.readline):
                self._ahead.append(line)
                self._open_until = end
            else:
                self._hopeless_until = end
        else:
            self._open_until = 0  # the record is read as a whole, which shows whether a cell is too long

    def _fault(self, error: csv.Error) -> str:
        if len(self._taken) - self._begin > 1 or _is_open(error):
            return UNCLOSED_QUOTE
        if isinstance(error, _RecordTooLongError):
            return RECORD_TOO_LONG
        return CELL_TOO_LONG if "field larger" in str(error) else MISPLACED_QUOTE

    def _learn(self, error: csv.Error) -> None:
        """Keep what a record that failed below its first line tells about quotes that its lines leave open.

        They share a cell that is too long, too: the lines inside it have their quotes in pairs, or they would
        close it, and read as the first line of a record such a line leaves no quote open.
        """
        last = self.taken_chars - len(self._taken[-1])
        if isinstance(error, _RecordTooLongError):
            self._open_until = last
        else:
            self._hopeless_until = self.taken_chars if _is_open(error) else last

    def _put_back(self, begin: int) -> None:
        """The lines from here on are read again, by a new reader: an error or the end may have ended this."""
        lines = self._taken[begin:]
        del self._taken[begin:]
        self.taken_chars -= sum(map(len, lines))
        self._ahead.extendleft(reversed(lines))
        self._csv = self._reader()


class _RecordTooLongError(csv.Error):
    pass


def read_line(readline: Callable[[int], str]) -> str:
    """The next line of a text, "" at the end. Of one that is too long the start; the rest is passed over."""
    line = readline(MAX_RECORD_CHARS + 1)
    if len(line) <= MAX_RECORD_CHARS or line.endswith(("\n", "\r")):
        return line
    while (rest := readline(MAX_RECORD_CHARS)) and not rest.endswith(("\n", "\r")):
        pass
    return line + "\n"


def _is_open(error: csv.Error) -> bool:
    """Whether the lines ended inside quotes."""
    return "unexpected end" in str(error)


def read(body: bytes, *, delimiter: str, first_row: int, first_line: int) -> Records:
    """The records of a chunk that are not blank."""
    text = io.StringIO(body.decode(CHUNK_ENCODING, CHUNK_ERRORS), newline="")
    records, row, line = Records(), first_row, first_line
    if len(body) <= MAX_RECORD_CHARS:
        records, row, line, _ = _read_well_formed(text, delimiter, row, line)
    careful = RecordReader(text, delimiter, row=row, line=line)
    while record := careful.next():
        if not is_blank(record.cells):
            records.append(record)
    return records


def _read_well_formed(
    text: io.StringIO, delimiter: str, row: int, line: int, max_records: int | None = None
) -> tuple[Records, int, int, bool]:
    """The next records up to one with a fault, without blank ones; the row and the line of the next record.

    And whether all were well-formed. No record may be too long: then, as long as no quote is wrong, csv alone
    reads the same as a RecordReader. The text is left behind the records.
    """
    records, start, lines = Records(), text.tell(), 0
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        for cells in islice(reader, max_records):
            if (cells and cells[0].strip()) or not is_blank(cells):
                records.rows.append(row)
                records.lines.append(line + lines)
                records.cells.append(cells)
            row, lines = row + 1, reader.line_num
    except csv.Error:
        text.seek(start)
        for _ in range(lines):
            text.readline()
        return records, row, line + lines, False
    return records, row, line + lines, True


def fitted(cells: list[str], width: int) -> list[str] | None:
    """The cells of a record without surplus blank ones at its end, or with those that it lacks there.

    None if it has more cells than `width`, or if it lacks some and has a cell of several lines: a quote that
    was never closed may have swallowed them.
    """
    missing = width - len(cells)
    if missing > 0:
        return None if any("\n" in cell or "\r" in cell for cell in cells) else [*cells, *[""] * missing]
    return cells[:width] if is_blank(cells[width:]) else None


def lenient_cells(line: str, delimiter: str) -> list[str]:
    """The cells of a faulty record's line, as far as they can be told apart."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]


def unparsed_cells(line: str, delimiter: str) -> list[str]:
    """The cells of a faulty record's line as they are written, quotes included; an open one is closed."""
    separator = re.escape(delimiter)
    plain = f"[^{separator}]*+"
    pattern = rf'(?P<cell>"[^"]*+(?:""[^"]*+)*+(?:"{plain}|(?P<open>\Z))|{plain})(?P<more>{separator}?)'
    cells = []
    for match in re.finditer(pattern, line):
        cells.append(match["cell"] + '"' * (match["open"] is not None))
        if not match["more"]:
            break
    return cells


def is_blank(cells: Sequence[str]) -> bool:
    """Whether all cells are blank, as spreadsheets leave them below their last row; this is not a row."""
    return not any(map(str.strip, cells))
