/** Tables of any length: only the rows in sight are in the document. */

import { h } from "./dom.js";

const MARGIN_ROWS = 8; // above and below those in sight, so that scrolling shows no gaps

/** @typedef {[string, number, ((row: any) => string | Node)?]} Column  its name, least width in rem, and cell of a row */

export class VirtualTable {
  #shown = new Map(); // the HTML rows in the document, by index
  #body = h("div.virtual-body", { role: "rowgroup" });
  #table;
  #options;

  /**
   * `onend` is called when the last row is in sight. A grid makes its own cells; its row with the focus, which `kept`
   * returns, stays in the document.
   * @param {{label: string, columns: Column[], rows?: any[], onend?: () => void, role?: "table" | "grid",
   *   newCell?: (row: number, column: number) => HTMLElement, kept?: () => number}} options
   */
  constructor(options) {
    const { label, columns, rows = [], role = "table" } = this.#options = options;
    this.rows = rows;
    const names = columns.map(([name]) => textCell("columnheader", name));
    const head = h("div.virtual-head", { role: "rowgroup" }, h("div", { role: "row", "aria-rowindex": 1 }, ...names));
    this.#table = h("div", { role, "aria-label": label }, head, this.#body);
    const widths = columns.map(([, width]) => `minmax(${width}rem, ${width}fr)`);
    this.#table.style.setProperty("--columns", widths.join(" "));
    const region = role === "table" && { role: "region", "aria-label": label, tabindex: 0 };
    this.element = h("div.virtual", { onscroll: () => this.render(), ...region }, this.#table);
    new ResizeObserver(() => this.render()).observe(this.element);
    this.update();
  }

  /** Shows the rows as they are now. */
  update() {
    this.#table.ariaRowCount = this.rows.length + 1;
    this.#body.style.setProperty("--count", this.rows.length);
    this.#body.replaceChildren();
    this.#shown.clear();
    this.render();
  }

  /** Shows the rows in sight. */
  render() {
    const { kept, onend } = this.#options;
    const { scrollTop, clientHeight } = this.element;
    const height = this.#body.offsetHeight / this.rows.length || 1;
    const first = Math.max(0, Math.floor(scrollTop / height) - MARGIN_ROWS);
    const end = Math.min(this.rows.length, Math.ceil((scrollTop + clientHeight) / height) + MARGIN_ROWS);
    const indices = new Set(kept && [kept()]);
    for (let index = first; index < end; index += 1) indices.add(index);
    this.#show(indices);
    if (end === this.rows.length && clientHeight) onend?.();
  }

  /** The HTML cell of a row that is in the document. */
  cell(row, column) {
    return this.#shown.get(row).children[column];
  }

  /** Rows that stay are not moved: they would lose the focus. */
  #show(indices) {
    for (const [index, row] of this.#shown) {
      if (indices.has(index)) continue;
      row.remove();
      this.#shown.delete(index);
    }
    [...indices].sort((one, other) => one - other).forEach((index, place) => {
      if (!this.#shown.has(index)) this.#body.insertBefore(this.#newRow(index), this.#body.children[place]);
    });
  }

  #newRow(index) {
    const { columns, newCell = (_, column) => textCell("cell", columns[column][2](this.rows[index])) } = this.#options;
    const row = h("div", { role: "row", "aria-rowindex": index + 2 }, ...columns.map((_, column) => newCell(index, column)));
    row.style.setProperty("--index", index);
    this.#shown.set(index, row);
    return row;
  }
}

/** A text that does not fit can be read in the tooltip. */
const textCell = (role, content) => h("div", { role }, h("span", { title: typeof content === "string" && content }, content));
