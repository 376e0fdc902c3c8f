/** Tables of any length: only the rows in sight are in the document. */

import { element } from "./dom.js";

const MARGIN_ROWS = 8; // rows above and below those in sight, so that scrolling does not show gaps

/**
 * @typedef {object} Column
 * @property {string} label
 * @property {number} [width]  in rem, 10 if it is not set; what room there is beyond that is shared
 * @property {(row: any) => string | Node} [cell]  what a cell shows of a row
 */

export class VirtualTable {
  /**
   * Put `element` into the document; set `rows` and call `update` when there are other rows or more of them.
   * @param {object} options
   * @param {string} options.label  for screen readers
   * @param {Column[]} options.columns
   * @param {any[]} [options.rows]
   * @param {() => void} [options.onend]  called whenever the last row is in sight: there may be more to load
   * @param {"table" | "grid"} [options.role]
   * @param {(cell: HTMLElement, row: number, column: number) => void} [options.fill]  in place of `cell`
   * @param {() => number} [options.kept]  a row that stays in the document wherever it is, such as the focused one
   */
  constructor({ label, columns, rows = [], onend, role = "table", fill, kept = () => -1 }) {
    this.columns = columns;
    this.rows = rows;
    this.#fill = fill ?? ((cell, row, column) => this.#show(cell, this.columns[column].cell(this.rows[row])));
    this.#kept = kept;
    this.#onend = onend;
    this.#head = element("div", { role: "rowgroup", class: "virtual-head" }, this.#headRow());
    this.#body = element("div", { role: "rowgroup", class: "virtual-body" });
    this.table = element("div", { role, "aria-label": label, "aria-colcount": columns.length }, this.#head, this.#body);
    this.#setWidths();
    const region = role === "table" && { role: "region", "aria-label": label, tabindex: 0 };
    this.element = element("div", { class: `virtual virtual-${role}`, ...region }, this.table);
    this.element.addEventListener("scroll", () => this.#render(), { passive: true });
    new ResizeObserver(() => this.#render()).observe(this.element);
    this.update();
  }

  /** The HTML rows in the document, by index. @type {Map<number, HTMLElement>} */
  #shown = new Map();
  #fill; #kept; #onend; #head; #body;

  /** Shows `rows` as they are now. */
  update() {
    this.table.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.#body.style.setProperty("--count", String(this.rows.length));
    this.#body.replaceChildren();
    this.#shown.clear();
    this.#render();
  }

  /** Shows one row as it is now; its HTML cells are new. @param {number} row */
  updateRow(row) {
    this.#shown.get(row)?.replaceChildren(...this.#cells(row));
  }

  /** Scrolls a row into sight. @param {number} row */
  reveal(row) {
    const { height, room } = this.#sizes();
    const { scrollTop } = this.element;
    this.element.scrollTop = Math.max(Math.min(scrollTop, row * height), (row + 1) * height - room);
    this.#render();
  }

  /** The HTML cell, or undefined if its row is not in the document. @param {number} row @param {number} column */
  cell(row, column) {
    return this.#shown.get(row)?.children[column];
  }

  /** How many rows are in sight at a time. */
  get page() {
    const { height, room } = this.#sizes();
    return Math.max(1, Math.floor(room / height) - 1);
  }

  #sizes() {
    const height = this.#body.getBoundingClientRect().height / this.rows.length || 1;
    return { height, room: this.element.clientHeight - this.#head.offsetHeight };
  }

  #setWidths() {
    const widths = this.columns.map(({ width = 10 }) => width);
    this.table.style.setProperty("--columns", widths.map((width) => `minmax(${width}rem, ${width}fr)`).join(" "));
    this.table.style.minWidth = `${widths.reduce((sum, width) => sum + width, 0)}rem`;
  }

  #headRow() {
    const cells = this.columns.map(({ label }) => this.#show(element("div", { role: "columnheader" }), label));
    return element("div", { role: "row", "aria-rowindex": 1 }, ...cells);
  }

  #render() {
    const { height, room } = this.#sizes();
    const top = this.element.scrollTop;
    const first = Math.max(0, Math.floor(top / height) - MARGIN_ROWS);
    const end = Math.max(first, Math.min(this.rows.length, Math.ceil((top + room) / height) + MARGIN_ROWS));
    this.#keepOnly(first, end);
    if (end === this.rows.length && room > 0) this.#onend?.();
  }

  /** Puts these rows into the document, and the kept one, in order; the focus is not lost. */
  #keepOnly(first, end) {
    const kept = this.#kept();
    const indices = Array.from({ length: end - first }, (_, index) => first + index);
    if (kept >= 0 && kept < first) indices.unshift(kept);
    if (kept >= end && kept < this.rows.length) indices.push(kept);
    for (const [index, row] of this.#shown) {
      if ((index < first || index >= end) && index !== kept) this.#remove(index, row);
    }
    let next = this.#body.firstChild;
    for (const index of indices) {
      const row = this.#shown.get(index) ?? this.#add(index);
      if (row === next) next = next.nextSibling;
      else this.#body.insertBefore(row, next);
    }
  }

  #add(index) {
    const row = element("div", { role: "row", "aria-rowindex": index + 2 }, ...this.#cells(index));
    row.style.setProperty("--index", String(index));
    this.#shown.set(index, row);
    return row;
  }

  #remove(index, row) {
    row.remove();
    this.#shown.delete(index);
  }

  #cells(row) {
    return this.columns.map((_, column) => {
      const cell = element("div", { role: "cell" });
      this.#fill(cell, row, column);
      return cell;
    });
  }

  /** A text that does not fit is the tooltip, too. */
  #show(cell, content) {
    cell.append(element("span", typeof content === "string" && { title: content }, content));
    return cell;
  }
}
