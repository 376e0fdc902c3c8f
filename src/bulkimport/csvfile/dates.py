"""Dates and timestamps, in the format that a column declares or that all its dates share, never by row."""

import re
from collections.abc import Mapping, Set
from datetime import UTC, datetime, timedelta, timezone

from bulkimport.errors import Refusal

ISO = "YYYY-MM-DD"
AUTO = "auto"
# A year of two digits from here on is in the 20th century (POSIX, strptime, %y): 69 is 1969, and 68 is 2068.
PIVOT = 69
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MAX_MEMO_CELLS = 10_000
MAX_SHOWN_CHARS = 50

# Stricter than datetime.fromisoformat, which also takes 20240115 and 2024-W03-1; \d would take Arabic digits.
DAY, MONTH = "(?P<day>[0-9]{1,2})", "(?P<month>[0-9]{1,2})"
YEAR, SHORT_YEAR = "(?P<year>[0-9]{4})", "(?P<year>[0-9]{2})"
DATES = {
    ISO: f"{YEAR}-{MONTH}-{DAY}",
    "YYYY/MM/DD": f"{YEAR}/{MONTH}/{DAY}",
    "DD/MM/YYYY": f"{DAY}/{MONTH}/{YEAR}",
    "MM/DD/YYYY": f"{MONTH}/{DAY}/{YEAR}",
    "DD-MM-YYYY": f"{DAY}-{MONTH}-{YEAR}",
    "DD.MM.YYYY": rf"{DAY}\.{MONTH}\.{YEAR}",
    "DD-Mon-YYYY": f"{DAY}-(?P<month>[A-Z]{{3}})-{YEAR}",
    "D/M/YY": f"{DAY}/{MONTH}/{SHORT_YEAR}",
    "M/D/YY": f"{MONTH}/{DAY}/{SHORT_YEAR}",
}
TIME = (
    r"(?:(?:T| +)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?: *(?P<half>[AP])M)?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
PATTERNS = {name: re.compile(date + TIME, re.IGNORECASE | re.ASCII) for name, date in DATES.items()}
PARTS = ("year", "month", "day", "hour", "minute", "second", "fraction", "half", "zone")
FORMATS = tuple(PATTERNS)
PART = re.compile("YYYY|YY|MM|Mon|M|DD|D")


def parse(text: str, date_format: str) -> datetime | None:
    """The moment in UTC, midnight if no time is given; None if the text is not a date of this format.

    Days and months may have one digit. A time of day may follow (ISO 8601, RFC 3339 section 5.6, or with AM
    or PM); without an offset it is in UTC. Of the fraction of a second, microseconds count.
    """
    match = PATTERNS[date_format].fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, half, zone = match.group(*PARTS)
    try:
        moment = datetime(
            int(year) if len(year) == 4 else _long_year(int(year)),
            int(month) if month.isdigit() else MONTHS.index(month.lower()) + 1,
            int(day),
            _hour(int(hour or 0), half) if half else int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int(fraction[:6].ljust(6, "0")) if fraction else 0,
            _zone(zone),
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def rewritten(text: str, date_format: str) -> str:
    """The date or timestamp in ISO 8601 in this format; as it is if it would become another moment."""
    moment = parse(text, ISO)
    if moment is None:
        return text
    date, t, time = text.partition("T")
    year, month, day = date.split("-")
    parts = {"YYYY": year, "YY": year[2:], "MM": month, "M": month, "DD": day, "D": day}
    parts["Mon"] = MONTHS[int(month) - 1].title()
    result = PART.sub(lambda part: parts[part[0]], date_format) + t + time
    return result if parse(result, date_format) == moment else text


def _long_year(short_year: int) -> int:
    return short_year + (1900 if short_year >= PIVOT else 2000)


def _hour(hour: int, half: str) -> int:
    if not 1 <= hour <= 12:
        raise ValueError("no such hour of half a day")
    return hour % 12 + (12 if half in "Pp" else 0)


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)


class FormatEvidence:
    """The formats in which every date of a column can be read.

    A cell that is not a date in any format does not count: its row will have an error.
    """

    def __init__(self) -> None:
        self.possible: Set[str] = frozenset(FORMATS)
        self._dates: list[tuple[str, Set[str]]] = []  # the first two, and those that ruled a format out
        self._others: list[str] = []  # the first two cells that are not dates
        self._fits: dict[str, Set[str]] = {}

    @property
    def has_dates(self) -> bool:
        """Whether any cell is a date in some format."""
        return bool(self._dates)

    @property
    def fitting(self) -> list[str]:
        """The formats that fit every date so far, in the order of FORMATS."""
        return [name for name in FORMATS if name in self.possible]

    def add(self, row: int, cell: str) -> None:
        """Take the cell of this row into account."""
        fits = self._fits.get(cell)
        if fits is None:
            fits = self._look(cell)
        if not fits:
            if len(self._others) < 2 and cell.strip():
                self._others.append(_shown(row, cell))
        elif not self.possible <= fits:
            self.possible &= fits
            self._dates.append((_shown(row, cell), fits))
        elif len(self._dates) < 2 and self.possible:
            self._dates.append((_shown(row, cell), fits))

    def decide(self, field: str, certain: Set[str]) -> str:
        """The only format left; of several, the one that is `certain` for another column.

        A column without dates has that one too, or ISO. Raises Refusal, with example cells, if no format is
        left or it is not known which one counts.
        """
        shared = self.possible & certain
        if len(self.possible) == 1 or len(shared) == 1:
            return next(iter(shared or self.possible))
        if not self._dates and not self._others:
            return ISO
        if not self._dates:
            cells, problem = self._others, "cannot be read as dates"
        elif self.possible:
            cells = [cell for cell, _ in self._dates[:2]]
            problem = f"can be read as {' and as '.join(sorted(self.possible))}"
        else:
            cells = [f"{cell} ({' or '.join(sorted(fits))})" for cell, fits in self._dates[-2:]]
            problem = "have no format in common"
        raise Refusal(
            "ambiguous-dates",
            f"The dates of {field} {problem}, for example {' and '.join(cells)}; say with date_format= how "
            f"they are written. The formats that were tried are {', '.join(FORMATS)}.",
        )

    def _look(self, cell: str) -> Set[str]:
        if len(self._fits) >= MAX_MEMO_CELLS:
            self._fits.clear()
        text = cell.strip()
        fits = self._fits[cell] = frozenset(name for name in FORMATS if parse(text, name))
        return fits


def decide(columns: Mapping[str, FormatEvidence]) -> dict[str, str]:
    """The format of each of these columns, in which all of its dates can be read.

    Where several formats fit a column, that of the other columns counts. Raises Refusal if a column is left
    without a format, or with several.
    """
    certain = {
        name for evidence in columns.values() if len(evidence.possible) == 1 for name in evidence.possible
    }
    return {field: evidence.decide(field, certain) for field, evidence in columns.items()}


def _shown(row: int, cell: str) -> str:
    return f'"{cell.strip()[:MAX_SHOWN_CHARS]}" in row {row}'
