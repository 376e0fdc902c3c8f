/** Tables of any length: only the rows in sight are in the document. */

import { element } from "./dom.js";

const MARGIN_ROWS = 8; // above and below those in sight, so that scrolling shows no gaps

/** @typedef {{label: string, width?: number, cell?: (row: any) => string | Node}} Column  `width` in rem, at least */

export class VirtualTable {
  #shown = new Map(); // the HTML rows in the document, by index
  #body = element("div", { role: "rowgroup", class: "virtual-body" });
  #head;
  #options;

  /**
   * Put `element` into the document, and call `update` when `rows` has changed. `onend` is called when the last row is
   * in sight. A grid fills its cells itself, and `kept` is its row with the focus, which stays in the document.
   * @param {{label: string, columns: Column[], rows?: any[], onend?: () => void, role?: "table" | "grid",
   *   fill?: (cell: HTMLElement, row: number, column: number) => void, kept?: () => number}} options
   */
  constructor(options) {
    const { label, columns, rows = [], role = "table" } = this.#options = options;
    this.rows = rows;
    const names = columns.map((column) => show(element("div", { role: "columnheader" }), column.label));
    this.#head = element("div", { role: "rowgroup", class: "virtual-head" }, element("div", { role: "row", "aria-rowindex": 1 }, ...names));
    this.table = element("div", { role, "aria-label": label }, this.#head, this.#body);
    const widths = columns.map(({ width = 10 }) => width);
    this.table.style.setProperty("--columns", widths.map((width) => `minmax(${width}rem, ${width}fr)`).join(" "));
    this.table.style.minWidth = `${widths.reduce((sum, width) => sum + width)}rem`;
    const region = role === "table" && { role: "region", "aria-label": label, tabindex: 0 };
    this.element = element("div", { class: `virtual virtual-${role}`, onscroll: () => this.#render(), ...region }, this.table);
    new ResizeObserver(() => this.#render()).observe(this.element);
    this.update();
  }

  /** Shows the rows as they are now. */
  update() {
    this.table.ariaRowCount = this.rows.length + 1;
    this.#body.style.setProperty("--count", this.rows.length);
    this.#body.replaceChildren();
    this.#shown.clear();
    this.#render();
  }

  /** Scrolls a row into sight. @param {number} row */
  reveal(row) {
    const { height, room } = this.#sizes();
    this.element.scrollTop = Math.max(Math.min(this.element.scrollTop, row * height), (row + 1) * height - room);
    this.#render();
  }

  /** The HTML cell of a row in the document. @param {number} row @param {number} column */
  cell(row, column) {
    return this.#shown.get(row).children[column];
  }

  /** In pixels: the height of a row, and of what is below the header. */
  #sizes() {
    const height = this.#body.getBoundingClientRect().height / this.rows.length || 1;
    return { height, room: this.element.clientHeight - this.#head.offsetHeight };
  }

  #render() {
    const { kept, onend } = this.#options;
    const { height, room } = this.#sizes();
    const top = this.element.scrollTop;
    const first = Math.max(0, Math.floor(top / height) - MARGIN_ROWS);
    const end = Math.min(this.rows.length, Math.ceil((top + room) / height) + MARGIN_ROWS);
    const indices = new Set(Array.from({ length: end - first }, (_, index) => first + index));
    if (kept && this.rows.length) indices.add(kept());
    this.#keepOnly(indices);
    if (end === this.rows.length && room > 0) onend?.();
  }

  /** Rows that stay are not moved: they would lose the focus. @param {Set<number>} indices */
  #keepOnly(indices) {
    for (const [index, row] of this.#shown) {
      if (indices.has(index)) continue;
      row.remove();
      this.#shown.delete(index);
    }
    let next = this.#body.firstChild;
    for (const index of [...indices].sort((one, other) => one - other)) {
      const row = this.#shown.get(index) ?? this.#newRow(index);
      if (row === next) next = next.nextSibling;
      else this.#body.insertBefore(row, next);
    }
  }

  #newRow(index) {
    const { columns, fill = (cell, _, column) => show(cell, columns[column].cell(this.rows[index])) } = this.#options;
    const row = element("div", { role: "row", "aria-rowindex": index + 2 }, ...columns.map((_, column) => {
      const cell = element("div", { role: "cell" });
      fill(cell, index, column);
      return cell;
    }));
    row.style.setProperty("--index", index);
    this.#shown.set(index, row);
    return row;
  }
}

/** A text that does not fit can be read in the tooltip. */
function show(cell, content) {
  cell.append(element("span", typeof content === "string" && { title: content }, content));
  return cell;
}
