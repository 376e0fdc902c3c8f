"""The rules of a row: cells → the values of an asset, or the errors of the row."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import Any, NamedTuple

from bulkimport.assets import fields, versions
from bulkimport.assets.blank_cells import BlankCells
from bulkimport.assets.fields import METADATA, ColumnRule, FieldError
from bulkimport.assets.marked_cells import Marked
from bulkimport.assets.row_errors import (
    MAX_ERRORS_PER_ROW,
    Occurrences,
    RowError,
    error_of_row,
    occurrences,
    row_error,
)
from bulkimport.assets.versions import Versioned
from bulkimport.csvfile import records
from bulkimport.csvfile.header import FIELDS, METADATA_PREFIX, VERSION, Columns
from bulkimport.csvfile.records import Records
from bulkimport.workbook import marks


@dataclass(frozen=True)
class CheckedRows:
    """Rows that keep every rule that can be checked without the database, in the order of the file.

    `columns` has the values of each field, and METADATA as mappings; None is an empty cell, which in a
    partial file leaves the stored value as it is. CLEARED, and None in METADATA, remove the stored value. A
    partial file that names versions of assets also has them, under VERSION.
    """

    rows: Sequence[int]
    lines: Sequence[int]
    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.rows)

    def divided(self) -> "tuple[CheckedRows, CheckedRows]":
        """The rows that have an identifier, and those that do not."""
        blank = {place for place, identifier in enumerate(self.columns["identifier"]) if identifier is None}
        return self._less(blank), self._less(set(range(len(self))) - blank)

    def _less(self, places: Set[int]) -> "CheckedRows":
        rows, lines, *columns = _without(places, self.rows, self.lines, *self.columns.values())
        return CheckedRows(rows, lines, dict(zip(self.columns, columns, strict=True)))

    def versions(self) -> dict[int, int]:
        """The version of each row that names one, by the number of the row."""
        named = zip(self.rows, self.columns.get(VERSION, ()), strict=False)
        return {row: version for row, version in named if version is not None}

    def identifier(self, row: int) -> str:
        """The identifier in the row of this number."""
        identifier: str = self.columns["identifier"][self._place(row)]
        return identifier

    def line(self, row: int) -> int:
        """The line on which the row of this number begins."""
        return self.lines[self._place(row)]

    def _place(self, row: int) -> int:
        return bisect_left(self.rows, row)


NO_ROWS = CheckedRows((), (), dict.fromkeys((*FIELDS, METADATA), ()))


class Identified(NamedTuple):
    """Rows by number, the lines on which they begin, and their identifiers."""

    rows: Sequence[int]
    lines: Sequence[int]
    identifiers: Sequence[str]


NO_IDENTIFIED = Identified((), (), ())


class CheckResult(NamedTuple):
    """The good rows, and what is wrong with the others.

    `errors` has the first MAX_ERRORS_PER_ROW of each row, in the order of the rows; `occurrences` has all.
    `identified` are the others whose identifier is valid.
    """

    good: CheckedRows
    errors: list[RowError]
    occurrences: Occurrences
    identified: "Identified"


class RowRules:
    """The rules for files with these columns, and dates of these formats, by their fields.

    A row of a `partial` file needs no more than its identifier. `accept_numbers`: whether an identifier or
    metadata may look like a number that a spreadsheet has shortened. `blank_cells` is what cells without a
    value mean.
    """

    def __init__(
        self,
        columns: Columns,
        *,
        date_formats: Mapping[str, str] = fields.ISO_DATES,
        partial: bool = False,
        accept_numbers: bool = False,
        blank_cells: BlankCells = BlankCells(),  # noqa: B008 - frozen
    ) -> None:
        self._width = len(columns)
        metadata = [target for target in columns if target and target.startswith(METADATA_PREFIX)]
        metadata += [name for name in blank_cells.metadata if name not in metadata]
        field_rules = fields.rules(
            date_formats,
            partial=partial,
            accept_numbers=accept_numbers,
            optional=blank_cells.optional,
        )
        metadata_rule = fields.metadata_rule(accept_numbers=accept_numbers)
        # A field without a column reads an empty cell that is added at the end of the row.
        self._places = {
            name: columns.index(name) if name in columns else self._width
            for name in (*field_rules, *metadata)
        }

        def rule(name: str, plain: ColumnRule) -> ColumnRule:
            return blank_cells.rule(name, plain, has_column=name in columns)

        self._accept_numbers = accept_numbers
        self._rules = {name: rule(name, plain) for name, plain in field_rules.items()}
        self._metadata = {name: rule(name, metadata_rule) for name in metadata}
        self._version = versions.rule() if partial and VERSION in columns else None
        if self._version:
            self._places[VERSION] = columns.index(VERSION)

    def check(self, read: Records, *, has_marks: bool = False) -> CheckResult:
        """Check these rows column by column, which is several times as fast as row by row.

        `has_marks`: whether cells of a workbook that cannot be trusted have their marks in front.

        The errors of a row begin with that of its version; the others are in the order of FIELDS, followed by
        those of its metadata and of the order of its dates.
        """
        cells, broken = self._fitted(read)
        errors = (
            [error_of_row(record, self._width) for place, record in enumerate(read) if place in broken]
            if broken
            else []
        )
        if len(broken) == len(read.cells):
            return CheckResult(NO_ROWS, errors, occurrences(errors), NO_IDENTIFIED)
        rows, lines, cells = _without(broken, read.rows, read.lines, cells)
        faults = _Faults(rows, lines)
        columns = self._columns(cells, faults, has_marks=has_marks)
        identified = _identified(faults, rows, lines, columns["identifier"])
        rows, lines, *good = _without(faults.places, rows, lines, *columns.values())
        return CheckResult(
            CheckedRows(rows, lines, dict(zip(columns, good, strict=True))),
            sorted([*errors, *faults.errors], key=_row),
            occurrences(errors, faults.occurrences),
            identified,
        )

    def values(self, read: Records, *, has_marks: bool = False) -> dict[int, dict[str, Any]]:
        """What the cells of each row are read as, by its number: values by fields and `metadata.KEY`.

        Rows whose cells are not in their columns are left out. `has_marks` as in check.
        """
        cells, broken = self._fitted(read)
        rows, lines, cells = _without(broken, read.rows, read.lines, cells)
        if not rows:
            return {}
        columns = self._columns(cells, _Faults(rows, lines), has_marks=has_marks)
        documents = columns.pop(METADATA)
        for name in self._metadata:
            key = name.removeprefix(METADATA_PREFIX)
            columns[name] = [document.get(key) for document in documents]
        return {
            row: dict(zip(columns, values, strict=True))
            for row, values in zip(rows, zip(*columns.values(), strict=True), strict=True)
        }

    def _fitted(self, read: Records) -> tuple[Sequence[list[str]], Set[int]]:
        """The cells of each row, as many as the header has, and the places of rows where that cannot be."""
        width = self._width
        odd = [place for place, cells in enumerate(read.cells) if len(cells) != width]
        if not odd:
            return read.cells, read.faults.keys()
        all_cells, broken = [*read.cells], {*read.faults}
        for place in odd:
            cells = records.fitted(read.cells[place], width)
            if cells is None:
                broken.add(place)
            else:
                all_cells[place] = cells
        return all_cells, broken

    def _columns(
        self, cells: Sequence[Sequence[str]], faults: "_Faults", *, has_marks: bool
    ) -> dict[str, Sequence[Any]]:
        """The columns of CheckedRows for rows of the right width; adds what is wrong to `faults`."""
        texts: list[Sequence[str]] = [*zip(*cells, strict=True), ("",) * len(cells)]

        def check(field: str, rule: ColumnRule) -> Sequence[Any]:
            place = self._places[field]
            if has_marks:
                texts[place], column_marks = marks.split(texts[place])
                if column_marks:
                    rule = Marked(rule, field, column_marks, accept_numbers=self._accept_numbers)
            column = texts[place]
            values, codes = rule.column(column)
            faults.add(field, column, codes, lambda at: rule.explain(column[at], codes[at]))
            return values

        named = check(VERSION, self._version) if self._version else None
        rules = self._rules
        if named:
            rules = {**rules, "identifier": Versioned(rules["identifier"], named)}
        columns = {field: check(field, rule) for field, rule in rules.items()}
        metadata = [check(name, rule) for name, rule in self._metadata.items()]
        columns[METADATA] = self._documents(metadata) if metadata else [{}] * len(cells)
        if named:
            columns[VERSION] = named
        misordered = dict(_misordered(columns["valid_from"], columns["valid_to"]))
        order_codes = {at: fault.code for at, fault in misordered.items()}
        end_cells, ends = texts[self._places["valid_to"]], columns["valid_to"]
        shown = {at: end_cells[at].strip() or ends[at].isoformat() for at in misordered}  # or the default
        faults.add("valid_to", shown, order_codes, lambda at: misordered[at].reason)
        return columns

    def _documents(self, columns: Sequence[Sequence[str | None]]) -> list[dict[str, str | None]]:
        """The metadata of each row, without keys whose cells are empty; None removes a key."""
        keys = [name.removeprefix(METADATA_PREFIX) for name in self._metadata]
        return [
            {key: value or None for key, value in zip(keys, values, strict=True) if value is not None}
            for values in zip(*columns, strict=True)
        ]


class _Faults:
    """What is wrong with some rows: all faults are counted, and the first ones of each row become errors."""

    def __init__(self, rows: Sequence[int], lines: Sequence[int]) -> None:
        self._rows = rows
        self._lines = lines
        self._kept: dict[int, int] = defaultdict(int)
        self.errors: list[RowError] = []
        self.occurrences: dict[tuple[str, str | None], list[int]] = defaultdict(list)

    @property
    def places(self) -> Set[int]:
        """The places of the rows that have a fault."""
        return self._kept.keys()

    def add(
        self,
        field: str,
        cells: Sequence[str] | Mapping[int, str],
        codes: Mapping[int, str],
        explain: Callable[[int], str],
    ) -> None:
        """Add the faults of a field: `cells` and `codes` by the places of the rows."""
        rows, kept = self._rows, self._kept
        for at, code in codes.items():
            row, count = rows[at], kept[at]
            self.occurrences[code, field].append(row)
            if count < MAX_ERRORS_PER_ROW:
                kept[at] = count + 1
                self.errors.append(row_error(row, self._lines[at], field, code, explain(at), cells[at]))


def _identified(
    faults: _Faults, rows: Sequence[int], lines: Sequence[int], identifiers: Sequence[str]
) -> Identified:
    """The rows that have faults, and an identifier without one."""
    unknown = {row for (_, field), at in faults.occurrences.items() if field == "identifier" for row in at}
    places = [place for place in sorted(faults.places) if identifiers[place] and rows[place] not in unknown]
    return Identified(
        [rows[place] for place in places],
        [lines[place] for place in places],
        [identifiers[place] for place in places],
    )


def _without(places: Set[int], *columns: Sequence[Any]) -> list[Sequence[Any]]:
    """The columns, without these places."""
    if not places:
        return list(columns)
    kept = [place not in places for place in range(len(columns[0]))]
    return [list(compress(column, kept)) for column in columns]


def _misordered(
    valid_from: Sequence[datetime | None], valid_to: Sequence[datetime | None]
) -> Iterator[tuple[int, FieldError]]:
    """The places of the rows whose asset would end before it begins."""
    faults = {
        pair: fault for pair in set(zip(valid_from, valid_to, strict=True)) if (fault := _order_fault(*pair))
    }
    if faults:
        for place, pair in enumerate(zip(valid_from, valid_to, strict=True)):
            if pair in faults:
                yield place, faults[pair]


def _order_fault(valid_from: datetime | None, valid_to: datetime | None) -> FieldError | None:
    try:
        fields.require_order(valid_from, valid_to)
    except FieldError as fault:
        return fault
    return None


def _row(error: RowError) -> int:
    return error.row
