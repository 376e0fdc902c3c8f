"""The template as a workbook: the header and two rows that can be imported."""

from typing import BinaryIO

from bulkimport.csvfile import dates
from bulkimport.csvfile.header import DATE_FIELDS, FIELDS
from bulkimport.csvfile.template import EXAMPLES
from bulkimport.spreadsheet.columns import date_or_text, sheet_columns
from bulkimport.spreadsheet.sheet import new_sheet

SHEET = "assets"


def write_template(file: BinaryIO) -> None:
    """Write a workbook with a column for each field, and two example rows, to the file."""
    with new_sheet(file, SHEET, sheet_columns(FIELDS, FIELDS)) as sheet:
        for example in EXAMPLES:
            cells = [(field, example.get(field, "")) for field in FIELDS]
            sheet.row(
                [date_or_text(text, dates.ISO) if field in DATE_FIELDS else text for field, text in cells]
            )
