"""The styles of a workbook → what the numbers in cells of each mean (ECMA-376 part 1, section 18.8.31)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import IO

from bulkimport.workbook.limits import too_large
from bulkimport.workbook.parsing import visit

MAX_STYLES = 100_000  # Excel has at most 65,490
MAX_FORMAT_CHARS = 255  # Excel's own limit; what is longer is read as "General"
# The formats that a workbook has by number, without their text (section 18.8.30). 27 to 36 and 50 to 58 are
# dates and times in the editions for East Asia, and are used in no others.
BUILT_IN = {
    9: "0%",
    10: "0.00%",
    22: "m/d/yy h:mm",
    46: "[h]:mm:ss",
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 59)), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47), "h:mm:ss"),
}

# What a format shows as it stands: quoted text, a character after a backslash; and the fillers _ and *.
LITERAL = r'"[^"]*"?|\\.?|[_*].?'
LITERALS = re.compile(LITERAL, re.DOTALL)
FIRST_SECTION = re.compile(rf'(?:{LITERAL}|[^;"\\_*])*', re.DOTALL)
ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
BRACKETS = re.compile(r"\[[^\]]*\]?")  # colours, conditions and locales
AM_PM = re.compile(r"am/pm|a/p", re.IGNORECASE)
MAX_DECIMAL_PLACES = 10
MASK_PIECE = re.compile(rf"(?P<literal>{LITERAL})|(?P<symbol>[0#?.])|(?P<plain>[-+ ():$!^&'~<>=])", re.DOTALL)


class Kind(Enum):
    """What a number in a cell means."""

    NUMBER = "number"
    PERCENT = "percent"
    PADDED = "padded"
    DATE = "date"
    TIME = "time"
    ELAPSED = "elapsed"


@dataclass(frozen=True)
class NumberFormat:
    """What the numbers of a format mean, and of padded ones the mask.

    A mask has a piece for each digit, "0" if a leading zero is shown and "#" if not; "." for the decimal
    point; and literal texts, each after a quote, such as '"INV-'.
    """

    kind: Kind
    mask: tuple[str, ...] = ()


NUMBER = NumberFormat(Kind.NUMBER)


def read(stream: IO[bytes]) -> list[NumberFormat]:
    """The number format of each style, in the order in which cells refer to them."""
    codes = dict(BUILT_IN)
    format_ids: list[int] = []

    def on_element(parent: str, name: str, attributes: Mapping[str, str]) -> None:
        if parent == "numFmts" and name == "numFmt":
            codes[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
        elif parent == "cellXfs" and name == "xf":
            format_ids.append(_number(attributes.get("numFmtId")))
        if len(format_ids) > MAX_STYLES or len(codes) > MAX_STYLES:
            raise too_large(f"has more than {MAX_STYLES} styles")

    visit(stream, on_element)
    formats = {format_id: parse(codes[format_id]) for format_id in set(format_ids) & set(codes)}
    return [formats.get(format_id, NUMBER) for format_id in format_ids]


def parse(code: str) -> NumberFormat:
    """The meaning of a format. Only its first section counts, in which positive numbers are shown."""
    section = FIRST_SECTION.match(code[: MAX_FORMAT_CHARS + 1])
    if section is None or len(code) > MAX_FORMAT_CHARS:
        return NUMBER
    symbols = LITERALS.sub("", section.group())
    if ELAPSED.search(symbols):
        return NumberFormat(Kind.ELAPSED)
    letters = set(AM_PM.sub("h", BRACKETS.sub("", symbols)).lower())
    if letters & set("dy") or ("m" in letters and not letters & set("hs")):
        return NumberFormat(Kind.DATE)
    if letters & set("hs"):
        return NumberFormat(Kind.TIME)
    if "%" in letters:
        return NumberFormat(Kind.PERCENT)
    mask = _mask(BRACKETS.sub("", section.group()))
    return NumberFormat(Kind.PADDED, mask) if mask else NUMBER


def _mask(section: str) -> tuple[str, ...]:
    """The pieces of a format that shows leading zeros; () for any other."""
    pieces: list[str] = []
    end = 0
    for match in MASK_PIECE.finditer(section):
        if match.start() != end:
            return ()
        end = match.end()
        pieces.append(_piece(match.group(), match.lastgroup))
    integer, _, fraction = "".join(piece[:1] for piece in pieces if piece[:1] in "0#.").partition(".")
    if (
        end != len(section)
        or integer.count("0") < 2
        or fraction.strip("0")
        or len(fraction) > MAX_DECIMAL_PLACES
    ):
        return ()
    return tuple(pieces)


def _piece(text: str, group: str | None) -> str:
    if group == "symbol":
        return "#" if text == "?" else text
    if group == "plain":
        return f'"{text}'
    if text[0] == '"':
        return '"' + text[1:].removesuffix('"')
    return {"\\": f'"{text[1:]}', "_": '" ', "*": '"'}[text[0]]


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
