"""Failed rows are fixed on the page, and imported as failed rows are."""

import json
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Route, expect

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


@pytest.fixture
def page(import_page: ImportPage) -> ImportPage:
    def fields(route: Route) -> None:
        names = ["identifier", "name", "type", "metadata.colour", "valid_from", "is_active", None, None, None]
        route.fulfill(json={"columns": [{"field": name, "how": "exact"} for name in names]})

    import_page.page.route("**/preview", fields)
    return import_page


def test_three_cells_are_fixed_and_all_rows_imported(
    page: ImportPage, running: Service, account_id: int
) -> None:
    page.open(f"#job={uploaded(running, account_id, dry_run='true')}")
    page.sign_in()
    page.click("Fix 4 rows")
    grid = page.page.get_by_role("grid", name="Rows with errors")
    faulty = grid.locator("[aria-invalid]")
    expect(faulty).to_contain_text(["spaceship", "31/02/2024", "must not be empty", "7 cells"])

    for text in ("device", "2024-02-29", "Car"):
        page.click("Next error")
        page.type(text)
        page.press("Enter")
    surplus = grid.get_by_role("gridcell", name="what is this?")
    surplus.click()
    page.press("Delete")
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
