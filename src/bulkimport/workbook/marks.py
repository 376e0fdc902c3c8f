"""Why the text of a cell cannot be trusted, and how that travels in CSV text."""

ERROR = "error"  # an error value, such as #REF!
UNCALCULATED = "uncalculated"  # a formula whose result the file does not have; the text is ""
ROUNDED = "rounded"  # a number of more than 15 significant digits; the text has the first 15
DATE = "date"  # a date, time or duration that the spreadsheet keeps as a number

# In CSV text the mark of a cell is the first half of a surrogate pair, in front of its text. XML cannot
# contain any half, and text that was decoded from an upload only second halves, from U+DC00 on, in place of
# bytes that did not decode.
PREFIXES = {ERROR: "\ud800", UNCALCULATED: "\ud801", ROUNDED: "\ud802", DATE: "\ud803"}
MARKS = {prefix: mark for mark, prefix in PREFIXES.items()}


def unmarked(cell: str) -> tuple[str, str | None]:
    """The text of a cell of CSV text and its mark, None if it has none."""
    mark = MARKS.get(cell[:1])
    return (cell[1:], mark) if mark else (cell, None)
