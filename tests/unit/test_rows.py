"""The rules of a row."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkimport.assets import fields, rows
from bulkimport.assets.fields import METADATA, FieldError, Rule
from bulkimport.assets.row_errors import MAX_ERRORS_PER_ROW, RowError, row_error
from bulkimport.assets.rows import CheckedRows, RowRules
from bulkimport.csvfile.header import FIELDS
from bulkimport.csvfile.records import Record, Records

Values = dict[str, Any]  # of a good row, by their fields

GOOD = {
    "identifier": "LT-1",
    "name": "Laptop",
    "type": "device",
    "description": "spare",
    "valid_from": "2024-01-15",
    "valid_to": "2024-12-31",
    "is_active": "true",
}
COLUMNS = tuple(GOOD)
RULES = RowRules(COLUMNS)
NO_VALUES: Values = {**dict.fromkeys(FIELDS), METADATA: {}}


def check(**cells: str) -> Values | list[RowError]:
    return check_one(RULES, Record(7, 9, list({**GOOD, **cells}.values()), None))


def check_one(rules: RowRules, record: Record) -> Values | list[RowError]:
    good, errors, *_ = rules.check(together([record]))
    assert bool(good) != bool(errors)
    if errors:
        return errors
    assert (good.rows, good.lines) == ([record.row], [record.line])
    return values_of(good)[0]


def values_of(good: CheckedRows) -> list[Values]:
    return [dict(zip(good.columns, row, strict=True)) for row in zip(*good.columns.values(), strict=True)]


def together(records: list[Record]) -> Records:
    read = Records()
    for record in records:
        read.append(record)
    return read


def the_error(**cells: str) -> RowError:
    errors = check(**cells)
    assert isinstance(errors, list)
    assert len(errors) == 1
    return errors[0]


def test_a_good_row_becomes_the_values_of_an_asset() -> None:
    assert check() == {
        **NO_VALUES,
        "identifier": "LT-1",
        "name": "Laptop",
        "type": "device",
        "description": "spare",
        "valid_from": datetime(2024, 1, 15, tzinfo=UTC),
        "valid_to": datetime(2024, 12, 31, tzinfo=UTC),
        "is_active": True,
    }


def test_identifier_and_line_are_those_of_the_row() -> None:
    lines = {2: 2, 3: 4, 7: 9}
    records = [
        Record(row, line, list({**GOOD, "identifier": f"LT-{row}"}.values()), None)
        for row, line in lines.items()
    ]
    good = RULES.check(together(records)).good
    assert {row: (good.line(row), good.identifier(row)) for row in lines} == {
        row: (line, f"LT-{row}") for row, line in lines.items()
    }


def test_white_space_around_a_cell_does_not_count() -> None:
    padded = {field: f" \t{cell} " for field, cell in GOOD.items()}
    assert check(**padded) == check()


@pytest.mark.parametrize("field", ["description", "valid_to"])
def test_optional_cells_may_be_empty(field: str) -> None:
    asset = check(**{field: "  "})
    assert isinstance(asset, dict)
    assert asset[field] is None


@pytest.mark.parametrize("field", ["identifier", "name", "type", "valid_from", "is_active"])
@pytest.mark.parametrize("cell", ["", "  ", "\n"])
def test_required_cells_must_not_be_empty(field: str, cell: str) -> None:
    error = the_error(**{field: cell})
    assert (error.row, error.field, error.code, error.value) == (7, field, "required", cell)


@pytest.mark.parametrize(("field", "limit"), [("identifier", 255), ("name", 255), ("description", 1024)])
def test_a_text_has_a_maximum_length_in_characters(field: str, limit: int) -> None:
    assert isinstance(check(**{field: "ü" * limit}), dict)

    error = the_error(**{field: "ü" * (limit + 1)})

    assert error.code == "too_long"
    assert error.message == f'{field} "{"ü" * 60}…" has {limit + 1} characters (at most {limit})'
    assert error.value == "ü" * 200


@pytest.mark.parametrize("cell", ["person", "device", "asset", "inventory", "other", "Device", "OTHER"])
def test_a_type_is_one_of_five_in_any_case(cell: str) -> None:
    asset = check(type=cell)
    assert isinstance(asset, dict)
    assert asset["type"] == cell.lower()


def test_an_unknown_type_is_named() -> None:
    error = the_error(type="spaceship")
    assert error.code == "unknown_type"
    assert error.message == (
        'type "spaceship" is not a type (expected one of person, device, asset, inventory, other)'
    )


@pytest.mark.parametrize(
    "cell",
    [
        "31/02/2024",
        "2023-02-29",
        "2024-13-01",
        "20240115",
        "2024-W03-1",
        "٢٠٢٤-٠١-١٥",
        "0000-01-01",
        "+024-01-15",
        "tomorrow",
    ],
)
@pytest.mark.parametrize("field", ["valid_from", "valid_to"])
def test_a_date_is_a_day_in_iso_form(field: str, cell: str) -> None:
    error = the_error(**{field: cell})
    assert error == RowError(
        7, 9, field, "invalid_date", f'{field} "{cell}" is not a date (expected YYYY-MM-DD)', cell
    )


def test_valid_to_must_not_be_before_valid_from() -> None:
    assert isinstance(check(valid_to="2024-01-15"), dict)

    error = the_error(valid_to="2024-01-14")

    assert (error.field, error.code) == ("valid_to", "valid_to_before_valid_from")
    assert error.message == 'valid_to "2024-01-14" is before valid_from 2024-01-15'


@pytest.mark.parametrize(
    ("cells", "value"),
    [(["true", "1", "yes", "t", "y"], True), (["false", "0", "no", "f", "n"], False)],
)
def test_a_boolean_may_be_written_in_five_ways_in_any_case(cells: list[str], value: bool) -> None:
    for cell in [*cells, *map(str.upper, cells), *map(str.title, cells)]:
        asset = check(is_active=cell)
        assert isinstance(asset, dict)
        assert asset["is_active"] is value


@pytest.mark.parametrize("cell", ["maybe", "2", "on", "ja", "١"])
def test_anything_else_is_not_a_boolean(cell: str) -> None:
    assert the_error(is_active=cell).code == "invalid_boolean"


@pytest.mark.parametrize("field", ["identifier", "name", "description"])
def test_nul_is_an_error_and_shown_in_printable_form(field: str) -> None:
    error = the_error(**{field: "a\0b"})
    assert (error.code, error.value) == ("invalid_character", r"a\x00b")


@pytest.mark.parametrize("field", COLUMNS)
def test_bytes_that_are_not_utf_8_are_an_error_and_shown_in_printable_form(field: str) -> None:
    error = the_error(**{field: b"M\xfcller".decode("utf-8", "surrogateescape")})
    assert (error.code, error.value) == ("invalid_encoding", r"M\xfcller")
    assert error.message == rf'{field} "M\xfcller" contains bytes that cannot be decoded: \xfc'


@pytest.mark.parametrize(
    "cell", ["two\nlines", "a\tb", "back\\slash", "王小明", "🙂", "zero\u200bwidth", "\x1f"]
)
def test_other_characters_are_data(cell: str) -> None:
    asset = check(description=f"x{cell}x")
    assert isinstance(asset, dict)
    assert asset["description"] == f"x{cell}x"


@pytest.mark.parametrize("surplus", [[""], [" ", "\t"]])
def test_surplus_empty_cells_are_ignored(surplus: list[str]) -> None:
    assert check_one(RULES, Record(9, 12, [*GOOD.values(), *surplus], None)) == check()


def test_missing_cells_at_the_end_are_empty() -> None:
    rules = RowRules(("identifier", "type", "description", "valid_to"), partial=True)
    assert check_one(rules, Record(7, 9, ["A", "asset"], None)) == {
        **NO_VALUES,
        "identifier": "A",
        "type": "asset",
    }
    errors = check_one(RULES, Record(9, 12, [*GOOD.values()][:4], None))
    assert [(error.field, error.code) for error in errors if isinstance(error, RowError)] == [
        ("valid_from", "required"),
        ("is_active", "required"),
    ]


@pytest.mark.parametrize("cells", [["LT-1", "two\nlines"], ["a\rb"], [*GOOD.values(), "", "x"]])
def test_a_row_with_other_cells_than_the_header_has_columns_is_an_error(cells: list[str]) -> None:
    message = f"the row has {len(cells)} cells and the header 7"
    assert check_one(RULES, Record(9, 12, cells, None)) == [
        RowError(9, 12, None, "wrong_cell_count", message, None)
    ]


@pytest.mark.parametrize("fault", ["unclosed_quote", "misplaced_quote", "cell_too_long", "record_too_long"])
def test_a_faulty_record_is_one_error_that_shows_the_line(fault: str) -> None:
    errors = check_one(RULES, Record(9, 12, ['a,"' + "x" * 500], fault))
    assert isinstance(errors, list)
    (error,) = errors
    assert (error.row, error.line, error.field, error.code) == (9, 12, None, fault)
    assert error.value == 'a,"' + "x" * 197


@pytest.mark.parametrize("cell", ["8.93901E+18", "8,9e+18", "1E-05", " -2.5E+7 "])
@pytest.mark.parametrize("field", ["identifier", "metadata.a"])
def test_a_number_that_a_spreadsheet_shortened_is_refused(field: str, cell: str) -> None:
    columns = (*COLUMNS, "metadata.a")
    record = Record(7, 9, [*{**GOOD, "metadata.a": "", field: cell}.values()], None)
    errors = check_one(RowRules(columns), record)
    assert [(error.field, error.code) for error in errors if isinstance(error, RowError)] == [
        (field, "scientific_notation")
    ]
    assert "format the column as text and enter the value again" in str(errors)
    assert isinstance(check_one(RowRules(columns, accept_numbers=True), record), dict)


@pytest.mark.parametrize(
    "cell", ["DEVICE-1", "12E5", "3E-2-1", "x1.5E+18", "1.5E+18x", "10E+18", "1.E+5", "E+5"]
)
def test_an_identifier_may_have_letters_and_digits(cell: str) -> None:
    assert isinstance(check(identifier=cell), dict)


def test_other_fields_may_look_like_numbers() -> None:
    assert isinstance(check(name="8.93901E+18", description="1E+05"), dict)


def test_a_line_of_a_metadata_cell_may_look_like_a_number() -> None:
    rules = RowRules((*COLUMNS, "metadata.a"))
    assert isinstance(check_one(rules, Record(7, 9, [*GOOD.values(), "size:\n1E+05\nm"], None)), dict)


@pytest.mark.parametrize("character", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202a"])
@pytest.mark.parametrize("cell", ["LT{}-1", "{}LT-1", "LT-1{}", "{}"])
def test_an_identifier_has_no_invisible_characters(character: str, cell: str) -> None:
    error = the_error(identifier=cell.format(character))
    assert error.code == "invalid_character"
    assert f"U+{ord(character):04X} at position {cell.index('{') + 1}" in error.message


def test_the_failed_rows_with_a_valid_identifier_are_known() -> None:
    cells = [{"type": "x"}, {"identifier": ""}, {}, {"identifier": "B", "name": "", "valid_from": "x"}]
    records = [
        Record(row, row + 1, list({**GOOD, **changed}.values()), None) for row, changed in enumerate(cells, 2)
    ]
    assert RULES.check(together(records)).identified == ([2, 5], [3, 6], ["LT-1", "B"])


def test_timestamps_are_moments() -> None:
    asset = check(valid_from="2024-01-15T10:00:00+02:00")
    assert isinstance(asset, dict)
    assert asset["valid_from"] == datetime(2024, 1, 15, 8, tzinfo=UTC)


def test_dates_have_the_format_of_the_file() -> None:
    rules = RowRules(COLUMNS, date_formats={"valid_from": "DD/MM/YYYY", "valid_to": "DD.MM.YYYY"})
    cells = list({**GOOD, "valid_from": "01/02/2024", "valid_to": "2024-12-31"}.values())
    errors = check_one(rules, Record(7, 9, cells, None))
    assert [error.message for error in errors if isinstance(error, RowError)] == [
        'valid_to "2024-12-31" is not a date (expected DD.MM.YYYY)'
    ]


def test_metadata_columns_make_metadata() -> None:
    rules = RowRules((*COLUMNS, "metadata.colour", "metadata.Size", None))
    asset = check_one(rules, Record(7, 9, [*GOOD.values(), " red ", "", "ignored"], None))
    assert isinstance(asset, dict)
    assert asset[METADATA] == {"colour": "red"}
    errors = check_one(rules, Record(7, 9, [*GOOD.values(), "a\0", "x" * 1025, ""], None))
    assert [(error.field, error.code) for error in errors if isinstance(error, RowError)] == [
        ("metadata.colour", "invalid_character"),
        ("metadata.Size", "too_long"),
    ]


def test_a_partial_row_needs_only_its_identifier() -> None:
    rules = RowRules(("identifier", "type", "valid_to"), partial=True)
    assert check_one(rules, Record(7, 9, ["A", "", ""], None)) == {**NO_VALUES, "identifier": "A"}
    errors = check_one(rules, Record(7, 9, ["", "x", "y"], None))
    assert [error.code for error in errors if isinstance(error, RowError)] == [
        *("required", "unknown_type", "invalid_date"),
    ]


def test_a_row_has_all_of_its_errors() -> None:
    errors = check(identifier="", type="gadget", valid_from="2024-13-01", valid_to="x", is_active="?")
    assert isinstance(errors, list)
    assert [(error.field, error.code) for error in errors] == [
        ("identifier", "required"),
        ("type", "unknown_type"),
        ("valid_from", "invalid_date"),
        ("valid_to", "invalid_date"),
        ("is_active", "invalid_boolean"),
    ]


def test_the_order_of_dates_is_reported_beside_other_errors() -> None:
    errors = check(name="", valid_to="2024-01-14")
    assert isinstance(errors, list)
    assert [error.code for error in errors] == ["required", "valid_to_before_valid_from"]


def test_columns_may_be_in_another_order_or_absent() -> None:
    rules = RowRules(("is_active", None, "valid_from", "type", "name", "identifier"))
    asset = check_one(rules, Record(2, 2, ["no", "?", "2024-01-15", "asset", "Drill", "T-1"], None))
    assert asset == {
        **NO_VALUES,
        "identifier": "T-1",
        "name": "Drill",
        "type": "asset",
        "valid_from": datetime(2024, 1, 15, tzinfo=UTC),
        "is_active": False,
    }


def test_a_fault_is_reported_each_time_it_recurs() -> None:
    assert [the_error(type="gadget").code for _ in range(3)] == ["unknown_type"] * 3


CELLS = st.one_of(
    st.sampled_from(
        ["", " ", "A", "device", "DEVICE ", "2024-01-15", "2023-01-15", "yes", "maybe", "x" * 300]
    ),
    st.sampled_from(["a\0", "a\nb", "1.5E+18", "2\u200b", "\udcff", "é", "x" * 1025]),
)


@given(st.lists(st.lists(CELLS, min_size=7, max_size=9)), st.booleans())
def test_a_row_is_checked_the_same_alone_and_with_others(table: list[list[str]], partial: bool) -> None:
    columns = ("identifier", "metadata.a", "valid_to", "name", "type", None, "valid_from", "is_active")
    rules = RowRules(columns, partial=partial)
    records = [Record(number, number, cells, None) for number, cells in enumerate(table, 2)]
    good, errors, *_ = rules.check(together(records))
    one_by_one = [check_one(rules, record) for record in records]
    assert values_of(good) == [checked for checked in one_by_one if isinstance(checked, dict)]
    assert errors == [error for checked in one_by_one if isinstance(checked, list) for error in checked]


def test_a_row_keeps_its_first_errors_and_all_are_counted() -> None:
    names = [f"metadata.{number}" for number in range(30)]
    rules = RowRules((*COLUMNS, *names))
    cells = [*{**GOOD, "name": "", "valid_to": "2024-01-14"}.values(), *["a\0"] * 30]
    checked = rules.check(together([Record(row, row, cells, None) for row in (2, 3)]))
    assert not checked.good
    assert [(error.row, error.field) for error in checked.errors] == [
        (row, field) for row in (2, 3) for field in ("name", *names)[:MAX_ERRORS_PER_ROW]
    ]
    assert checked.occurrences == {
        ("required", "name"): [2, 3],
        **{("invalid_character", name): [2, 3] for name in names},
        ("valid_to_before_valid_from", "valid_to"): [2, 3],
    }


MODEL_COLUMNS = ("metadata.b", "identifier", "metadata.a", "valid_to", "name", "type", None, "valid_from")


@given(
    st.lists(st.lists(CELLS, min_size=8, max_size=8) | st.lists(CELLS, max_size=9)),
    st.booleans(),
    st.integers(1, 4),
)
def test_the_errors_that_are_kept_are_the_first_ones_of_each_row(
    table: list[list[str]], partial: bool, most: int
) -> None:
    records = [Record(number, number + 1, cells, None) for number, cells in enumerate(table, 2)]
    every = [errors_of(record, partial) for record in records]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "MAX_ERRORS_PER_ROW", most)
        checked = RowRules(MODEL_COLUMNS, partial=partial).check(together(records))
    assert checked.errors == [error for errors in every for error in errors[:most]]
    assert list(checked.good.rows) == [
        record.row for record, errors in zip(records, every, strict=True) if not errors
    ]
    counted = {fault: Counter(failed) for fault, failed in checked.occurrences.items()}
    assert counted == occurrences(error for errors in every for error in errors)


def occurrences(errors: Iterable[RowError]) -> dict[tuple[str, str | None], Counter[int]]:
    counted: dict[tuple[str, str | None], Counter[int]] = {}
    for error in errors:
        counted.setdefault((error.code, error.field), Counter())[error.row] += 1
    return counted


def errors_of(record: Record, partial: bool) -> list[RowError]:
    """All errors of a row, checked cell by cell."""
    width = len(MODEL_COLUMNS)
    surplus = "".join(record.cells[width:]).strip()
    if surplus or (len(record.cells) < width and "\n" in "".join(record.cells)):
        message = f"the row has {len(record.cells)} cells and the header {len(MODEL_COLUMNS)}"
        return [RowError(record.row, record.line, None, "wrong_cell_count", message, None)]
    cells = dict(zip(MODEL_COLUMNS, [*record.cells, *[""] * width], strict=False))
    metadata = dict.fromkeys(("metadata.b", "metadata.a"), fields.metadata_rule(accept_numbers=False))
    rules: dict[str, Rule] = {
        **fields.rules(fields.ISO_DATES, partial=partial, accept_numbers=False),
        **metadata,
    }
    values: dict[str, Any] = {}
    errors = []
    for field, rule in rules.items():
        cell = cells.get(field, "")
        try:
            values[field] = rule(cell)
        except FieldError as fault:
            errors.append(row_error(record.row, record.line, field, fault.code, fault.reason, cell))
    try:
        fields.require_order(values.get("valid_from"), values.get("valid_to"))
    except FieldError as fault:
        cell = cells["valid_to"]
        errors.append(row_error(record.row, record.line, "valid_to", fault.code, fault.reason, cell))
    return errors
