"""Failed rows are fixed on the page, and imported as failed rows are."""

import io
import json
from urllib.parse import urlencode

import openpyxl
import pytest
from playwright.sync_api import expect

from tests.browser.import_page import ImportPage
from tests.e2e.conftest import Service

FILE = """identifier;name;type;Colour;valid_from;is_active
A-1;Laptop;device;grey;2024-01-15;yes
A-2;"Screen; ""large\"\"";spaceship;black;2024-01-15;yes
A-3;Van;asset;;31/02/2024;yes
A-4;;asset;blue;2024-01-15;yes
A-5;Surplus;asset;blue;2024-01-15;yes;what is this?
"""
COLUMNS = {"Colour": "metadata.colour"}


def uploaded(service: Service, account_id: int, file: str | bytes = FILE, **options: str) -> str:
    """A finished job of these options."""
    data = file.encode() if isinstance(file, str) else file
    query = urlencode({"columns": json.dumps(COLUMNS), "delimiter": ";", **options})
    job_id = service.upload(data, account_id, f"?{query}")
    service.wait_for(job_id, account_id=account_id)
    return job_id


def test_three_cells_are_fixed_and_all_rows_imported(
    import_page: ImportPage, running: Service, account_id: int
) -> None:
    page = import_page
    page.open(f"#job={uploaded(running, account_id, dry_run='true')}")
    page.sign_in()
    page.click("Fix 4 rows")
    grid = page.page.get_by_role("grid", name="Rows with errors")
    faulty = grid.locator("[aria-invalid]")
    expect(faulty).to_contain_text(["spaceship", "31/02/2024", "must not be empty", "7 cells"])

    page.fix_next_error("device")
    page.fix_next_error("2024-02-29")
    page.click("Next error")  # of the row as a whole: its last cell is one too many
    page.press("End", "Delete")
    page.fix_next_error("Car")
    page.click("Check the fixed rows")

    page.click("Import 5 rows")
    expect(page.page.get_by_role("main").get_by_text("Done. 5 rows imported.")).to_be_visible()
    assets = running.db.rows(
        "SELECT identifier, name, type, metadata, valid_from::date::text FROM trakrf.assets"
        " WHERE account_id = %s ORDER BY 1",
        account_id,
    )
    assert assets == [
        ("A-1", "Laptop", "device", {"colour": "grey"}, "2024-01-15"),
        ("A-2", 'Screen; "large"', "device", {"colour": "black"}, "2024-01-15"),
        ("A-3", "Van", "asset", {}, "2024-02-29"),
        ("A-4", "Car", "asset", {"colour": "blue"}, "2024-01-15"),
        ("A-5", "Surplus", "asset", {"colour": "blue"}, "2024-01-15"),
    ]


def test_a_cell_that_cannot_be_read_must_be_entered_again(
    import_page: ImportPage, running: Service, account_id: int
) -> None:
    """The download has another character in place of its bytes, and nothing would refuse that one."""
    page = import_page
    file = FILE.encode().replace(b"Laptop", "Müller".encode("latin-1"))
    page.open(f"#job={uploaded(running, account_id, file)}")
    page.sign_in()
    page.click("Fix 5 rows")

    page.click("Import the fixed rows")
    page.require_text("Enter this cell again")
    page.type("Müller")
    page.press("Enter")
    page.click("Import the fixed rows")

    page.require_text("Done. 1 row imported, 4 rows with errors.")
    assert running.db.value("SELECT name FROM trakrf.assets WHERE account_id = %s", account_id) == "Müller"


def test_edits_are_kept_when_the_step_is_left(
    import_page: ImportPage, running: Service, account_id: int
) -> None:
    page = import_page
    page.open(f"#job={uploaded(running, account_id)}")
    page.sign_in()
    page.click("Fix 4 rows")
    page.fix_next_error("device")

    page.click("Back")
    page.require_step("Import")
    page.click("Fix 4 rows")

    page.require_text("4 rows with errors. Cells changed: 1.")


def test_the_failed_rows_are_downloaded_as_a_workbook(
    import_page: ImportPage, running: Service, account_id: int
) -> None:
    page = import_page
    page.open(f"#job={uploaded(running, account_id)}")
    page.sign_in()
    page.click("Fix 4 rows")

    with page.page.expect_download() as download:
        page.click("Download failed-rows.xlsx")

    assert download.value.suggested_filename == "failed-rows.xlsx"
    sheet = openpyxl.load_workbook(io.BytesIO(download.value.path().read_bytes())).active
    assert [sheet.cell(row, 1).value for row in (1, 2, 5)] == ["identifier", "A-2", "A-5"]


@pytest.mark.parametrize("width", [320, 1280])
def test_it_is_accessible(import_page: ImportPage, running: Service, account_id: int, width: int) -> None:
    page = import_page
    page.page.set_viewport_size({"width": width, "height": 800})
    page.open(f"#job={uploaded(running, account_id)}")
    page.sign_in()
    page.click("Fix 4 rows")
    page.click("Next error")
    page.require_accessible()

    page.press("Enter")

    page.require_accessible()
