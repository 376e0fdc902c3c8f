"""The first rows of a file as they would be read, with the errors that the file alone decides."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bulkimport.assets.blank_cells import REQUIRED
from bulkimport.assets.row_errors import RowError, duplicate, first_of_each_row, row_error
from bulkimport.csvfile.header import Columns
from bulkimport.csvfile.records import Records
from bulkimport.jobs import row_rules
from bulkimport.jobs.options import Options
from bulkimport.store.asset_columns import CLEARED

MAX_ROWS = 20


class Row(NamedTuple):
    """A row as it would be read: values by fields and `metadata.KEY`; of cells with errors their text."""

    row: int
    values: Mapping[str, Any]
    errors: Sequence[RowError]


def first_rows(
    records: Records, columns: Columns, options: Options, *, unknown: Collection[str], has_marks: bool
) -> list[Row]:
    """The first MAX_ROWS of these rows.

    Fields that are `unknown`, since they have no column or their dates can be read in several ways, have
    neither values nor errors. `has_marks` as in RowRules.check.
    """
    records = records.only(records.rows[:MAX_ROWS])
    rules = row_rules.of_job(tuple(None if field in unknown else field for field in columns), options)
    values = rules.values(records, has_marks=has_marks)
    errors = [
        error
        for error in rules.check(records, has_marks=has_marks).errors
        if not (error.code == REQUIRED and error.field in unknown)
    ]
    errors = first_of_each_row([*_duplicates(records, values, errors), *errors])
    shown = {*columns, *options.defaults}.difference(unknown)
    return [
        _row(
            row,
            {field: value for field, value in values.get(row, {}).items() if field in shown},
            [error for error in errors if error.row == row],
        )
        for row in records.rows
    ]


def _duplicates(
    records: Records, values: Mapping[int, Mapping[str, Any]], errors: Iterable[RowError]
) -> list[RowError]:
    """The errors of rows whose identifier an earlier row without errors has."""
    failed = {error.row for error in errors}
    invalid = {error.row for error in errors if error.field == "identifier"}
    first_rows: dict[str, int] = {}
    duplicates = []
    for row, line in zip(records.rows, records.lines, strict=True):
        identifier = values.get(row, {}).get("identifier")
        if not identifier or row in invalid:
            continue
        if identifier in first_rows:
            reason = duplicate(first_rows[identifier])
            duplicates.append(row_error(row, line, "identifier", *reason, identifier))
        elif row not in failed:
            first_rows[identifier] = row
    return duplicates


def _row(row: int, values: Mapping[str, Any], errors: Sequence[RowError]) -> Row:
    texts = {error.field: error.value for error in errors if error.field and error.field in values}
    cleared = {field: None for field, value in values.items() if value == CLEARED}
    return Row(row, {**values, **cleared, **texts}, errors)
