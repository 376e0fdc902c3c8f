"""Tables of many rows, of which only those in sight are in the document."""

from playwright.sync_api import Locator, expect

from tests.browser.import_page import ImportPage

ROWS = 5_000
SHOW_TABLE = """
async ([folder, count]) => {
  const { VirtualTable } = await import(`${folder}table.js`);
  const rows = Array.from({ length: count }, (_, index) => `<b>text ${index + 1}</b>`);
  const columns = [["Length", 5, (text) => String(text.length)], ["Text", 10, (text) => text]];
  window.ends = 0;
  window.table = new VirtualTable({ label: "Errors", columns, rows, onend: () => { window.ends += 1; } });
  document.getElementById("step").replaceChildren(window.table.element);
}
"""


def shown_table(import_page: ImportPage, rows: int = ROWS) -> Locator:
    import_page.open_empty()
    import_page.run(SHOW_TABLE, rows)
    return import_page.page.get_by_role("table", name="Errors")


def scroll_to(import_page: ImportPage, part: float) -> None:
    """Scroll the table: 0 is its top, 1 its end."""
    import_page.page.evaluate(
        "(part) => { const { element } = table; element.scrollTop = part * element.scrollHeight; }", part
    )


def test_only_rows_in_sight_are_in_the_document(import_page: ImportPage) -> None:
    table = shown_table(import_page)

    expect(table.get_by_role("cell", name="<b>text 1</b>", exact=True)).to_be_visible()
    assert table.locator("*").count() < 400
    assert table.get_attribute("aria-rowcount") == str(ROWS + 1)


def test_the_last_row_is_at_the_end(import_page: ImportPage) -> None:
    table = shown_table(import_page)
    region = import_page.page.get_by_role("region", name="Errors")

    region.focus()
    import_page.page.keyboard.press("End")

    last = table.get_by_role("row").filter(has_text=f"text {ROWS}")
    expect(last).to_be_in_viewport()
    assert last.get_attribute("aria-rowindex") == str(ROWS + 1)
    assert table.locator("*").count() < 400


def test_rows_are_in_order_after_scrolling_back(import_page: ImportPage) -> None:
    table = shown_table(import_page)

    scroll_to(import_page, 1)
    expect(table.get_by_role("row").filter(has_text=f"text {ROWS}")).to_be_in_viewport()
    scroll_to(import_page, 0.995)

    expect(table.get_by_role("row").filter(has_text="text 4981")).to_be_in_viewport()
    indices = [int(row.get_attribute("aria-rowindex") or 0) for row in table.get_by_role("row").all()]
    assert indices == sorted(indices)


def test_the_end_is_reported_when_it_is_in_sight(import_page: ImportPage) -> None:
    shown_table(import_page)
    assert import_page.page.evaluate("ends") == 0

    scroll_to(import_page, 1)

    import_page.page.wait_for_function("ends > 0")


def test_each_frame_of_scrolling_is_drawn_in_time(import_page: ImportPage) -> None:
    """A frame of 60 in a second takes 16 ms; the median of them leaves room for a busy machine."""
    shown_table(import_page)

    median_ms = import_page.page.evaluate("""
      async () => {
        const durations = [];
        for (let frame = 0; frame < 20; frame += 1) {
          const before = performance.now();
          table.element.scrollTop += 400;
          table.element.dispatchEvent(new Event("scroll"));
          table.element.getBoundingClientRect();
          durations.push(performance.now() - before);
          await new Promise(requestAnimationFrame);
        }
        return durations.sort((one, other) => one - other)[10];
      }
    """)

    assert median_ms < 16
