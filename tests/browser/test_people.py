"""What all people rely on: the page is accessible, and loses nothing on the way."""

import csv
import io

from playwright.sync_api import Dialog, expect

from tests.browser.import_page import ImportPage

FILE = b"""Identifier,Asset name,Kind of type,valid_from,is_active
A-1,Laptop,device,2024-01-15,yes
A-2,Screen,spaceship,2024-01-15,yes
A-3,Van,asset,31/02/2024,yes
"""

# What would run if it became HTML, an attribute, a script or the address of a link.
PAYLOADS = [
    "<img src=x onerror=window.__xss=1>",
    "<script>window.__xss=1</script>",
    "\"'><svg onload=alert(1)>",
    "javascript:window.__xss=1",
]


def test_each_step_is_accessible_and_fits_on_a_phone(import_page: ImportPage) -> None:
    page = import_page
    page.open()
    page.require_step("Choose a file")
    page.require_usable()
    page.choose("assets.csv", FILE)
    expect(page.page.get_by_role("dialog")).to_be_visible()
    page.require_usable()
    page.sign_in()

    page.require_step("Match the columns")
    kind = page.page.get_by_role("combobox", name="Kind of type is imported as")
    expect(kind).to_have_value("type")
    page.require_usable()
    page.click("Check")

    page.require_text("1 row can be imported; 2 rows with errors.")
    page.require_usable()
    page.click("Fix 2 rows")

    page.require_step("Fix the rows with errors")
    expect(page.page.get_by_role("grid").locator("[aria-invalid]")).to_have_count(2)
    page.require_usable()
    page.fix_next_error("device")
    page.fix_next_error("2024-02-29")
    page.click("Check the fixed rows")

    page.click("Import 3 rows")
    page.require_text("Done. 3 rows imported.")
    page.require_usable()
    page.click("Undo this import")

    page.require_step("Undo an import")
    page.require_usable()
    page.click("Undo this import")
    page.require_text("The import is undone.")
    page.require_usable()

    page.click("Earlier imports")
    jobs = page.page.get_by_role("main").get_by_role("listitem")
    expect(jobs).to_have_count(6)  # of the file and of the fixed rows: a check, an import and an undo each
    page.require_usable()


def test_nothing_of_a_file_runs(import_page: ImportPage) -> None:
    page = import_page
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.page.on("dialog", dismiss)
    page.open()
    page.choose(f"{PAYLOADS[0]}.csv", hostile_file())
    page.sign_in()
    page.require_step("Match the columns")
    for payload in PAYLOADS:
        expect(page.page.get_by_role("rowheader", name=payload, exact=True)).to_be_visible()
    page.click("Check")
    page.require_text("4 rows can be imported; 4 rows with errors.")
    expect(page.page.get_by_role("table", name="Changes")).to_contain_text(PAYLOADS[1])
    page.click("Fix 4 rows")
    faulty = page.page.get_by_role("grid").locator("[aria-invalid]")
    expect(faulty).to_contain_text(PAYLOADS)
    page.click("Earlier imports")
    page.require_text(f"{PAYLOADS[0]}.csv")

    assert page.page.evaluate("window.__xss") is None
    assert not dialogs


def hostile_file() -> bytes:
    """Four good rows, and four whose type is a payload; each payload is the name of a column too."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["identifier", "name", "type", "valid_from", "is_active", *PAYLOADS])
    for number, payload in enumerate(PAYLOADS):
        dates = ("2024-01-15", "yes")
        writer.writerow([f"{number} {payload}", payload, "asset", *dates, *PAYLOADS])
        writer.writerow([f"faulty {number}", payload, payload, *dates, *PAYLOADS])
    return text.getvalue().encode()


def test_the_page_asks_for_another_token_and_continues(import_page: ImportPage) -> None:
    page = import_page
    page.open()
    page.choose("assets.csv", FILE)
    page.sign_in()
    page.require_step("Match the columns")
    page.page.get_by_label("If an asset with the identifier exists already").select_option("skip")
    page.click("Check")
    page.click("Fix 2 rows")
    page.fix_next_error("device")
    page.fix_next_error("2024-02-29")
    page.require_text("Cells changed: 2.")

    page.let_token_expire()
    page.click("Check the fixed rows")
    expect(page.page.get_by_role("dialog")).to_contain_text("expired")
    page.sign_in()
    page.click("Import 3 rows")
    page.require_text("Done. 3 rows imported.")


def test_the_address_brings_an_import_back(import_page: ImportPage) -> None:
    page = import_page
    page.open()
    page.choose("assets.csv", FILE)
    page.sign_in()
    page.require_step("Match the columns")
    page.click("Check")
    page.click("Import 1 row")
    page.require_text("Done. 1 row imported, 2 rows with errors.")
    address = page.page.url

    page.page.goto("about:blank")
    page.page.goto(address)
    page.sign_in()
    page.require_step("Import")
    page.require_text("Done. 1 row imported, 2 rows with errors.")
    page.click("Fix 2 rows")
    page.fix_next_error("device")
    page.fix_next_error("2024-02-29")
    page.click("Import the fixed rows")
    page.require_text("Done. 3 rows imported.")
