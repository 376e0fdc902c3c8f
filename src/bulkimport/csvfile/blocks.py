"""A text in blocks of whole lines, for readers that need not take the lines one by one."""

import io
import re
from itertools import islice
from typing import NamedTuple, TextIO

BLOCK_CHARS = 16 * 1024  # and the rest of the last line
# Lines that begin with one of these and a delimiter or a quote may be blank.
SPACES = frozenset(character for character in map(chr, range(0x10000)) if character.isspace())


class Plain(NamedTuple):
    """The text of lines that are one record each, none of them blank.

    They have `cells` cells, or fewer if a quoted one has delimiters in it.
    """

    text: str
    lines: int
    cells: int


class Blocks:
    """Reads a text block by block, and line by line in between.

    `block` is at the first line that was not read yet. `is_refused` says that its reader refused the rest of
    it, which must be read line by line.
    """

    def __init__(self, text: TextIO, delimiter: str) -> None:
        self._text = text
        self._delimiter = delimiter
        self._uncertain_starts = SPACES | {delimiter, '"'}
        self._quotes = _quotes(delimiter)
        self._chars = 0
        self.block = io.StringIO()
        self.is_refused = False

    def readline(self, size: int) -> str:
        """As that of the text."""
        return self.block.readline(size) or self._text.readline(size)

    def begin(self, max_line_chars: int) -> bool:
        """Fetch a block unless one is begun; whether it can be read, that is, has no line above the limit."""
        if self.block.tell() == self._chars:
            block = self._text.read(BLOCK_CHARS) + self._text.readline(max_line_chars + 1)
            self.block, self._chars = io.StringIO(block, newline=""), len(block)
            self.is_refused = len(block) > max_line_chars
        return not self.is_refused

    def take_plain(self, max_lines: int) -> Plain | None:
        """The next `max_lines` lines of the block, or as many as it has, if they are plain; else None.

        Found without parsing: a line is one record that is not blank if it begins with a character of a cell,
        and each of its quotes begins a cell, or is in such a cell or closes it. Text behind a closing quote
        is a fault, and a line with a fault is one record, too.
        """
        start = self.block.tell()
        lines = list(islice(self.block, max_lines))
        text = "".join(lines)
        if (
            lines
            and self._uncertain_starts.isdisjoint([line[0] for line in lines])
            and self._quotes.fullmatch(text)
        ):
            return Plain(text, len(lines), text.count(self._delimiter) + len(lines))
        self.block.seek(start)
        return None


def _quotes(delimiter: str) -> re.Pattern[str]:
    """What matches lines whose quotes all begin a cell, are in such a cell, or close it on the same line."""
    cell = rf'(?<![^{re.escape(delimiter)}\r\n])"[^"\r\n]*+(?:""[^"\r\n]*+)*+"'
    return re.compile(rf'[^"]*+(?:{cell}[^"]*+)*+')
