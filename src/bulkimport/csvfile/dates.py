"""Dates and timestamps, in the format that a file declares or that all its dates share, never row by row."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

from bulkimport.errors import Refusal

ISO = "YYYY-MM-DD"
AUTO = "auto"
MAX_MEMO_CELLS = 10_000

# Stricter than datetime.fromisoformat, which also takes 20240115 and 2024-W03-1; \d would take Arabic digits.
ISO_PATTERN = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.IGNORECASE,
)
DAY, MONTH, YEAR = "(?P<day>[0-9]{1,2})", "(?P<month>[0-9]{1,2})", "(?P<year>[0-9]{4})"
PATTERNS = {
    ISO: ISO_PATTERN,
    "DD/MM/YYYY": re.compile(f"{DAY}/{MONTH}/{YEAR}"),
    "MM/DD/YYYY": re.compile(f"{MONTH}/{DAY}/{YEAR}"),
    "DD-MM-YYYY": re.compile(f"{DAY}-{MONTH}-{YEAR}"),
    "DD.MM.YYYY": re.compile(rf"{DAY}\.{MONTH}\.{YEAR}"),
}
FORMATS = tuple(PATTERNS)


def parse(text: str, date_format: str) -> datetime | None:
    """The moment in UTC, midnight if no time is given; None if the text is not a date of this format.

    YYYY-MM-DD also takes timestamps (ISO 8601, RFC 3339 section 5.6); without an offset they are in UTC.
    """
    match = PATTERNS[date_format].fullmatch(text)
    if match is None:
        return None
    parts = match.groupdict()
    try:
        moment = datetime(
            int(parts["year"]),
            int(parts["month"]),
            int(parts["day"]),
            int(parts.get("hour") or 0),
            int(parts.get("minute") or 0),
            int(parts.get("second") or 0),
            int((parts.get("fraction") or "").ljust(6, "0")),
            _zone(parts.get("zone")),
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)


class FormatEvidence:
    """The formats in which every date of a file can be read.

    A cell that is not a date in any format is ignored: its row will have an error.
    """

    def __init__(self) -> None:
        self._possible = frozenset(FORMATS)
        self._narrowing: list[str] = []  # the cells that ruled a format out
        self._fits: dict[str, frozenset[str]] = {}

    def add(self, cells: Iterable[str]) -> None:
        """Take the dates of a row into account."""
        for cell in cells:
            fits = self._fits.get(cell)
            if fits is None:
                fits = self._look(cell)
            if fits and not self._possible <= fits:
                self._possible &= fits
                self._narrowing.append(cell.strip())

    def decide(self) -> str:
        """The only format left, or ISO if there were no dates.

        Raises Refusal, with two example cells, if several formats are left or none is.
        """
        if len(self._possible) == 1:
            return next(iter(self._possible))
        if not self._narrowing:
            return ISO
        if self._possible:
            dates = sorted(cell.strip() for cell, fits in self._fits.items() if fits)
            problem, examples = f"can be read as {' and as '.join(sorted(self._possible))}", dates[:2]
        else:
            problem, examples = "have no format in common", self._narrowing[-2:]
        shown = " and ".join(f'"{example}"' for example in examples)
        raise Refusal(
            "ambiguous-dates", f"The dates {problem}, for example {shown}; say which it is with date_format=."
        )

    def _look(self, cell: str) -> frozenset[str]:
        if len(self._fits) >= MAX_MEMO_CELLS:
            self._fits.clear()
        text = cell.strip()
        fits = self._fits[cell] = frozenset(name for name in FORMATS if parse(text, name))
        return fits
