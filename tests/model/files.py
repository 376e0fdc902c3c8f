"""Random tables, options and assets for the model, and the table as a file that the service reads."""

import codecs
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import xlsxwriter
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.model.dates import DEFAULT, FORMATS, MONTHS
from tests.model.rules import DATES, FIELDS, OPTIONAL, Asset, Cell, Options, Record

CHUNK_ROWS = (1, 2, 7, 5_000)
UNDECODABLE = "\ue000"  # stands for a byte that is not UTF-8
HEADERS = {
    "identifier": ("identifier", " Identifier", "asset id", "Asset-Tag", "external_key"),
    "name": ("name", "NAME ", "asset name", "Asset_Name"),
    "type": ("type", "Type"),
    "description": ("description", "DESCRIPTION"),
    "valid_from": ("valid_from", "Valid From", "valid-from"),
    "valid_to": ("valid_to", "VALID  to", "Valid\nTo"),
    "is_active": ("is_active", "Is Active", "active", "ACTIVE"),
}
KEYS = ("colour", "Größe", "serial no", "a.b")
IDENTIFIERS = ("A-1", "a-1", "Ä 4", "ASSET-0001", "ASSET-0003", "ASSET-00005", "ASSET-12")
CLEAR_VALUES = ("#N/A", "-", "NULL")
FIRST_DAY, LAST_DAY = date(1969, 1, 1), date(2068, 12, 31)  # of years with two digits
DAYS = st.sampled_from([FIRST_DAY, date(2024, 2, 29), date(2026, 3, 4), LAST_DAY]) | st.dates(
    FIRST_DAY, LAST_DAY
)
CLEAN_DAYS = {
    "valid_from": st.sampled_from([FIRST_DAY, date(2020, 1, 1), date(2024, 2, 29)]),
    "valid_to": st.sampled_from([date(2024, 2, 29), date(2030, 12, 13), LAST_DAY]),
}
NO_DATES = ("2023-02-29", "31/04/2024", "12/13/99", "soon", "0000-01-01")
TYPES = ("person", "Device", "ASSET", "inventory", "other")
BOOLEANS = ("true", "FALSE", "1", "0", "Yes", "no", "t", "F", "y", "n")
WHITE_SPACE = st.sampled_from([("", ""), ("", ""), (" ", ""), ("\t", "\u00a0")])
TIMES = (
    *("T00:00:00Z", " 23:59", "T08:00:00.123+02:00", " 8:00 AM", " 12:30 am", "T24:00", " 13:00 PM", "T8:5"),
    *("T23:59:59.9999999-23:59", " 08:00:60", "T08:00Z", " 1:02:03.5pm"),
)
TEXTS = st.sampled_from(["Laptop", 'LG TV 55"', "a, b; c", "two\nlines", "=1+1", "0", "Größe", "x" * 255])
NUMBERS = st.sampled_from(["8.93901E+18", "1E5", "1E+05", "-2,5e+10", "1.5E-3", "12E+3", "E+5"])
ODD = st.sampled_from(
    [
        "a\0b",
        "y" * 256,
        "thing",
        "a\u200bb",
        "\u2060",
        f"b{UNDECODABLE}d",
        "z" * 1025,
        "#N/A",
        "-",
        " - ",
        "NULL",
    ]
)


@dataclass(frozen=True)
class Case:
    """A table, the options it is uploaded with, and what exists before.

    `preamble` is the number of rows above the header.
    """

    header: tuple[str, ...]
    records: tuple[Record, ...]
    options: Options
    assets: tuple[Asset, ...]
    deleted: tuple[Asset, ...]
    of_another_account: tuple[Asset, ...]
    highest_number: int
    chunk_rows: int
    preamble: int
    is_workbook: bool
    charset: str
    delimiter: str
    line_end: str
    quotes_all: bool


@st.composite
def cases(draw: DrawFn) -> Case:
    """Any table with most cells valid, any options that do not contradict each other, any assets."""
    options = draw(_options())
    columns = draw(_columns(options))
    options = _with_mapping(options, columns)
    written_as = {name: draw(st.sampled_from(list(FORMATS))) for name in DATES}
    for name in DATES:
        requested = (
            options.date_format
            if isinstance(options.date_format, str)
            else options.date_format.get(name, DEFAULT)
        )
        written_as[name] = requested if requested != "auto" else written_as[name]
    is_workbook = draw(one_in(10))
    preamble = draw(st.sampled_from([0, 0, 0, 2]))
    targets = [target for _, target in columns]
    is_clean = draw(st.booleans())
    rows = [
        draw(_row(targets, written_as, is_workbook=is_workbook, is_clean=is_clean))
        for _ in range(draw(st.integers(1, 9)))
    ]
    while is_workbook and rows and not rows[-1][0]:
        rows.pop()
    records = tuple(
        Record(preamble + 2 + place, tuple(cells), fault) for place, (cells, fault) in enumerate(rows)
    )
    fewest = 4 if options.on_conflict == "update" else 0
    existing = draw(st.lists(_asset(), min_size=fewest, max_size=6, unique_by=lambda asset: asset.identifier))
    return Case(
        header=tuple(header for header, _ in columns),
        records=records,
        options=options,
        assets=tuple(existing),
        deleted=tuple(draw(st.lists(_asset(), max_size=2, unique_by=lambda asset: asset.identifier))),
        of_another_account=tuple(
            draw(st.lists(_asset(), max_size=2, unique_by=lambda asset: asset.identifier))
        ),
        highest_number=draw(st.sampled_from([0, 2, 9_999])),
        chunk_rows=draw(st.sampled_from(CHUNK_ROWS)),
        preamble=preamble,
        is_workbook=is_workbook,
        charset=draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "windows-1252"])),
        delimiter=draw(st.sampled_from([",", ";", "|", "\t"])),
        line_end=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        quotes_all=draw(st.booleans()),
    )


@st.composite
def _options(draw: DrawFn) -> Options:
    on_conflict = draw(st.sampled_from(["error", "skip", "update", "update"]))
    one_format = st.sampled_from([DEFAULT, DEFAULT, "auto", *FORMATS])
    each_format = st.fixed_dictionaries({}, optional=dict.fromkeys(DATES, one_format)).filter(bool)
    updates = on_conflict == "update"
    default_values = {
        "name": st.sampled_from(["Unnamed", "-"]),
        "type": st.sampled_from(["asset", "OTHER"]),
        "description": st.just("by default"),
        "valid_from": st.sampled_from(["today", "2024-01-15"]),
        "valid_to": st.sampled_from(["today", "2030-12-31", "2020-01-01"]),
        "is_active": st.sampled_from(["yes", "F"]),
        "metadata.colour": st.just("grey"),
        "metadata.site": st.just("Berlin"),
    }
    return Options(
        date_format=draw(one_format | each_format),
        accept_numbers=draw(st.booleans()),
        dry_run=draw(one_in(6)),
        on_conflict=on_conflict,
        on_error=draw(st.sampled_from(["continue", "continue", "continue", "abort"])),
        defaults=draw(st.just({}) | st.fixed_dictionaries({}, optional=default_values)),
        identifiers="generate" if on_conflict == "error" and draw(st.booleans()) else "file",
        empty="clear" if updates and draw(st.booleans()) else "keep",
        clear_value=draw(st.none() | st.sampled_from(CLEAR_VALUES)) if updates else None,
    )


@st.composite
def _columns(draw: DrawFn, options: Options) -> list[tuple[str, str | None]]:
    """Each column's header, and the field it is written for; None for one that is ignored."""
    columns: list[tuple[str, str | None]] = []
    is_sparse = options.on_conflict == "update" and draw(st.booleans())
    for name in FIELDS:
        optional = (
            name in OPTIONAL
            or name in options.defaults
            or (name == "identifier" and options.identifiers == "generate")
            or (name != "identifier" and options.on_conflict == "update")
        )
        is_absent = draw(one_in(4 if optional else 40))
        if is_absent == (optional and is_sparse):
            columns.append((draw(st.sampled_from([*HEADERS[name], f"Our {name}"])), name))
    keys = draw(st.lists(st.sampled_from(KEYS), max_size=3, unique=True))
    columns += [(draw(st.sampled_from(["metadata.", "Metadata."])) + key, f"metadata.{key}") for key in keys]
    if draw(one_in(20)):
        columns += [(f"metadata.k{number}", f"metadata.k{number}") for number in range(22)]
    columns += draw(st.lists(st.just(("Remarks", None)), max_size=2))
    if draw(one_in(30)):
        twice = st.sampled_from([(HEADERS["name"][2], "name"), ("METADATA.COLOUR", "metadata.COLOUR")])
        columns.append(draw(twice))
    return draw(st.permutations(columns)) or [("Remarks", None)]


def _with_mapping(options: Options, columns: Sequence[tuple[str, str | None]]) -> Options:
    mapping = {header: target for header, target in columns if target and header.startswith("Our ")}
    return Options(**{**vars(options), "columns": mapping})


def one_in(count: int) -> SearchStrategy[bool]:
    """True once in so many cases."""
    return st.integers(1, count).map(lambda number: number == count)


# Rows


@st.composite
def _row(
    draw: DrawFn,
    targets: Sequence[str | None],
    written_as: Mapping[str, str],
    *,
    is_workbook: bool,
    is_clean: bool,
) -> tuple[list[Cell], str | None]:
    kind = draw(st.integers(1, 16 if is_clean else 20))
    if kind == 20:
        blanks = st.sampled_from(["", " "])
        return [Cell(draw(blanks)) for _ in range(draw(st.integers(0, len(targets))))], None
    if kind == 19 and not is_workbook:
        return [], "misplaced_quote"
    cells = [
        draw(_cell(target, written_as, is_workbook=is_workbook, is_clean=is_clean)) for target in targets
    ]
    if is_workbook:
        return cells if any(cell.text for cell in cells) else [], None
    if kind == 18:
        cells = cells[: draw(st.integers(0, len(cells)))]
    elif kind == 17:
        cells += [
            Cell(text) for text in draw(st.lists(st.sampled_from(["", " ", "x"]), min_size=1, max_size=2))
        ]
    return cells, None


@st.composite
def _cell(
    draw: DrawFn, target: str | None, written_as: Mapping[str, str], *, is_workbook: bool, is_clean: bool
) -> Cell:
    kind = draw(st.integers(1, 24))
    if is_workbook and kind >= 22:
        return draw(_workbook_cell())
    if kind == 21:
        text = ""
    elif kind >= 19 and not is_clean:
        text = draw(st.just("") | ODD | NUMBERS | TEXTS | st.sampled_from(NO_DATES))
    else:
        text = draw(_text(target, written_as, is_clean=is_clean))
    if is_workbook:
        text = text.replace("\0", "?").replace(UNDECODABLE, "?")
    before, after = draw(WHITE_SPACE)
    text = before + text + after
    return Cell(text, "undecodable" if UNDECODABLE in text else "text")


def _text(target: str | None, written_as: Mapping[str, str], *, is_clean: bool) -> SearchStrategy[str]:
    if target == "identifier":
        return st.sampled_from(IDENTIFIERS)
    if target == "type":
        return st.sampled_from(TYPES)
    if target == "is_active":
        return st.sampled_from(BOOLEANS)
    if target in DATES:
        return _date_text(written_as[target], CLEAN_DAYS[target] if is_clean else DAYS)
    return st.sampled_from(["Laptop", "Screen", "grey", "black"]) | TEXTS


@st.composite
def _date_text(draw: DrawFn, date_format: str, days: SearchStrategy[date]) -> str:
    day, width = draw(days), draw(st.sampled_from(["1", "02"]))
    parts = {
        "Y": f"{day.year:04}" if "YYYY" in date_format else f"{day.year % 100:02}",
        "M": MONTHS[day.month - 1].title() if "Mon" in date_format else f"{day.month:{width}}",
        "D": f"{day.day:{width}}",
    }
    separator = next(character for character in date_format if not character.isalpha())
    text = separator.join(parts[part[0]] for part in date_format.split(separator))
    return text + (draw(st.sampled_from(TIMES)) if draw(one_in(10)) else "")


@st.composite
def _workbook_cell(draw: DrawFn) -> Cell:
    kind = draw(st.sampled_from(["date", "long number", "damaged", "number", "boolean"]))
    if kind == "date":
        return Cell(draw(DAYS).isoformat(), "date")
    if kind == "long number":
        return Cell("12345678901234600000", "long number")
    if kind == "damaged":
        return Cell(draw(st.sampled_from(["#N/A", "#REF!"])), "damaged")
    if kind == "number":
        return Cell(draw(st.sampled_from(["0", "1", "12.5", "123456789012345"])), "number")
    return Cell(draw(st.sampled_from(["TRUE", "FALSE"])), "boolean")


@st.composite
def _asset(draw: DrawFn) -> Asset:
    begins = datetime.combine(draw(DAYS), datetime.min.time(), UTC)
    return Asset(
        identifier=draw(st.sampled_from(IDENTIFIERS)),
        name=draw(st.sampled_from(["Laptop", "Old"])),
        type=draw(st.sampled_from(["device", "other"])),
        description=draw(st.sampled_from([None, "Old"])),
        valid_from=begins,
        valid_to=draw(st.none() | st.just(begins + timedelta(days=400, microseconds=1))),
        is_active=draw(st.booleans()),
        metadata=draw(
            st.dictionaries(st.sampled_from([*KEYS, "site"]), st.sampled_from(["grey", "old"]), max_size=3)
        ),
        version=draw(st.integers(1, 3)),
    )


# The table as a file


def form_fields(case: Case) -> dict[str, str]:
    """The options as an upload sends them."""
    options = case.options
    fields: dict[str, Any] = {
        "date_format": options.date_format
        if isinstance(options.date_format, str)
        else json.dumps(options.date_format),
        "accept_numbers": str(options.accept_numbers),
        "dry_run": str(options.dry_run).lower(),
        "on_conflict": options.on_conflict,
        "on_error": options.on_error,
        "columns": json.dumps(options.columns),
        "defaults": json.dumps(options.defaults),
        "identifiers": options.identifiers,
        "empty": options.empty,
        "clear_value": options.clear_value,
        "header_row": str(case.preamble + 1) if case.preamble else None,
        "delimiter": case.delimiter,
        "charset": "windows-1252" if not case.is_workbook and _charset(case) == "windows-1252" else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def to_bytes(case: Case) -> bytes:
    """The file, with the rows above the header."""
    return _workbook(case) if case.is_workbook else _csv(case)


def _csv(case: Case) -> bytes:
    text = f"Our assets{case.line_end}" * case.preamble + _line(case, case.header)
    for record in case.records:
        text += f'"a"b{case.line_end}' if record.fault else _line(case, [cell.text for cell in record.cells])
    charset = _charset(case)
    if charset == "utf-16":
        return codecs.BOM_UTF16_LE + text.encode("utf-16-le")
    return text.encode(charset).replace(UNDECODABLE.encode(), b"\xff")


def _charset(case: Case) -> str:
    """The charset of the case, or UTF-8 if it cannot write the file."""
    text = "".join(cell.text for record in case.records for cell in record.cells) + "".join(case.header)
    if UNDECODABLE in text and not case.charset.startswith("utf-8"):
        return "utf-8"
    try:
        text.encode(case.charset)
    except UnicodeEncodeError:
        return "utf-8"
    return case.charset


def _line(case: Case, texts: Sequence[str]) -> str:
    def cell(text: str) -> str:
        needs_quotes = case.quotes_all or any(character in text for character in f'{case.delimiter}"\r\n')
        return '"' + text.replace('"', '""') + '"' if needs_quotes else text

    return case.delimiter.join(map(cell, texts)) + case.line_end


def _workbook(case: Case) -> bytes:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    sheet, day = book.add_worksheet("Assets"), book.add_format({"num_format": "dd/mm/yyyy"})
    for row in range(case.preamble):
        sheet.write_string(row, 0, "Our assets")
    sheet.write_row(case.preamble, 0, case.header)
    for record in case.records:
        for column, cell in enumerate(record.cells):
            place = (record.row - 1, column)
            if cell.kind == "date":
                sheet.write_datetime(*place, date.fromisoformat(cell.text), day)
            elif cell.kind in ("number", "long number"):
                sheet.write_number(*place, float(cell.text))
            elif cell.kind == "boolean":
                sheet.write_boolean(*place, cell.text == "TRUE")
            elif cell.kind == "damaged":
                sheet.write_formula(*place, "=NA()", None, cell.text)
            else:
                sheet.write_string(*place, cell.text)
    book.close()
    return file.getvalue()
