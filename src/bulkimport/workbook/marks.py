"""Why the text of a cell cannot be trusted, and how that travels in CSV text."""

from collections.abc import Sequence

ERROR = "error"  # an error value, such as #REF!
UNCALCULATED = "uncalculated"  # a formula whose result the file does not have; the text is ""
ROUNDED = "rounded"  # a number of more than 15 significant digits; the text has the first 15
DATE = "date"  # a date, time or duration that the spreadsheet keeps as a number

# In CSV text the mark of a cell is the first half of a surrogate pair, in front of its text. XML cannot
# contain any half, and text that was decoded from an upload only second halves, from U+DC00 on, in place of
# bytes that did not decode.
PREFIXES = {ERROR: "\ud800", UNCALCULATED: "\ud801", ROUNDED: "\ud802", DATE: "\ud803"}
MARKS = {prefix: mark for mark, prefix in PREFIXES.items()}
DELETED = dict.fromkeys(map(ord, MARKS))
ENCODED = "\ud800".encode("utf-8", "surrogatepass")[:2]  # what all of them begin with, and nothing else does


def occur_in(body: bytes) -> bool:
    """Whether a chunk of CSV text has any mark."""
    return ENCODED in body


def without(text: str) -> str:
    """The text without its marks, as people see it."""
    return text.translate(DELETED)


def split(cells: Sequence[str]) -> tuple[Sequence[str], dict[int, str]]:
    """The texts of these cells, and the marks of those that have one, by their places."""
    marks = {place: MARKS[cell[0]] for place, cell in enumerate(cells) if cell[:1] in MARKS}
    if not marks:
        return cells, marks
    return [cell[1:] if place in marks else cell for place, cell in enumerate(cells)], marks


def unmarked(cell: str) -> tuple[str, str | None]:
    """The text of a cell of CSV text and its mark, None if it has none."""
    mark = MARKS.get(cell[:1])
    return (cell[1:], mark) if mark else (cell, None)
