"""The beginning of a file: a line `sep=`, the rows above the header, and the delimiter that it shows."""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

from bulkimport.csvfile import header
from bulkimport.csvfile.records import (
    MAX_RECORD_CHARS,
    Record,
    RecordReader,
    is_blank,
    lenient_cells,
    read_line,
)
from bulkimport.errors import Refusal

MAX_HEADER_ROW = 20
MAX_LINES = 200  # that are read ahead for the first rows, some of which may have cells of several lines
# Excel writes this line, or takes the delimiter from it; programs that do not know it quote or pad it.
SEPARATOR_LINE = re.compile(r'"?sep=(?P<separator>[^"\r\n])"?[\s,;|]*', re.IGNORECASE)
NOT_BLANK = re.compile(rf"[^{''.join(header.DELIMITERS.values())} \r\n]")


@dataclass(frozen=True)
class Heading:
    """The first lines of a file, below `blank_rows` blank lines.

    `separator` is the delimiter that a first line `sep=` names, or None. `header_row` is the row of the
    header as its sender counts it, or None for the first row that is not blank and not that line.
    """

    lines: list[str]
    blank_rows: int
    separator: str | None
    header_row: int | None

    def reader(self, text: TextIO, delimiter: str) -> RecordReader:
        """A reader of these lines and, after them, of the text."""
        first = self.blank_rows + 1
        return RecordReader(text, delimiter, row=first, line=first, ahead=self.lines)

    def is_header(self, record: Record) -> bool:
        """Whether the header is this record, if it is not above it."""
        if self.header_row:
            return record.row == self.header_row
        return not (is_blank(record.cells) or (self.separator and record.row == 1))

    def find_delimiter(self, mapping: Mapping[str, str]) -> str:
        """The delimiter of the line `sep=`, or else the one that header.find_delimiter chooses."""
        return self.separator or header.find_delimiter(
            {delimiter: self._header_cells(delimiter) for delimiter in header.DELIMITERS.values()}, mapping
        )

    def rows_below(self, row: int, delimiter: str | None) -> Iterator[tuple[int, list[str]]]:
        """The number and the cells of each row below this one that could be the header.

        Without a delimiter, the cells of each row that there would be with each delimiter.
        """
        for possible in [delimiter] if delimiter else header.DELIMITERS.values():
            for record in self._records(possible):
                if row < record.row <= MAX_HEADER_ROW and not record.fault:
                    yield record.row, record.cells

    def _header_cells(self, delimiter: str) -> list[str]:
        record = next(filter(self.is_header, self._records(delimiter)), None)
        if record is None:
            return []
        return lenient_cells(record.cells[0], delimiter) if record.fault else record.cells

    def _records(self, delimiter: str) -> Iterator[Record]:
        reader = self.reader(io.StringIO(), delimiter)
        while record := reader.next():
            yield record


def read_heading(readline: Callable[[int], str], header_row: int | None) -> Heading:
    """Read the first lines of a text. Raises Refusal if a first line `sep=` names what cannot be read."""
    line = read_line(readline)
    separator = _separator(line)
    blank_rows = 0
    if not header_row:
        while line and not NOT_BLANK.search(line):
            line, blank_rows = read_line(readline), blank_rows + 1
    lines, chars = [line], len(line)
    while line and len(lines) < MAX_LINES and chars < MAX_RECORD_CHARS:
        line = read_line(readline)
        lines.append(line)
        chars += len(line)
    return Heading([line for line in lines if line], blank_rows, separator, header_row)


def _separator(line: str) -> str | None:
    match = SEPARATOR_LINE.fullmatch(line)
    if match and match["separator"] not in header.DELIMITERS.values():
        raise Refusal(
            "ambiguous-delimiter",
            f'The first line is "{line.strip()}", and only {", ".join(header.DELIMITERS)} can divide cells; '
            "remove that line and say which it is with delimiter=.",
        )
    return match["separator"] if match else None
