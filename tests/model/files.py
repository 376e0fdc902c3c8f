"""Random tables, options and assets for the model, and the table as a file that the service reads."""

import codecs
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import xlsxwriter

from tests.model.dates import DEFAULT, FORMATS, MONTHS
from tests.model.rules import DATES, FIELDS, MAX_CHARS, OPTIONAL, Asset, Cell, Options, Record

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
TEXTS = ("Laptop", "Screen", "grey", 'LG TV 55"', "a, b; c", "two\nlines", "=1+1", "0", "Größe", "x" * 255)
VALUES = {
    "identifier": (*IDENTIFIERS, *(f"B-{number}" for number in range(6))),
    "name": ("Laptop", "Old", 'LG TV 55"', "two\nlines", "x" * 255),
    "description": ("Old", "a, b; c", "=1+1", "z" * 1024),
    "type": ("person", "Device", "ASSET", "inventory", "other"),
    "is_active": ("true", "FALSE", "1", "0", "Yes", "no", "t", "F", "y", "n"),
}
DEFAULT_VALUES = {
    "name": ("Unnamed", "-"),
    "type": ("asset", "OTHER"),
    "description": ("by default",),
    "valid_from": ("today", "2024-01-15"),
    "valid_to": ("today", "2030-12-31", "2020-01-01"),
    "is_active": ("yes", "F"),
    "metadata.colour": ("grey",),
    "metadata.site": ("Berlin",),
}
CLEAR_VALUES = ("#N/A", "-", "NULL")
FIRST_DAY, LAST_DAY = date(1969, 1, 1), date(2068, 12, 31)  # of years with two digits
CLEAN_DAYS = {
    "valid_from": (FIRST_DAY, date(2020, 1, 1), date(2024, 2, 29)),
    "valid_to": (date(2024, 2, 29), date(2030, 12, 13), LAST_DAY),
}
WHITE_SPACE = (("", ""), ("", ""), (" ", ""), ("\t", "\u00a0"))
TIMES = (
    *("T00:00:00Z", " 23:59", "T08:00:00.123+02:00", " 8:00 AM", " 12:30 am", "T24:00", " 13:00 PM", "T8:5"),
    *("T23:59:59.9999999-23:59", " 08:00:60", "T08:00Z", " 1:02:03.5pm"),
)
ODD = (
    *("", "a\0b", "y" * 256, "thing", "a\u200bb", "\u2060", f"b{UNDECODABLE}d", "z" * 1025, "two\nlines"),
    *(
        "y" * 256,
        "z" * 1025,
        "#N/A",
        "-",
        " - ",
        "NULL",
        "2023-02-29",
        "31/04/2024",
        "12/13/99",
        "soon",
        "0000-01-01",
    ),
    *("8.93901E+18", "1E5", "1E+05", "-2,5e+10", "1.5E-3", "12E+3", "E+5"),
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


def random_case(random: Random) -> Case:
    """Any table with most cells valid, any options that do not contradict each other, any assets."""
    options = _options(random)
    columns = _columns(random, options)
    mapping = {header: target for header, target in columns if target and header.startswith("Our ")}
    options = replace(options, columns=mapping)
    assets = _assets(random, 4 if options.on_conflict == "update" else random.randint(0, 4))
    writer = _Writer(
        random,
        _written_as(random, options),
        is_workbook=one_in(random, 10),
        is_clean=not one_in(random, 3),
        generates=options.identifiers == "generate",
        assets=assets,
    )
    preamble = random.choice([0, 0, 0, 2])
    rows = [writer.row([target for _, target in columns]) for _ in range(random.randint(1, 9))]
    while writer.is_workbook and rows and not rows[-1][0]:
        rows.pop()
    return Case(
        header=tuple(header for header, _ in columns),
        records=tuple(
            Record(preamble + 2 + place, tuple(cells), fault) for place, (cells, fault) in enumerate(rows)
        ),
        options=options,
        assets=assets,
        deleted=_assets(random, random.randint(0, 2)),
        of_another_account=_assets(random, random.randint(0, 2)),
        highest_number=random.choice([0, 2, 9_999]),
        chunk_rows=random.choice(CHUNK_ROWS),
        preamble=preamble,
        is_workbook=writer.is_workbook,
        charset=random.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "windows-1252"]),
        delimiter=random.choice([",", ";", "|", "\t"]),
        line_end=random.choice(["\n", "\r\n", "\r"]),
        quotes_all=one_in(random, 2),
    )


def one_in(random: Random, count: int) -> bool:
    """True once in so many cases."""
    return random.randint(1, count) == 1


def some_of(random: Random, names: Sequence[str], count: int) -> list[str]:
    """At most so many of the names, in any order."""
    return random.sample(names, random.randint(0, count))


def _options(random: Random) -> Options:
    on_conflict = random.choice(["error", "error", "skip", "update", "update"])
    formats = (DEFAULT, DEFAULT, "auto", *FORMATS, "D/M/YY", "M/D/YY")
    each_format = {name: random.choice(formats) for name in random.sample(DATES, random.randint(1, 2))}
    updates = on_conflict == "update"
    names = some_of(random, list(DEFAULT_VALUES), 4) if one_in(random, 2) else []
    return Options(
        date_format=each_format if one_in(random, 2) else random.choice(formats),
        accept_numbers=one_in(random, 2),
        dry_run=one_in(random, 6),
        on_conflict=on_conflict,
        on_error="abort" if one_in(random, 4) else "continue",
        defaults={name: random.choice(DEFAULT_VALUES[name]) for name in names},
        identifiers="generate" if on_conflict == "error" and one_in(random, 2) else "file",
        empty="clear" if updates and one_in(random, 3) else "keep",
        clear_value=random.choice(CLEAR_VALUES) if updates and one_in(random, 3) else None,
    )


def _written_as(random: Random, options: Options) -> dict[str, str]:
    """The format in which most cells of each date are."""
    requested = options.date_format
    by_field = dict.fromkeys(DATES, requested) if isinstance(requested, str) else requested
    formats = {name: by_field.get(name, DEFAULT) for name in DATES}
    return {
        name: random.choice(list(FORMATS)) if chosen == "auto" else chosen for name, chosen in formats.items()
    }


def _columns(random: Random, options: Options) -> list[tuple[str, str | None]]:
    """Each column's header, and the field it is written for; None for one that is ignored."""
    columns: list[tuple[str, str | None]] = []
    is_sparse = options.on_conflict == "update" and one_in(random, 2)
    for name in FIELDS:
        optional = (
            name in OPTIONAL
            or name in options.defaults
            or (name == "identifier" and options.identifiers == "generate")
            or (name != "identifier" and options.on_conflict == "update")
        )
        is_absent = one_in(random, 4 if optional else 60)
        if is_absent == (optional and is_sparse):
            columns.append((random.choice([*HEADERS[name], f"Our {name}"]), name))
    keys = some_of(random, KEYS, 1 if is_sparse else 3)
    columns += [(random.choice(["metadata.", "Metadata."]) + key, f"metadata.{key}") for key in keys]
    if one_in(random, 20):
        columns += [(f"metadata.k{number}", f"metadata.k{number}") for number in range(22)]
    columns += [("Remarks", None)] * random.randint(0, 2)
    if one_in(random, 30):
        columns.append(random.choice([(HEADERS["name"][2], "name"), ("METADATA.COLOUR", "metadata.COLOUR")]))
    return random.sample(columns, len(columns)) or [("Remarks", None)]


@dataclass(frozen=True)
class _Writer:
    """Writes rows; those of a clean file have few faults."""

    random: Random
    written_as: Mapping[str, str]
    is_workbook: bool
    is_clean: bool
    generates: bool
    assets: Sequence[Asset]

    def row(self, targets: Sequence[str | None]) -> tuple[list[Cell], str | None]:
        """The cells, one for each target, and the fault of the row if it has one."""
        random = self.random
        kind = random.randint(1, 16 if self.is_clean else 20)
        if kind == 20:
            return [Cell(random.choice(["", " "])) for _ in range(random.randint(0, len(targets)))], None
        if kind == 19 and not self.is_workbook:
            return [], "misplaced_quote"
        if self.assets and one_in(random, 4):
            asset = random.choice(self.assets)
            return [Cell(_stored(asset, target)) for target in targets], None
        cells = [self._cell(target) for target in targets]
        if self.is_workbook:
            return cells if any(cell.text for cell in cells) else [], None
        if kind == 18:
            cells = cells[: random.randint(0, len(cells))]
        elif kind == 17:
            cells += [Cell(random.choice(["", " ", "x"])) for _ in range(random.randint(1, 2))]
        return cells, None

    def _cell(self, target: str | None) -> Cell:
        random = self.random
        kind = random.randint(1, 24)
        if self.is_workbook and kind >= 22:
            return self._workbook_cell()
        if kind == 21 and one_in(random, 2):
            text = ""
        elif kind == 20 and target in MAX_CHARS:
            text = "y" * (MAX_CHARS[target] + random.randint(0, 1))
        elif kind >= 19 and not self.is_clean:
            text = random.choice(ODD)
        else:
            text = self._text(target)
        if self.is_workbook:
            text = text.replace("\0", "?").replace(UNDECODABLE, "?")
        before, after = random.choice(WHITE_SPACE)
        return Cell(before + text + after, "undecodable" if UNDECODABLE in text else "text")

    def _text(self, target: str | None) -> str:
        if target in DATES:
            return self._date(target)
        if target == "identifier" and self.generates and one_in(self.random, 2):
            return ""
        return self.random.choice(VALUES.get(target or "", TEXTS))

    def _date(self, name: str) -> str:
        random, date_format = self.random, self.written_as[name]
        day = random.choice(CLEAN_DAYS[name]) if self.is_clean else _day(random)
        width = random.choice(["1", "02"])
        parts = {
            "Y": f"{day.year:04}" if "YYYY" in date_format else f"{day.year % 100:02}",
            "M": MONTHS[day.month - 1].title() if "Mon" in date_format else f"{day.month:{width}}",
            "D": f"{day.day:{width}}",
        }
        separator = next(character for character in date_format if not character.isalpha())
        text = separator.join(parts[part[0]] for part in date_format.split(separator))
        return text + (random.choice(TIMES) if one_in(random, 10) else "")

    def _workbook_cell(self) -> Cell:
        random = self.random
        kind = random.choice(["date", "long number", "damaged", "number", "boolean"])
        texts = {
            "date": [_day(random).isoformat()],
            "long number": ["12345678901234600000"],
            "damaged": ["#N/A", "#REF!"],
            "number": ["0", "1", "12.5", "123456789012345"],
            "boolean": ["TRUE", "FALSE"],
        }
        return Cell(random.choice(texts[kind]), kind)


def _stored(asset: Asset, target: str | None) -> str:
    """What a row that repeats the asset has in a column; nothing where a format would matter."""
    if target is None or target in DATES:
        return ""
    if target.startswith("metadata."):
        return asset.metadata.get(target.removeprefix("metadata."), "")
    return str(getattr(asset, target) or "")


def _day(random: Random) -> date:
    if one_in(random, 2):
        return random.choice([FIRST_DAY, date(2024, 2, 29), date(2026, 3, 4), LAST_DAY])
    return FIRST_DAY + timedelta(days=random.randint(0, (LAST_DAY - FIRST_DAY).days))


def _assets(random: Random, count: int) -> tuple[Asset, ...]:
    return tuple(_asset(random, identifier) for identifier in random.sample(IDENTIFIERS, count))


def _asset(random: Random, identifier: str) -> Asset:
    begins = datetime.combine(random.choice(CLEAN_DAYS["valid_from"]), datetime.min.time(), UTC)
    return Asset(
        identifier=identifier,
        name=random.choice(["Laptop", "Old"]),
        type=random.choice(["device", "other"]),
        description=random.choice([None, "Old"]),
        valid_from=begins,
        valid_to=random.choice([None, begins + timedelta(days=400, microseconds=1)]),
        is_active=one_in(random, 2),
        metadata={key: random.choice(["grey", "old"]) for key in some_of(random, [*KEYS, "site"], 3)},
        version=random.randint(1, 3),
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
