"""Makes the workbooks beside this file and in examples/, with three writers: python -m tests.workbooks.make

LibreOffice (Debian: libreoffice-calc-nogui) converts the one of openpyxl and calculates its formulas.
"""

import csv
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

import openpyxl
import xlsxwriter

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
EXAMPLE_ROWS = 60
FAULTS = {(4, 1): "", (9, 2): "laptop", (15, 4): "31/02/2024"}  # by row and column, both from 0
HEADER = ("identifier", "name", "valid_from", "checked", "code", "share", "is_active", "count", "sum")
DATES = (date(2024, 1, 15), date(1999, 12, 31), date(2030, 2, 28))


def main() -> None:
    """Write all of them."""
    write_with_xlsxwriter(HERE / "xlsxwriter.xlsx", constant_memory=False)
    write_with_xlsxwriter(HERE / "xlsxwriter-inline.xlsx", constant_memory=True)
    write_with_openpyxl(HERE / "openpyxl.xlsx", since_1904=False)
    write_with_openpyxl(HERE / "openpyxl-1904.xlsx", since_1904=True)
    write_example(EXAMPLES / "assets.xlsx")
    write_example(EXAMPLES / "assets-with-errors.xlsx", prefix="XE", faults=FAULTS)
    convert_with_libreoffice(EXAMPLES / "assets.xlsx", HERE / "examples/libreoffice.xlsx")
    for name in ("openpyxl", "openpyxl-1904"):
        convert_with_libreoffice(
            HERE / f"{name}.xlsx", HERE / f"{name.replace('openpyxl', 'libreoffice')}.xlsx"
        )


def write_with_xlsxwriter(path: Path, *, constant_memory: bool) -> None:
    """A title in merged cells, a blank row, the header, and for each of DATES a row and a blank one."""
    book = xlsxwriter.Workbook(str(path), {"constant_memory": constant_memory, "in_memory": False})
    book.set_properties({"created": datetime(2024, 1, 1)})  # noqa: DTZ001 - a workbook has no time zones
    hidden = book.add_worksheet("Hidden")
    hidden.write(0, 0, "not for you")
    sheet = book.add_worksheet("Assets")
    book.add_worksheet("Empty")
    hidden.hide()
    sheet.activate()
    day, time = (
        book.add_format({"num_format": "d mmm yyyy"}),
        book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
    )
    code, percent = book.add_format({"num_format": "00000"}), book.add_format({"num_format": "0.0%"})
    if constant_memory:
        sheet.write(0, 0, "Our assets")
    else:
        sheet.merge_range(0, 0, 0, 3, "Our assets")
    sheet.write_row(2, 0, HEADER)
    for number, valid_from in enumerate(DATES):
        row = 3 + 2 * number
        sheet.write_string(row, 0, f"00{number}")
        sheet.write_string(row, 1, f'Größe "{number}" <&>\nline 2')
        sheet.write_datetime(row, 2, valid_from, day)
        sheet.write_datetime(row, 3, datetime(2024, 5, 6, 7, 8, 9), time)  # noqa: DTZ001
        sheet.write_number(row, 4, 42 + number, code)
        sheet.write_number(row, 5, 0.125, percent)
        sheet.write_boolean(row, 6, number != 1)
        sheet.write_number(row, 7, 1_000_000 * number)
        sheet.write_formula(row, 8, f"=H{row + 1}+1", None, 1_000_000 * number + 1)
    book.close()


def write_example(
    path: Path, *, prefix: str = "XL", faults: Mapping[tuple[int, int], str] = MappingProxyType({})
) -> None:
    """Rows of examples/assets.csv with other identifiers, as people type them: dates are dates.

    `faults` are texts in place of the cells at these rows and columns.
    """
    with (EXAMPLES / "assets.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))[: EXAMPLE_ROWS + 1]
    book = xlsxwriter.Workbook(str(path))
    book.set_properties({"created": datetime(2024, 1, 1)})  # noqa: DTZ001
    sheet, notes = book.add_worksheet("Assets"), book.add_worksheet("Notes")
    notes.write(0, 0, "not for the import")
    notes.hide()
    bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "dd/mm/yyyy"})
    sheet.write_row(0, 0, header, bold)
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(header) - 1, 16)
    for number, (identifier, *texts, valid_from, valid_to, is_active) in enumerate(rows, start=1):
        for place, text in enumerate((f"{prefix}-{identifier}", *texts)):
            sheet.write_string(number, place, text)
        for place, text in ((4, valid_from), (5, valid_to)):
            if text:
                sheet.write_datetime(number, place, date.fromisoformat(text[:10]), day)
        sheet.write_boolean(number, 6, is_active.lower() in ("1", "true", "yes", "t", "y"))
    for (number, place), text in faults.items():
        sheet.write_string(number, place, text)
    book.close()


def write_with_openpyxl(path: Path, *, since_1904: bool) -> None:
    """The same table, whose formulas have no results."""
    book = openpyxl.Workbook()
    if since_1904:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.properties.created = book.properties.modified = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    hidden, sheet = book.active, book.create_sheet("Assets")
    assert hidden is not None
    book.create_sheet("Empty")
    hidden.title, hidden.sheet_state = "Hidden", "hidden"
    hidden["A1"] = "not for you"
    book.active = 1
    sheet["A1"] = "Our assets"
    sheet.merge_cells("A1:D1")
    for column, name in enumerate(HEADER, start=1):
        sheet.cell(3, column, name)
    for number, valid_from in enumerate(DATES):
        row = 4 + 2 * number
        values = (
            f"00{number}",
            f'Größe "{number}" <&>\nline 2',
            valid_from,
            datetime(2024, 5, 6, 7, 8, 9),  # noqa: DTZ001
            42 + number,
            0.125,
            number != 1,
            1_000_000 * number,
            f"=H{row}+1",
        )
        formats = ("General", "General", "d mmm yyyy", "yyyy-mm-dd hh:mm", "00000", "0.0%", *("General",) * 3)
        for column, (value, number_format) in enumerate(zip(values, formats, strict=True), start=1):
            sheet.cell(row, column, value).number_format = number_format
    book.save(path)


def convert_with_libreoffice(source: Path, target: Path) -> None:
    """Open and save a workbook, with a profile of its own."""
    with tempfile.TemporaryDirectory() as directory:
        command = ["soffice", f"-env:UserInstallation=file://{directory}/profile", "--headless"]
        subprocess.run(
            [*command, "--convert-to", "xlsx", "--outdir", directory, str(source)],
            check=True,
            capture_output=True,
        )
        shutil.copy(Path(directory) / source.name, target)


if __name__ == "__main__":
    main()
