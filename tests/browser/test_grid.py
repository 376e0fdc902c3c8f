"""The grid in which failed rows are fixed, by keyboard, mouse and clipboard."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.import_page import ImportPage

SHOW_GRID = """
async ([folder, count]) => {
  const { Grid } = await import(`${folder}grid.js`);
  const rows = Array.from({ length: count }, (_, index) => ({
    name: String(index + 2), cells: [`id ${index}`, `name ${index}`, "device"], errors: [],
  }));
  rows[1].errors[2] = '"<i>device</i>" is not a type';
  rows[2].fault = "the row has more cells than the header";
  window.edits = new Map();
  window.grid = new Grid({
    label: "Failed rows", columns: ["identifier", "name", "type"], rows, edits: window.edits,
    onedit: () => {},
  });
  document.getElementById("step").replaceChildren(window.grid.element);
}
"""
COPIED = """
(text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  const paste = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
  document.activeElement.dispatchEvent(paste);
}
"""


class GridPage:
    """A grid of three columns, whose second row has a cell with an error, and whose third has one itself."""

    def __init__(self, import_page: ImportPage, rows: int = 6) -> None:
        import_page.open_empty()
        import_page.run(SHOW_GRID, rows)
        self.page = import_page.page
        self.grid = import_page.page.get_by_role("grid", name="Failed rows")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def paste(self, text: str) -> None:
        self.page.evaluate(COPIED, text)

    def move_to(self, row: int, column: int) -> None:
        self.page.evaluate("([row, column]) => grid.moveTo(row, column)", [row, column])

    def cell(self, row: int, column: int) -> Locator:
        """Rows from 0; column 0 has the names of the rows."""
        return self.grid.locator(f"[aria-rowindex='{row + 2}'] [aria-colindex='{column + 1}']")

    def edits(self) -> dict[str, str]:
        edits: dict[str, str] = self.page.evaluate("Object.fromEntries(edits)")
        return edits

    def require_focus(self, row: int, column: int) -> None:
        expect(self.cell(row, column)).to_be_focused()


@pytest.fixture
def grid(import_page: ImportPage) -> GridPage:
    return GridPage(import_page)


def test_tab_enters_and_leaves(grid: GridPage) -> None:
    grid.page.evaluate("document.getElementById('step').append(document.createElement('input'))")
    grid.page.get_by_role("button", name="Earlier imports").focus()

    grid.press("Tab")
    grid.require_focus(0, 0)
    grid.press("Tab")

    expect(grid.page.locator("#step input")).to_be_focused()


def test_arrows_and_other_keys_move(grid: GridPage) -> None:
    grid.move_to(0, 1)
    for keys, place in [
        (["ArrowDown", "ArrowRight"], (1, 2)),
        (["ArrowUp", "ArrowUp"], (0, 2)),
        (["End", "ArrowRight"], (0, 3)),
        (["Home", "ArrowLeft"], (0, 0)),
        (["PageDown"], (5, 0)),
        (["PageUp"], (0, 0)),
    ]:
        grid.press(*keys)
        grid.require_focus(*place)


def test_typing_replaces_a_cell_and_enter_moves_down(grid: GridPage) -> None:
    grid.move_to(0, 2)

    grid.type("new")
    grid.press("Enter")

    grid.require_focus(1, 2)
    expect(grid.cell(0, 2)).to_contain_text("new")
    assert grid.edits() == {"0,1": "new"}


def test_enter_edits_what_is_there_and_tab_moves_right(grid: GridPage) -> None:
    grid.move_to(0, 2)

    grid.press("Enter", "End")
    grid.type("!")
    grid.press("Tab")

    grid.require_focus(0, 3)
    assert grid.edits() == {"0,1": "name 0!"}


def test_escape_takes_an_edit_back(grid: GridPage) -> None:
    grid.move_to(0, 2)

    grid.type("wrong")
    grid.press("Escape")

    grid.require_focus(0, 2)
    expect(grid.cell(0, 2)).to_have_text("name 0")
    assert grid.edits() == {}


def test_delete_clears_a_cell(grid: GridPage) -> None:
    grid.move_to(0, 2)

    grid.press("Delete", "ArrowDown")

    grid.require_focus(1, 2)
    assert grid.edits() == {"0,1": ""}


def test_leaving_the_editor_with_the_mouse_keeps_the_text(grid: GridPage) -> None:
    grid.cell(0, 2).click()
    grid.cell(0, 2).click()
    grid.type(" more")
    grid.page.get_by_role("button", name="Earlier imports").focus()

    assert grid.edits() == {"0,1": "name 0 more"}
    assert grid.grid.get_by_role("textbox").count() == 0


def test_a_block_is_pasted_from_a_spreadsheet(grid: GridPage) -> None:
    grid.move_to(4, 2)

    grid.paste('one\t"two ""quoted""\nlines"\tbeyond\nthree\t\n5\t6\n')

    assert grid.edits() == {"4,1": "one", "4,2": 'two "quoted"\nlines', "5,1": "three", "5,2": ""}
    grid.require_focus(4, 2)


def test_a_pasted_quote_that_never_closes_is_a_quote(grid: GridPage) -> None:
    grid.move_to(0, 1)

    grid.paste('"a\tb\nc\td')

    assert grid.edits() == {"0,0": '"a', "0,1": "b", "1,0": "c", "1,1": "d"}


def test_a_cell_with_two_lines_keeps_them_when_it_is_edited(grid: GridPage) -> None:
    grid.move_to(0, 2)
    grid.paste('"one\ntwo"')

    grid.press("Enter")
    grid.type("!")
    grid.press("Enter")

    assert grid.edits() == {"0,1": "one\ntwo!"}


def test_an_error_is_in_the_cell_that_it_belongs_to(grid: GridPage) -> None:
    cell = grid.cell(1, 3)
    expect(cell).to_have_attribute("aria-invalid", "true")
    expect(cell).to_contain_text('"<i>device</i>" is not a type')
    expect(grid.cell(2, 0)).to_have_attribute("aria-invalid", "true")
    expect(grid.cell(2, 0)).to_contain_text("more cells than the header")

    grid.move_to(1, 3)
    grid.press("Enter")
    editor = grid.grid.get_by_role("textbox", name="type, row 3")
    expect(editor).to_have_attribute("aria-invalid", "true")
    expect(editor).to_have_accessible_description('"<i>device</i>" is not a type')
    grid.type("s")
    grid.press("Enter")

    assert cell.get_attribute("aria-invalid") is None
    expect(cell).to_contain_text("devices")


def test_thousands_of_rows_have_few_cells_and_keep_the_focus(import_page: ImportPage) -> None:
    grid = GridPage(import_page, 5_000)

    grid.move_to(4_999, 3)
    grid.require_focus(4_999, 3)
    grid.type("x")
    grid.grid.locator("xpath=..").evaluate("(region) => { region.scrollTop = 0; }")
    expect(grid.cell(0, 0)).to_be_in_viewport()
    grid.type("y")
    grid.press("Enter")

    assert grid.edits() == {"4999,2": "xy"}
    assert grid.grid.locator("[role=row]").count() < 60


def test_the_next_error_is_one_that_is_left(grid: GridPage) -> None:
    grid.move_to(0, 1)
    for place in ((1, 3), (2, 0)):
        assert grid.page.evaluate("grid.toNextError()")
        grid.require_focus(*place)
    grid.press("ArrowRight", "Delete")
    assert grid.page.evaluate("grid.toNextError()")
    grid.require_focus(1, 3)
    grid.press("Delete")

    assert not grid.page.evaluate("grid.toNextError()")
