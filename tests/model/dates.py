"""Dates as docs/files.md describes them: a format, and after it perhaps a time of day."""

import re
from datetime import UTC, datetime, timedelta, timezone

DEFAULT = "YYYY-MM-DD"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FORMATS = {
    "YYYY-MM-DD": r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})",
    "YYYY/MM/DD": r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})",
    "DD/MM/YYYY": r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})",
    "MM/DD/YYYY": r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})",
    "DD-MM-YYYY": r"(?P<d>\d{1,2})-(?P<m>\d{1,2})-(?P<y>\d{4})",
    "DD.MM.YYYY": r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})",
    "DD-Mon-YYYY": r"(?P<d>\d{1,2})-(?P<m>[A-Za-z]{3})-(?P<y>\d{4})",
    "D/M/YY": r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{2})",
    "M/D/YY": r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{2})",
}
TIME = (
    r"(?:[T ](?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?"
    r"(?: ?(?P<half>[AaPp][Mm]))?"
    r"(?P<offset>[Zz]|[+-]\d{2}:\d{2})?)?"
)


def parse(text: str, date_format: str) -> datetime | None:
    """The moment in UTC, or None if the text is not a date of the format or there is no such day."""
    match = re.fullmatch(FORMATS[date_format] + TIME, text, re.ASCII)
    if match is None:
        return None
    part = match.groupdict()
    try:
        day = datetime(_year(part["y"]), _month(part["m"]), int(part["d"]), tzinfo=UTC)
        return day if part["hour"] is None else _at_time(day, part)
    except (ValueError, OverflowError):
        return None


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return 2000 + year if year <= 68 else 1900 + year


def _month(text: str) -> int:
    return int(text) if text.isdigit() else MONTHS.index(text.lower()) + 1


def _at_time(day: datetime, part: dict[str, str]) -> datetime:
    hour = int(part["hour"])
    if part["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(hour)
        hour = hour % 12 + (12 if part["half"].lower() == "pm" else 0)
    microsecond = int(((part["fraction"] or "") + "000000")[:6])
    moment = day.replace(
        hour=hour, minute=int(part["minute"]), second=int(part["second"] or 0), microsecond=microsecond
    )
    return moment.replace(tzinfo=_zone(part["offset"])).astimezone(UTC)


def _zone(offset: str | None) -> timezone:
    if offset is None or offset in "Zz":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(offset)
    distance = timedelta(hours=hours, minutes=minutes)
    return timezone(-distance if offset[0] == "-" else distance)


def of_columns(columns: dict[str, list[str]], requested: dict[str, str]) -> dict[str, str] | None:
    """The format of each column; None if `auto` finds no single format for the texts of one.

    Every format that fits all texts which are dates is possible. Where several are, that of the other column
    counts if it is `auto` too and certain. A column without texts needs no format.
    """
    automatic = {field: columns[field] for field, chosen in requested.items() if chosen == "auto"}
    possible = {field: _possible(texts) for field, texts in automatic.items()}
    certain = {name for fits in possible.values() if len(fits) == 1 for name in fits}
    decided = dict(requested)
    for field, texts in automatic.items():
        shared = possible[field] if len(possible[field]) == 1 else possible[field] & certain
        if len(shared) == 1:
            (decided[field],) = shared
        elif any(texts):
            return None
        else:
            decided[field] = DEFAULT
    return decided


def _possible(texts: list[str]) -> set[str]:
    return set(FORMATS).intersection(*(fits for text in texts if (fits := _fitting(text))))


def _fitting(text: str) -> set[str]:
    return {name for name in FORMATS if parse(text, name) is not None}
