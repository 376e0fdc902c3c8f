"""Files like those that customers upload."""

import csv
from datetime import date
from pathlib import Path

from xlsxwriter import Workbook

COLUMNS = "identifier, name, type, description, valid_from, valid_to, is_active"


def write_file(path: Path, rows: int, *, prefix: str = "AST", first: int = 0, bad_every: int = 0) -> Path:
    """Write `rows` rows of about 90 bytes, numbered from `first`.

    One in `bad_every` has an unknown type and an invalid date.
    """
    with path.open("w", encoding="utf-8") as file:
        file.write(COLUMNS.replace(" ", "") + "\n")
        for number in range(first, first + rows):
            day = 1 + number % 28
            bad = bad_every and number % bad_every == 0
            file.write(
                f'{prefix}-{number:07},"Laptop 14"", no. {number}",{"gadget" if bad else "device"},'
                f'"Desk {number % 500}, Köln",2024-{"13" if bad else "01"}-{day:02},2027-01-{day:02},true\n'
            )
    return path


def write_workbook(path: Path, csv_file: Path) -> Path:
    """Write the table of such a CSV file as a workbook with shared strings and dates, as Excel does."""
    with csv_file.open(encoding="utf-8", newline="") as file, Workbook(path) as workbook:
        sheet, dates = workbook.add_worksheet(), workbook.add_format({"num_format": "yyyy-mm-dd"})
        header, *rows = csv.reader(file)
        sheet.write_row(0, 0, header)
        for number, cells in enumerate(rows, start=1):
            *texts, valid_from, valid_to, is_active = cells
            sheet.write_row(number, 0, texts)
            for place, text in enumerate((valid_from, valid_to), start=len(texts)):
                sheet.write_datetime(number, place, date.fromisoformat(text), dates)
            sheet.write_boolean(number, len(cells) - 1, is_active == "true")
    return path
