/** A grid whose cells can be edited, with the keys of a spreadsheet. */

import { parse } from "./csv.js";
import { h } from "./dom.js";
import { VirtualTable } from "./table.js";

const PAGE_ROWS = 10;

/** @typedef {{name: string, cells: string[], errors: string[], fault?: string}} GridRow  `errors` by column, `fault` of the whole row */

export class Grid {
  // The active cell; column 0 has the names of the rows.
  #row = 0;
  #column = 0;
  #editor = null; // the text area in the active cell
  #table;
  #detail = h("p.grid-detail");

  /**
   * `edits` has the texts of edited cells by "row,column"; `onedit` is called when they may have changed.
   * @param {{label: string, columns: string[], rows: GridRow[], edits: Map<string, string>, onedit: () => void}} options
   */
  constructor({ label, ...options }) {
    const { columns, rows } = Object.assign(this, options);
    this.#table = new VirtualTable({
      label, rows, role: "grid",
      columns: [["Row", 5], ...columns.map((name) => [name, 9])],
      newCell: (row, column) => this.#newCell(row, column),
      kept: () => this.#row,
    });
    this.element = h("div", {
      onkeydown: (event) => this.#keydown(event),
      onmousedown: (event) => this.#mousedown(event),
      onpaste: (event) => this.#paste(event),
    }, this.#table.element, this.#detail);
    this.#describe();
  }

  /** The text of a cell as it is now; here column 0 is the first of `columns`. */
  text(row, column) {
    return this.edits.get(`${row},${column}`) ?? this.rows[row].cells[column] ?? "";
  }

  /** Moves to the next cell with an error; false if there is none. */
  toNextError() {
    const width = this.columns.length + 1;
    const cells = this.rows.length * width;
    const active = this.#row * width + this.#column;
    for (let step = 1; step <= cells; step += 1) {
      const place = (active + step) % cells;
      const [row, column] = [Math.floor(place / width), place % width];
      if (!this.#error(row, column)) continue;
      this.moveTo(row, column);
      return true;
    }
    return false;
  }

  /** Moves the focus to a cell, or to the nearest one that exists. */
  moveTo(row, column) {
    this.#cell.tabIndex = -1;
    this.#row = Math.max(0, Math.min(row, this.rows.length - 1));
    this.#column = Math.max(0, Math.min(column, this.columns.length));
    this.#table.render();
    this.#cell.tabIndex = 0;
    this.#cell.focus({ preventScroll: true });
    this.#cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.#describe();
  }

  get #cell() {
    return this.#table.cell(this.#row, this.#column);
  }

  get #text() {
    return this.#column ? this.text(this.#row, this.#column - 1) : this.rows[this.#row].name;
  }

  #keydown(event) {
    if (event.isComposing) return;
    if (this.#editor ? this.#editorKey(event) : this.#cellKey(event)) event.preventDefault();
  }

  /** Does what a key means in the editor; true if that is all it does. */
  #editorKey({ key, shiftKey }) {
    const step = shiftKey ? -1 : 1;
    if (key === "Escape") this.#close();
    else if (key === "Tab") this.#commit(this.#row, this.#column + step);
    else if (key === "Enter") this.#commit(this.#row + step, this.#column);
    else return false;
    return true;
  }

  /** The same for a key on a cell. */
  #cellKey(event) {
    const { key } = event;
    const control = event.ctrlKey || event.metaKey;
    if (key === "Enter" || key === "F2") this.#edit(this.#text);
    else if (key === "Delete" || key === "Backspace") this.#change([[""]]);
    else if (!this.#move(key)) {
      // The editor gets the key itself: it may be the first of several that make a character.
      const isText = key.length === 1 && (event.getModifierState("AltGraph") || !(control || event.altKey));
      if (isText || key === "Process" || key === "Dead") this.#edit("");
      return false;
    }
    return true;
  }

  /** Moves as a key says; false if it does not. */
  #move(key) {
    const moves = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
      PageUp: [-PAGE_ROWS, 0], PageDown: [PAGE_ROWS, 0], Home: [0, -Infinity], End: [0, Infinity],
    };
    if (moves[key]) this.moveTo(this.#row + moves[key][0], this.#column + moves[key][1]);
    return key in moves;
  }

  /** A click moves to a cell, another one edits it: touch screens have no Enter. */
  #mousedown(event) {
    const cell = event.target.closest("[aria-colindex]");
    if (!cell || event.target === this.#editor) return;
    event.preventDefault();
    const isActive = cell === document.activeElement;
    this.#commit();
    this.moveTo(cell.parentElement.ariaRowIndex - 2, cell.ariaColIndex - 1);
    if (isActive) this.#edit(this.#text);
  }

  /** What is beyond the grid is left out. */
  #paste(event) {
    if (this.#editor) return;
    event.preventDefault();
    this.#change(parse(event.clipboardData.getData("text/plain"), "\t"));
  }

  #edit(text) {
    if (this.#column === 0) return;
    const error = this.#error(this.#row, this.#column);
    this.#editor = h("textarea", {
      rows: 1, spellcheck: "false", "aria-label": `${this.columns[this.#column - 1]}, row ${this.rows[this.#row].name}`,
      "aria-invalid": error && "true", "aria-describedby": error && "grid-error", onblur: () => this.#commit(),
    });
    this.#editor.value = text;
    this.#cell.firstChild.replaceWith(this.#editor);
    this.#editor.focus();
  }

  /** Takes what the editor has, and moves to another cell if one is named. A faulty text can be confirmed. */
  #commit(row, column) {
    if (!this.#editor) return;
    const { value } = this.#editor;
    const isChange = value !== this.#text || this.#error(this.#row, this.#column);
    this.#close();
    if (isChange) this.#change([[value]]);
    if (row !== undefined) this.moveTo(row, column);
  }

  #close() {
    this.#editor = null;
    this.#update();
  }

  /** Sets the texts of a block that begins at the active cell. */
  #change(block) {
    for (const [down, cells] of block.entries()) {
      for (const [right, text] of cells.entries()) {
        const [row, column] = [this.#row + down, this.#column + right - 1];
        if (row in this.rows && column in this.columns) this.edits.set(`${row},${column}`, text);
      }
    }
    this.#update();
  }

  #update() {
    const hasFocus = this.#cell.contains(document.activeElement);
    this.#table.update();
    if (hasFocus) this.#cell.focus();
    this.#describe();
    this.onedit();
  }

  #newCell(row, column) {
    const { name, cells } = this.rows[row];
    const error = this.#error(row, column);
    const isEdited = this.edits.has(`${row},${column - 1}`);
    return h("div", {
      role: column ? "gridcell" : "rowheader", "aria-colindex": column + 1, "aria-invalid": error && "true",
      tabindex: row === this.#row && column === this.#column ? 0 : -1,
      title: error ?? (isEdited && `was: ${cells[column - 1] ?? ""}`),
    }, h("span.value", column ? this.text(row, column - 1) : name),
    error ? h("span.error", error) : isEdited && h("span.was", "changed"));
  }

  /** The error of a cell until its text changes; in column 0, that of the whole row until a cell of it is edited. */
  #error(row, column) {
    const { cells, errors, fault } = this.rows[row];
    if (column) return this.text(row, column - 1) === (cells[column - 1] ?? "") ? errors[column - 1] : undefined;
    return this.columns.some((_, place) => this.edits.has(`${row},${place}`)) ? undefined : fault;
  }

  /** Shows all of the active cell: in the grid it may be cut. */
  #describe() {
    const { name, fault } = this.rows[this.#row];
    this.#detail.replaceChildren(h("b", `Row ${name} `, this.columns[this.#column - 1]), this.#column ? ` ${this.#text} ` : " ",
      h("span.error", { id: "grid-error" }, this.#error(this.#row, this.#column) ?? fault));
  }
}
