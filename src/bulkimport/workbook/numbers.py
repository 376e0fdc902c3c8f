"""Numbers of cells → text, as the spreadsheet shows them, and whether that text can be trusted."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from bulkimport.workbook.marks import DATE, ERROR, ROUNDED
from bulkimport.workbook.styles import Kind, NumberFormat

# What Python's float() takes and a spreadsheet does not write: "nan", "1_000", digits of other scripts.
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
MAX_NUMBER_CHARS = 400
SIGNIFICANT_DIGITS = (
    15  # of the numbers that a spreadsheet keeps; further ones were rounded when they were typed
)
ISO_DATE = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:T(?P<time>[0-9:]{5,8})(?P<fraction>\.[0-9]+)?Z?)?"
)
MIDNIGHT = ("00:00", "00:00:00")

MS_PER_DAY = 86_400_000
DAY_ZERO_1904 = date(1904, 1, 1)
# Day 1 is 1 January 1900. Day 60 is 29 February 1900, which never was, so that each later day has a number
# that is too high by one.
DAY_ZERO_1900, LEAP_DAY = date(1899, 12, 31), 60
LAST_DAY = date(9999, 12, 31)

# A text, and its mark if the number is not, or may not be, what was typed.
Shown = tuple[str, str | None]


def shown(raw: str, number_format: NumberFormat, *, since_1904: bool) -> Shown:
    """The text of a cell with this number as the file has it, and the mark of the text or None.

    A date is in ISO 8601, with a time in UTC unless it is midnight. Other numbers have no exponent, and at
    most 15 significant digits. What is not a number is an error.
    """
    raw = raw.strip()
    if len(raw) > MAX_NUMBER_CHARS or not NUMBER.fullmatch(raw):
        return raw, ERROR
    value = Decimal(raw)
    if abs(value.adjusted()) > 330:  # more than a spreadsheet can hold; as digits it may be thousands
        return ("0", None) if value.adjusted() < 0 or not value else (raw, ERROR)
    kind = number_format.kind
    if kind in (Kind.DATE, Kind.TIME, Kind.ELAPSED):
        return _moment(value, kind, since_1904) or _digits(value), DATE
    if kind is Kind.PADDED and value.adjusted() < SIGNIFICANT_DIGITS:
        return _padded(value, number_format.mask), None
    if kind is Kind.PERCENT:
        return f"{_digits(_significant(value) * 100)}%", None
    return _digits(_significant(value)), _rounded_mark(value)


def shown_iso(raw: str) -> Shown:
    """The text of a cell whose date the file has in ISO 8601, as strict OOXML does."""
    match = ISO_DATE.fullmatch(raw.strip())
    if match is None:
        return raw, DATE
    time, fraction = match["time"], (match["fraction"] or "").rstrip("0")[:7].rstrip(".")
    if time is None or (time in MIDNIGHT and not fraction):
        return match["date"], DATE
    return f"{match['date']}T{time}{fraction}Z", DATE


def _significant(value: Decimal) -> Decimal:
    return Decimal(f"{value:.{SIGNIFICANT_DIGITS - 1}e}")


def _digits(value: Decimal) -> str:
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _rounded_mark(value: Decimal) -> str | None:
    return ROUNDED if value.adjusted() >= SIGNIFICANT_DIGITS else None


def _padded(value: Decimal, mask: Sequence[str]) -> str:
    """The number in a format with leading zeros: digits fill it from the right, surplus ones come first."""
    point = mask.index(".") if "." in mask else len(mask)
    places = sum(piece == "0" for piece in mask[point:])
    rounded = _significant(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    integer, _, fraction = f"{abs(rounded):f}".partition(".")
    first = next(place for place, piece in enumerate(mask) if piece in ("0", "#"))
    text = ""
    for place in range(point - 1, -1, -1):
        if mask[place][0] == '"':
            text = mask[place][1:] + text
        elif place == first:
            text = (integer or ("0" if mask[place] == "0" else "")) + text
        else:
            text = (integer[-1:] or ("0" if mask[place] == "0" else "")) + text
            integer = integer[:-1]
    digits = iter(fraction)
    for piece in mask[point:]:
        text += piece[1:] if piece[0] == '"' else next(digits) if piece == "0" else piece
    return f"-{text}" if rounded < 0 else text


def _moment(value: Decimal, kind: Kind, since_1904: bool) -> str | None:
    """A date, a time or a duration; None for a day that a spreadsheet cannot show."""
    if value.adjusted() > len(str(LAST_DAY.toordinal())):
        return None
    milliseconds = int((value * MS_PER_DAY).to_integral_value(ROUND_HALF_UP))
    days, of_day = divmod(milliseconds, MS_PER_DAY)
    if kind is Kind.ELAPSED and milliseconds >= 0:
        return _clock(milliseconds)
    if kind is Kind.TIME and days == 0:
        return _clock(of_day)
    day = _day(days, since_1904)
    if day is None:
        return None
    return f"{day}T{_clock(of_day)}Z" if of_day else day


def _day(days: int, since_1904: bool) -> str | None:
    last = LAST_DAY - (DAY_ZERO_1904 if since_1904 else DAY_ZERO_1900)
    if not 0 <= days <= last.days + (0 if since_1904 else 1):
        return None
    if since_1904:
        return (DAY_ZERO_1904 + timedelta(days)).isoformat()
    if days in (0, LEAP_DAY):
        return "1900-01-00" if days == 0 else "1900-02-29"  # as Excel shows them: no dates
    return (DAY_ZERO_1900 + timedelta(days - (days > LEAP_DAY))).isoformat()


def _clock(milliseconds: int) -> str:
    seconds, fraction = divmod(milliseconds, 1000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:03}" if fraction else text
