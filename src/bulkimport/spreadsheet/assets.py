"""Assets as a workbook, which can be changed and uploaded again."""

import csv
import io
from typing import BinaryIO

from bulkimport.csvfile import dates
from bulkimport.csvfile.header import DATE_FIELDS, VERSION
from bulkimport.spreadsheet.columns import date_or_text, sheet_columns
from bulkimport.spreadsheet.limits import require_room
from bulkimport.spreadsheet.sheet import Cell, new_sheet

SHEET = "assets"


def write_workbook(csv_file: BinaryIO, file: BinaryIO, *, rows: int) -> None:
    """Write an export in CSV, which has this many rows below its header, to the file as a workbook.

    Raises Refusal if a workbook cannot hold it.
    """
    text = io.TextIOWrapper(csv_file, "utf-8", newline="")
    try:
        records = csv.reader(text)
        header = next(records)
        require_room(rows * len(header))
        with new_sheet(file, SHEET, sheet_columns(header, header)) as sheet:
            for record in records:
                sheet.row([_cell(field, cell) for field, cell in zip(header, record, strict=True)])
    finally:
        text.detach()


def _cell(field: str, text: str) -> Cell:
    if field == VERSION:
        return int(text)
    return date_or_text(text, dates.ISO) if field in DATE_FIELDS else text
