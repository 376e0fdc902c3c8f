"""docs/files.md as a program: what becomes of a table's rows, one after the other, as plainly as possible.

Nothing here comes from the service: where the two differ, one of them has a fault, or the page leaves
something open.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NamedTuple

from tests.model import dates

FIELDS = ("identifier", "name", "type", "description", "valid_from", "valid_to", "is_active")
OPTIONAL = ("description", "valid_to")
DATES = ("valid_from", "valid_to")
TYPES = ("person", "device", "asset", "inventory", "other")
TRUE, FALSE = ("true", "1", "yes", "t", "y"), ("false", "0", "no", "f", "n")
ALIASES = {
    "asset id": "identifier",
    "asset tag": "identifier",
    "external_key": "identifier",
    "asset name": "name",
    "active": "is_active",
}
ADDED_COLUMNS = ("_row", "_errors", "_job")
INVISIBLE = "\u200b\u2060\ufeff\u00ad"
MAX_CHARS = {"identifier": 255, "name": 255, "description": 1024}
MAX_METADATA_CHARS = 1024
MAX_ERRORS_PER_ROW = 20


class Refused(Exception):  # noqa: N818 - a file is refused, which is not an error of the model
    """The file is refused with this problem."""


@dataclass(frozen=True)
class Cell:
    """A cell, as text, and what the file has made of it.

    `kind` is text, undecodable (bytes that are not of the charset), or in a workbook: date, number, long
    number (more than 15 digits), boolean or damaged (an error such as #REF!).
    """

    text: str
    kind: str = "text"


class Record(NamedTuple):
    """A row of the file; instead of cells, `fault` is the code of an error of the whole row."""

    row: int
    cells: tuple[Cell, ...]
    fault: str | None = None


@dataclass(frozen=True)
class Options:
    date_format: str | Mapping[str, str] = dates.DEFAULT
    accept_numbers: bool = False
    dry_run: bool = False
    on_conflict: str = "error"
    on_error: str = "continue"
    columns: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    identifiers: str = "file"
    empty: str = "keep"
    clear_value: str | None = None


@dataclass(frozen=True)
class Asset:
    """`import_row` is the row that created it; None for one that another program created."""

    identifier: str
    name: str
    type: str
    description: str | None
    valid_from: datetime
    valid_to: datetime | None
    is_active: bool
    metadata: Mapping[str, str]
    version: int = 1
    import_row: int | None = None


class RowError(NamedTuple):
    row: int
    field: str | None
    code: str


@dataclass
class Outcome:
    """What a job did: its counters, its errors in order, and all assets of the account afterwards."""

    status: str = "completed"
    total_rows: int = 0
    created_rows: int = 0
    updated_rows: int = 0
    unchanged_rows: int = 0
    skipped_rows: int = 0
    failed_rows: int = 0
    blank_rows: int = 0
    errors: list[RowError] = field(default_factory=list)
    actions: list[tuple[int, str]] = field(default_factory=list)
    assets: dict[str, Asset] = field(default_factory=dict)
    highest_number: int = 0


class Value(NamedTuple):
    """What a cell says: `value`, if it has one, or that the value is cleared; or the code of its error."""

    value: object = None
    clears: bool = False
    error: str | None = None


def run(
    header: Sequence[str],
    records: Sequence[Record],
    options: Options,
    assets: Mapping[str, Asset],
    *,
    today: date,
    highest_number: int = 0,
) -> Outcome:
    """Import the table into an account that has these assets. `highest_number` is the last generated one.

    Raises Refused.
    """
    _check_defaults(options, today)
    fields = fields_of(header, options)
    rows = [record for record in records if record.fault or not _is_blank(record)]
    if not rows:
        raise Refused("no-rows")
    formats = _formats(fields, rows, options)
    outcome = Outcome(
        total_rows=len(rows),
        blank_rows=len(records) - len(rows),
        assets=dict(assets),
        highest_number=max([highest_number, *_numbers_in(fields, rows)]),
    )
    first_rows: dict[str, int] = {}
    for record in rows:
        _import_row(record, fields, len(header), formats, options, first_rows, outcome, today=today)
    if options.on_error == "abort" and outcome.failed_rows:
        outcome.status = "failed"
        outcome.skipped_rows = outcome.total_rows - outcome.failed_rows
        outcome.created_rows = outcome.updated_rows = outcome.unchanged_rows = 0
    if options.dry_run or outcome.status == "failed":
        outcome.assets, outcome.highest_number = dict(assets), highest_number
    return outcome


def _check_defaults(options: Options, today: date) -> None:
    if _order_error(*(_new_value(name, {}, options, today) for name in DATES)):
        raise Refused("invalid-parameters")


# The header


def fields_of(header: Sequence[str], options: Options) -> dict[int, str]:
    """The field, or metadata.KEY, of each column that is imported, by its place from 0. Raises Refused."""
    mapped = {_plain(name): target for name, target in options.columns.items()}
    fields: dict[int, str] = {}
    for place, name in enumerate(header):
        target = mapped.get(_plain(name)) or _field_of(name, set(mapped.values()))
        if target is not None:
            fields[place] = target
    if len({_plain(target) for target in fields.values()}) < len(fields):
        raise Refused("duplicate-columns")
    if _required_columns(options) - set(fields.values()):
        raise Refused("missing-columns")
    return fields


def _field_of(name: str, mapped: set[str]) -> str | None:
    plain = _plain(name)
    for own in FIELDS:
        if plain == _plain(own):
            return own
    for alias, target in ALIASES.items():
        if plain == _plain(alias) and target not in mapped:
            return target
    prefix, dot, key = name.strip().partition(".")
    return f"metadata.{key}" if dot and _plain(prefix) == "metadata" and key else None


def _plain(name: str) -> str:
    return re.sub(r"[\s\-_]+", "_", name.strip()).casefold()


def _required_columns(options: Options) -> set[str]:
    if options.on_conflict == "update":
        return {"identifier"}
    generated = {"identifier"} if options.identifiers == "generate" else set()
    return set(FIELDS) - set(OPTIONAL) - set(options.defaults) - generated


# The formats of dates


def _formats(fields: Mapping[int, str], rows: Sequence[Record], options: Options) -> dict[str, str]:
    requested = {
        name: options.date_format
        if isinstance(options.date_format, str)
        else options.date_format.get(name, dates.DEFAULT)
        for name in DATES
    }
    texts: dict[str, list[str]] = {name: [] for name in DATES}
    for place, name in fields.items():
        if name in DATES:
            cells = [record.cells[place] for record in rows if place < len(record.cells)]
            texts[name] = [cell.text.strip() for cell in cells if cell.kind == "text"]
    formats = dates.of_columns(texts, requested)
    if formats is None:
        raise Refused("ambiguous-dates")
    return formats


# One row


def _import_row(
    record: Record,
    fields: Mapping[int, str],
    columns: int,
    formats: Mapping[str, str],
    options: Options,
    first_rows: dict[str, int],
    outcome: Outcome,
    *,
    today: date,
) -> None:
    fault = record.fault or _wrong_count(record, columns)
    if fault:
        outcome.failed_rows += 1
        outcome.errors.append(RowError(record.row, None, fault))
        return
    values = _values(record, fields, formats, options)
    identifier = values.get("identifier", Value()).value
    known = outcome.assets.get(str(identifier)) if identifier is not None else None
    earlier = first_rows.get(str(identifier)) if identifier is not None else None

    row_errors = _errors_of_cells(values, options, today)
    if earlier is not None:
        row_errors.append(("identifier", "duplicate_in_file"))
    elif known is not None and options.on_conflict == "error":
        row_errors.append(("identifier", "already_exists"))
    elif not row_errors and identifier is not None:
        first_rows[str(identifier)] = record.row
    if not row_errors and options.on_conflict == "update":
        row_errors = _errors_beside(known, values, options, today)
    if row_errors:
        outcome.failed_rows += 1
        row_errors.sort(key=lambda error: _place(error, fields))
        outcome.errors += [RowError(record.row, *error) for error in row_errors[:MAX_ERRORS_PER_ROW]]
    else:
        _apply(record.row, values, known, options, outcome, today=today)


def _wrong_count(record: Record, columns: int) -> str | None:
    surplus = record.cells[columns:]
    if any(cell.text.strip() for cell in surplus):
        return "wrong_cell_count"
    several_lines = any("\n" in cell.text or "\r" in cell.text for cell in record.cells)
    return "wrong_cell_count" if len(record.cells) < columns and several_lines else None


def _values(
    record: Record, fields: Mapping[int, str], formats: Mapping[str, str], options: Options
) -> dict[str, Value]:
    """What the row says about each field that has a column."""
    return {
        name: _value(name, record.cells[place] if place < len(record.cells) else Cell(""), formats, options)
        for place, name in fields.items()
    }


def _value(name: str, cell: Cell, formats: Mapping[str, str], options: Options) -> Value:
    text = cell.text.strip()
    if cell.kind == "undecodable":
        return Value(error="invalid_encoding")
    if options.clear_value is not None and text == options.clear_value.strip():
        return Value(clears=True)
    if not text:
        return Value(clears=options.empty == "clear")
    if cell.kind == "damaged":
        return Value(error="spreadsheet_error")
    if name in DATES and cell.kind == "date":
        return Value(dates.parse(text, dates.DEFAULT))
    is_text = name in MAX_CHARS or name.startswith("metadata.")
    if is_text and not options.accept_numbers:
        if cell.kind == "date":
            return Value(error="date_in_text_column")
        if cell.kind == "long number":
            return Value(error="number_rounded")
        if name not in ("name", "description") and re.fullmatch(
            r"[+-]?\d([.,]\d+)?[Ee][+-]\d+", text, re.ASCII
        ):
            return Value(error="scientific_notation")
    return parse(name, text, formats.get(name, dates.DEFAULT))


def parse(name: str, text: str, date_format: str) -> Value:
    """The value of a text that is not empty, by the rules of the field."""
    if "\0" in text or (name == "identifier" and any(character in INVISIBLE for character in text)):
        return Value(error="invalid_character")
    if name == "type":
        return Value(text.lower()) if text.lower() in TYPES else Value(error="unknown_type")
    if name == "is_active":
        if text.lower() in TRUE:
            return Value(True)
        return Value(False) if text.lower() in FALSE else Value(error="invalid_boolean")
    if name in DATES:
        moment = dates.parse(text, date_format)
        return Value(moment) if moment else Value(error="invalid_date")
    return Value(text) if len(text) <= MAX_CHARS.get(name, MAX_METADATA_CHARS) else Value(error="too_long")


FieldErrors = list[tuple[str, str]]


def _errors_of_cells(values: Mapping[str, Value], options: Options, today: date) -> FieldErrors:
    """The errors that a row has whether its identifier exists or not, each with its field."""
    errors = [(name, value.error) for name, value in values.items() if value.error]
    for name in FIELDS:
        value = values.get(name, Value())
        if name in OPTIONAL or value.error:
            continue
        may_be_absent = (
            options.identifiers == "generate" if name == "identifier" else options.on_conflict == "update"
        )
        if value.clears or (not may_be_absent and _new_value(name, values, options, today) is None):
            errors.append((name, "required"))
    if options.on_conflict == "update":
        return errors + _order_error(*(values.get(name, Value()).value for name in DATES))
    return errors + _order_error(*(_new_value(name, values, options, today) for name in DATES))


def _errors_beside(
    known: Asset | None, values: Mapping[str, Value], options: Options, today: date
) -> FieldErrors:
    """With on_conflict=update, the errors of a row whose own cells have none."""
    if known is not None:
        return _order_error(*(_updated_value(name, values, known) for name in DATES))
    missing = [name for name in FIELDS if _new_value(name, values, options, today) is None]
    errors = [(name, "required") for name in missing if name not in OPTIONAL]
    return errors + _order_error(*(_new_value(name, values, options, today) for name in DATES))


def _order_error(begins: object, ends: object) -> FieldErrors:
    if isinstance(begins, datetime) and isinstance(ends, datetime) and ends < begins:
        return [("valid_to", "valid_to_before_valid_from")]
    return []


def _new_value(name: str, values: Mapping[str, Value], options: Options, today: date) -> object:
    """A new asset's value: the cell's, or the default of an absent column and an empty cell."""
    value = values.get(name, Value())
    if value.value is not None or value.clears or value.error:
        return value.value
    default = options.defaults.get(name)
    if default is None or not default.strip():
        return None
    text = today.isoformat() if name in DATES and default == "today" else default.strip()
    return parse(name, text, dates.DEFAULT).value


def _updated_value(name: str, values: Mapping[str, Value], known: Asset) -> object:
    """The value that an existing asset has after the row."""
    value = values.get(name, Value())
    return value.value if value.value is not None or value.clears else getattr(known, name)


def _place(error: tuple[str, str], fields: Mapping[int, str]) -> tuple[int, int]:
    name, code = error
    if code == "valid_to_before_valid_from":
        return 2, 0
    if name in FIELDS:
        return 0, FIELDS.index(name)
    return 1, next(place for place, field_name in fields.items() if field_name == name)


# What a row without errors does


def _apply(
    row: int,
    values: Mapping[str, Value],
    known: Asset | None,
    options: Options,
    outcome: Outcome,
    *,
    today: date,
) -> None:
    if known is None:
        asset = _new_asset(row, values, options, outcome, today)
        outcome.created_rows += 1
        action = "create"
    elif options.on_conflict == "skip":
        outcome.skipped_rows += 1
        outcome.actions.append((row, "skip"))
        return
    else:
        asset = _updated(known, values)
        if asset == known:
            outcome.unchanged_rows += 1
            action = "unchanged"
        else:
            asset = replace(asset, version=known.version + 1)
            outcome.updated_rows += 1
            action = "update"
    outcome.actions.append((row, action))
    outcome.assets[asset.identifier] = asset


def _new_asset(
    row: int, values: Mapping[str, Value], options: Options, outcome: Outcome, today: date
) -> Asset:
    whole = {name: _new_value(name, values, options, today) for name in FIELDS}
    keys = {name for name in (*values, *options.defaults) if name.startswith("metadata.")}
    metadata = {
        name.removeprefix("metadata."): str(text)
        for name in keys
        if (text := _new_value(name, values, options, today)) is not None
    }
    if whole["identifier"] is None:
        whole["identifier"] = _next_identifier(outcome)
    return Asset(**whole, metadata=metadata, import_row=row)  # type: ignore[arg-type] # the row has no error


def _updated(known: Asset, values: Mapping[str, Value]) -> Asset:
    fields = {name: _updated_value(name, values, known) for name in FIELDS}
    metadata = dict(known.metadata)
    for name, value in values.items():
        if name.startswith("metadata."):
            key = name.removeprefix("metadata.")
            if value.clears:
                metadata.pop(key, None)
            elif value.value is not None:
                metadata[key] = str(value.value)
    return replace(known, **fields, metadata=metadata)  # type: ignore[arg-type] # as above


def _next_identifier(outcome: Outcome) -> str:
    while True:
        outcome.highest_number += 1
        identifier = f"ASSET-{outcome.highest_number:04}"
        if identifier not in outcome.assets:
            return identifier


def _numbers_in(fields: Mapping[int, str], rows: Sequence[Record]) -> Iterator[int]:
    for place, name in fields.items():
        if name == "identifier":
            for record in rows:
                text = record.cells[place].text.strip() if place < len(record.cells) else ""
                if match := re.fullmatch(r"ASSET-(\d{4,9})", text, re.ASCII):
                    yield int(match[1])


def _is_blank(record: Record) -> bool:
    return not any(cell.text.strip() for cell in record.cells)
