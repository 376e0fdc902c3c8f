"""The whole way from a file to its undoing, as people go it."""

import csv
import io

import openpyxl
import pytest
from playwright.sync_api import expect

from tests.browser.import_page import ImportPage
from tests.e2e.conftest import Service

ROWS = [
    ["Identifier", "Asset name", "Kind of type", "valid_from", "is_active"],
    ["A-1", "Laptop", "device", "2024-01-15", "yes"],
    ["A-2", "Screen", "spaceship", "2024-01-15", "yes"],
    ["A-3", "Van", "asset", "31/02/2024", "yes"],
    ["A-4", "", "asset", "2024-01-15", "yes"],
]


def as_csv() -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(ROWS)
    return text.getvalue().encode()


def as_workbook() -> bytes:
    """With a second sheet, so that one must be picked."""
    workbook = openpyxl.Workbook()
    workbook.active.append(["a note"])
    sheet = workbook.create_sheet("Assets")
    for row in ROWS:
        sheet.append(row)
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


@pytest.mark.parametrize("name", ["assets.csv", "assets.xlsx"])
def test_from_drop_to_undo(import_page: ImportPage, running: Service, account_id: int, name: str) -> None:
    page = import_page
    page.open()
    page.require_step("Choose a file")
    page.choose(name, as_csv() if name.endswith(".csv") else as_workbook())
    page.sign_in()
    if name.endswith(".xlsx"):
        page.page.get_by_role("main").get_by_role("combobox").select_option("Assets")
        page.click("Continue")

    page.require_step("Match the columns")
    kind = page.page.get_by_role("combobox", name="Kind of type is imported as")
    expect(kind).to_have_value("type")
    page.click("Check")

    page.require_step("Check what will change")
    page.require_text("1 row can be imported; 3 rows with errors. Nothing has been changed yet.")
    page.click("Fix 3 rows")

    page.require_step("Fix the rows with errors")
    for text in ("device", "2024-02-29", "Car"):
        page.fix_next_error(text)
    page.click("Check the fixed rows")

    page.require_text("4 rows can be imported. Nothing has been changed yet.")
    assert identifiers(running, account_id) == []
    page.click("Import 4 rows")

    page.require_step("Import")
    page.require_text("Done. 4 rows imported.")
    assert identifiers(running, account_id) == ["A-1", "A-2", "A-3", "A-4"]
    page.click("Undo this import")

    page.require_step("Undo an import")
    page.click("Undo this import")
    page.require_text("The import is undone.")
    assert identifiers(running, account_id) == []


def identifiers(service: Service, account_id: int) -> list[object]:
    rows = service.db.rows(
        "SELECT identifier FROM trakrf.assets WHERE account_id = %s AND deleted_at IS NULL ORDER BY 1",
        account_id,
    )
    return [identifier for (identifier,) in rows]
