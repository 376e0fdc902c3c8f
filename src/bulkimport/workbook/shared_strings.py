"""The shared strings of a workbook: in a temporary file, and in memory those that were read or used last."""

import os
import tempfile
from array import array
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import IO

from bulkimport.workbook.limits import Limits, damaged, too_large
from bulkimport.workbook.parsing import MAX_DEPTH, Xml, main_namespace, too_deep, unescaped
from bulkimport.workbook.plain import PlainStrings

MAX_KNOWN, MAX_KNOWN_CHARS = (
    50_000,
    4 * 1024**2,
)  # of the strings in memory; each takes 200 bytes beside its text
MAX_RECURRING, MAX_RECURRING_CHARS = 10_000, 100  # of those, and of each
MAX_STRING_BYTES = 512 * 1024  # of XML; Excel's longest text has 32,767 characters
MAX_NUMBER_DIGITS = 9


class SharedStrings:
    """The strings by their numbers, from 0.

    They are read as they are asked for: most programs number them in the order of the cells, so the part is
    read beside the worksheet, and no further than needed. `known` has those in memory, by number as text.
    """

    def __init__(self, stream: IO[bytes] | None, limits: Limits) -> None:
        """`stream`: the part with the strings, None if the workbook has no such part."""
        self.known: dict[str, str] = {}
        self._known_chars = 0
        self._recurring: dict[str, str] = {}  # those that were asked for again, after many others
        self._limits = limits
        self._batches = _batches(stream) if stream else iter(())
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - close() closes it
        self._ends = array("Q", [0])  # of the strings in the file

    def close(self) -> None:
        """Delete the temporary file."""
        self._file.close()

    def text(self, number: str) -> str:
        """The string of this number. Raises Refusal if it does not exist, or there are too many strings."""
        if not (number.isascii() and number.isdigit() and len(number) <= MAX_NUMBER_DIGITS):
            raise damaged(f'a cell has "{number[:20]}" in place of the number of a text')
        place = int(number)
        while place >= len(self._ends) - 1:
            self._add(next(self._batches, None))
        text = self.known.get(number)
        if text is None:
            start, end = self._ends[place], self._ends[place + 1]
            text = os.pread(self._file.fileno(), end - start, start).decode()
            if len(text) <= MAX_RECURRING_CHARS:
                if len(self._recurring) >= MAX_RECURRING:
                    self._recurring.clear()
                self._recurring[number] = text
            self._remember({number: text})
        return text

    def _add(self, batch: list[str] | None) -> None:
        """Keep the next strings, in memory as well since they will probably be asked for next."""
        if batch is None:
            raise damaged("a cell refers to a text that does not exist")
        count, limits = len(self._ends) - 1, self._limits
        encoded = [text.encode() for text in batch]
        self._file.write(b"".join(encoded))
        self._ends.extend(accumulate(map(len, encoded), initial=self._ends.pop()))
        self._remember(dict(zip(map(str, range(count, count + len(batch))), batch, strict=True)))
        if len(self._ends) > limits.shared_strings or self._ends[-1] > limits.shared_string_bytes:
            raise too_large(
                f"has more than {limits.shared_strings} different texts, or than "
                f"{limits.shared_string_bytes} bytes of them"
            )

    def _remember(self, texts: Mapping[str, str]) -> None:
        chars = sum(map(len, texts.values()))
        self._known_chars += chars
        if len(self.known) + len(texts) > MAX_KNOWN or self._known_chars > MAX_KNOWN_CHARS:
            self.known.clear()
            self.known.update(self._recurring)
            self._known_chars = chars + sum(map(len, self._recurring.values()))
        self.known.update(texts)


def _batches(stream: IO[bytes]) -> Iterator[list[str]]:
    """The strings of a part in their order, those that end in a piece of it at a time."""
    part = _Part()
    string_end = 0
    for piece in part.xml.pieces(stream, "si"):
        strings = part.read(piece)
        if strings:
            string_end = part.xml.fed
        elif part.xml.fed - string_end > MAX_STRING_BYTES:
            raise too_large(f"has a text of more than {MAX_STRING_BYTES} bytes")
        yield strings
    part.xml.parse(b"", is_last=True)


class _Part:
    """A part that is read piece by piece: as plain strings where possible, else by handlers."""

    def __init__(self) -> None:
        self.xml = Xml()
        self.xml.handlers.StartElementHandler = self._first
        self._plain: PlainStrings | None = None
        self._strings: list[str] = []
        self._texts: list[str] = []  # the runs of the string that is being read
        self._depth = 0
        self._is_phonetic = False

    def read(self, piece: bytes) -> list[str]:
        """The strings that end in the next piece."""
        strings = self._plain.read(piece) if self._plain and self.xml.is_at_plain_markup() else None
        if strings is None:
            self.xml.parse(piece)
            strings, self._strings = self._strings, []
            return strings
        self.xml.parse_without_handlers(piece)
        return strings

    def _first(self, root: str, _: object) -> None:
        main = main_namespace(root, "sst")
        self._string, self._run, self._phonetic = main + "si", main + "t", main + "rPh"
        self._plain = PlainStrings(self.xml.prefix)
        self.xml.handlers.StartElementHandler = self._start
        self.xml.handlers.EndElementHandler = self._end

    def _start(self, tag: str, _: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_deep()
        if tag == self._phonetic:
            self._is_phonetic = True
        elif tag == self._run and not self._is_phonetic:
            self.xml.handlers.CharacterDataHandler = self._texts.append

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if tag == self._run:
            self.xml.handlers.CharacterDataHandler = None
        elif tag == self._phonetic:
            self._is_phonetic = False
        elif tag == self._string:
            self._strings.append(unescaped("".join(self._texts)))
            self._texts.clear()
