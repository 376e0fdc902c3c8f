"""Cells of a workbook with marks: errors of their rows, or dates whatever the date format of the file is."""

from collections.abc import Mapping, Sequence
from typing import Any

from bulkimport.assets import fields
from bulkimport.assets.blank_cells import REQUIRED
from bulkimport.assets.fields import REENTER, CheckedColumn, ColumnRule
from bulkimport.csvfile.header import DATE_FIELDS, METADATA_PREFIX
from bulkimport.store.asset_columns import CLEARED
from bulkimport.workbook.marks import DATE, ERROR, ROUNDED, UNCALCULATED

TEXT_FIELDS = ("identifier", "name", "description")
SPREADSHEET_ERROR = "spreadsheet_error"
CODES = {ERROR: SPREADSHEET_ERROR, UNCALCULATED: SPREADSHEET_ERROR}
CODES_IN_TEXT = {**CODES, ROUNDED: "number_rounded", DATE: "date_in_text_column"}
REASONS = {
    SPREADSHEET_ERROR: "is an error in the spreadsheet: correct the cell",
    "number_rounded": f"is a number of more than 15 digits, which the spreadsheet has rounded: {REENTER}",
    "date_in_text_column": f"is a date, perhaps made of another text by the spreadsheet: {REENTER}",
}
NOT_CALCULATED = (
    "is a formula without a result: open the workbook in a spreadsheet program, save it and upload it again"
)


class Marked:
    """The rule of a field, or of metadata.KEY, for a column in which cells have marks, by their places."""

    def __init__(
        self, rule: ColumnRule, field: str, marks: Mapping[int, str], *, accept_numbers: bool
    ) -> None:
        """`accept_numbers`: whether numbers and dates may stand in columns of text."""
        self._rule = rule
        self._has_dates = field in DATE_FIELDS
        self._marks = marks
        is_text = field in TEXT_FIELDS or field.startswith(METADATA_PREFIX)
        self._codes = CODES_IN_TEXT if is_text and not accept_numbers else CODES

    def column(self, cells: Sequence[str]) -> CheckedColumn:
        values, codes = self._rule.column(cells)
        if self._has_dates:
            values, codes = self._with_date_cells(cells, values, codes)
        distrusted = {
            place: self._codes[mark]
            for place, mark in self._marks.items()
            # An error such as #N/A may be the text that clears a value, or must not because it is required.
            if mark in self._codes
            and not (mark == ERROR and (values[place] is CLEARED or codes.get(place) == REQUIRED))
        }
        return values, {**codes, **distrusted}

    def explain(self, cell: str, code: str) -> str:
        if code == SPREADSHEET_ERROR and not cell:
            return NOT_CALCULATED
        return REASONS.get(code) or self._rule.explain(cell, code)

    def _with_date_cells(
        self, cells: Sequence[str], values: Sequence[Any], codes: Mapping[int, str]
    ) -> CheckedColumn:
        """These values and codes; those of date cells, which are in ISO 8601, by that format."""
        places = [place for place, mark in self._marks.items() if mark == DATE]
        if not places:
            return values, codes
        iso_values, iso_codes = fields.iso_date_rule().column([cells[place] for place in places])
        all_values, all_codes = list(values), dict(codes)
        for at, place in enumerate(places):
            all_values[place] = iso_values[at]
            all_codes.pop(place, None)
            if at in iso_codes:
                all_codes[place] = iso_codes[at]
        return all_values, all_codes
