/** A grid whose cells can be edited, with the keys of a spreadsheet. */

import { parse } from "./csv.js";
import { element } from "./dom.js";
import { VirtualTable } from "./table.js";

const MOVES = {
  ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
  Home: [0, -Infinity], End: [0, Infinity],
};

/**
 * @typedef {object} GridRow
 * @property {string} name  shown at its beginning
 * @property {string[]} cells  one for each column
 * @property {string[]} errors  by column; a cell whose text has changed does not show its error any more
 * @property {string} [fault]  an error of the row as a whole
 */

export class Grid {
  /**
   * @param {object} options
   * @param {string} options.label  for screen readers
   * @param {string[]} options.columns
   * @param {GridRow[]} options.rows
   * @param {Map<string, string>} options.edits  the texts of edited cells by "row,column"; the grid changes it
   * @param {() => void} options.onedit  called after each change of `edits`
   * @param {(text: string) => void} options.announce
   */
  constructor({ label, columns, rows, edits, onedit, announce }) {
    this.#columns = columns;
    this.#rows = rows;
    this.#edits = edits;
    this.#onedit = onedit;
    this.#announce = announce;
    this.#active = this.#nextError({ row: 0, column: 0 }) ?? { row: 0, column: 1 };
    this.#table = new VirtualTable({
      label, rows, role: "grid",
      columns: [{ label: "Row", width: 6 }, ...columns.map((column) => ({ label: column, width: 11 }))],
      fill: (cell, row, column) => this.#fill(cell, row, column),
      kept: () => this.#active.row,
    });
    this.#detail = element("p", { class: "grid-detail" });
    this.element = element("div", {}, this.#table.element, this.#detail);
    const listeners = { keydown: this.#keydown, mousedown: this.#mousedown, paste: this.#paste, copy: this.#copy };
    for (const [name, listener] of Object.entries(listeners)) {
      this.#table.table.addEventListener(name, (event) => listener.call(this, event));
    }
    this.#describe();
  }

  /** The cell with the focus, or that gets it: column 0 has the rows' names. */
  #active;
  /** The text area in the active cell while that is edited. */
  #editor = null;
  /** What undoes each change: [key, earlier text or undefined] of its cells. */
  #undo = [];
  #columns; #rows; #edits; #onedit; #announce; #table; #detail;

  /** A cell's text. @param {number} row @param {number} column  from 0, without that of the names */
  text(row, column) {
    return this.#edits.get(`${row},${column}`) ?? this.#rows[row].cells[column] ?? "";
  }

  /** Moves to the next cell with an error that was not edited; false if there is none. */
  toNextError() {
    const cell = this.#nextError(this.#active) ?? this.#nextError({ row: 0, column: 0 });
    if (cell) this.moveTo(cell.row, cell.column);
    return Boolean(cell);
  }

  /** Moves the focus to a cell. @param {number} row @param {number} column  0 has the rows' names */
  moveTo(row, column) {
    this.#cell()?.setAttribute("tabindex", "-1");
    this.#active = { row: clamp(row, this.#rows.length - 1), column: clamp(column, this.#columns.length) };
    this.#table.reveal(this.#active.row);
    this.#cell().setAttribute("tabindex", "0");
    this.#cell().focus();
    this.#describe();
  }

  #keydown(event) {
    if (event.isComposing) return;
    const { key, shiftKey } = event;
    if (this.#editor ? this.#editorKey(key, shiftKey, event) : this.#cellKey(key, event)) event.preventDefault();
  }

  /** Does what a key means in an editor; true if that is all it does. */
  #editorKey(key, shiftKey, { altKey }) {
    const { row, column } = this.#active;
    if (key === "Escape") this.#close();
    else if (key === "Tab") this.#commit(row, column + (shiftKey ? -1 : 1));
    else if (key !== "Enter") return false;
    else if (altKey) this.#editor.setRangeText("\n", this.#editor.selectionStart, this.#editor.selectionEnd, "end");
    else this.#commit(row + (shiftKey ? -1 : 1), column);
    return true;
  }

  /** Does what a key means on a cell; true if that is all it does. */
  #cellKey(key, event) {
    const control = event.ctrlKey || event.metaKey;
    const typed = key.length === 1 && (event.getModifierState("AltGraph") || !(control || event.altKey));
    if (key in MOVES || key === "PageUp" || key === "PageDown") this.#move(key, control);
    else if (key === "Enter" || key === "F2") this.#edit(this.#text());
    else if (key === "Delete" || key === "Backspace") this.#change([[0, 0, ""]]);
    else if (control && key === "z") this.#undoLast();
    // The editor gets the key itself: it may be the first of several that compose a character.
    else if (typed || key === "Process" || key === "Dead") return this.#edit("") && false;
    else return false;
    return true;
  }

  #move(key, control) {
    const page = this.#table.page;
    let [down, right] = MOVES[key] ?? [key === "PageUp" ? -page : page, 0];
    if (control && key.startsWith("Arrow")) [down, right] = [down && down * Infinity, right && right * Infinity];
    else if (control) down = right || down;
    this.moveTo(this.#active.row + down, this.#active.column + right);
  }

  /** A click selects a cell, another one edits it: touch screens have no Enter. */
  #mousedown(event) {
    const cell = event.target.closest("[role=gridcell], [role=rowheader]");
    if (!cell || event.target === this.#editor) return;
    event.preventDefault();
    const again = cell === document.activeElement;
    if (this.#editor) this.#commit();
    const row = Number(cell.parentElement.getAttribute("aria-rowindex")) - 2;
    const column = Number(cell.getAttribute("aria-colindex")) - 1;
    this.moveTo(row, column);
    if (again) this.#edit(this.#text());
  }

  /** Pastes a block: its first cell is the active one, and what is beyond the grid is left out. */
  #paste(event) {
    if (this.#editor) return;
    event.preventDefault();
    const block = parse(event.clipboardData.getData("text/plain"), "\t");
    const pasted = this.#change(block.flatMap((cells, down) => cells.map((text, right) => [down, right, text])));
    this.#announce(`${pasted} cells pasted`);
  }

  #copy(event) {
    if (this.#editor) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", this.#text());
  }

  #edit(text) {
    const { row, column } = this.#active;
    if (column === 0) return false;
    const cell = this.#cell();
    this.#editor = element("textarea", {
      rows: 1, spellcheck: "false", "aria-label": `${this.#columns[column - 1]}, row ${this.#rows[row].name}`,
      "aria-invalid": cell.getAttribute("aria-invalid"), "aria-describedby": this.#error(row, column) && "grid-error",
      onblur: () => this.#commit(),
    });
    this.#editor.value = text;
    cell.querySelector(".value").replaceWith(this.#editor);
    this.#editor.focus();
    this.#editor.setSelectionRange(text.length, text.length);
    return true;
  }

  /** Takes what the editor has, and moves to another cell if one is named; a wrong text may be confirmed. */
  #commit(row, column) {
    const text = this.#editor?.value;
    if (text === undefined) return;
    const same = text === this.#text() && !this.#error(this.#active.row, this.#active.column);
    this.#close();
    if (!same) this.#change([[0, 0, text]]);
    if (row !== undefined) this.moveTo(row, column);
  }

  /** Leaves the editor without a change. */
  #close() {
    const focused = this.#editor === document.activeElement;
    this.#editor = null;
    this.#table.updateRow(this.#active.row);
    if (focused) this.#cell().focus();
  }

  /** Sets the texts of cells, [rows down, columns right, text] from the active one; returns how many. */
  #change(texts) {
    const { row, column } = this.#active;
    const inside = texts.filter(([down, right]) => row + down < this.#rows.length && column > 0
      && column + right <= this.#columns.length);
    const undo = inside.map(([down, right, text]) => {
      const key = `${row + down},${column + right - 1}`;
      const earlier = this.#edits.get(key);
      this.#edits.set(key, text);
      return [key, earlier];
    });
    if (undo.length) this.#undo.push(undo);
    this.#redraw(undo);
    return inside.length;
  }

  #undoLast() {
    const undo = this.#undo.pop() ?? [];
    for (const [key, earlier] of undo) earlier === undefined ? this.#edits.delete(key) : this.#edits.set(key, earlier);
    this.#redraw(undo);
    if (undo.length) this.moveTo(...undo[0][0].split(",").map((place, index) => Number(place) + index));
  }

  #redraw(changes) {
    const focused = this.#cell()?.contains(document.activeElement);
    for (const row of new Set(changes.map(([key]) => Number(key.split(",")[0])))) this.#table.updateRow(row);
    if (focused) this.#cell().focus();
    this.#describe();
    if (changes.length) this.#onedit();
  }

  #fill(cell, row, column) {
    const { name, cells } = this.#rows[row];
    const error = this.#error(row, column);
    const edited = this.#edits.has(`${row},${column - 1}`);
    const active = row === this.#active.row && column === this.#active.column;
    cell.setAttribute("role", column ? "gridcell" : "rowheader");
    cell.setAttribute("aria-colindex", String(column + 1));
    cell.setAttribute("tabindex", active ? "0" : "-1");
    if (column === 0) cell.setAttribute("aria-readonly", "true");
    if (error) cell.setAttribute("aria-invalid", "true");
    cell.title = error || (edited ? `was: ${cells[column - 1] ?? ""}` : "");
    cell.classList.toggle("edited", edited);
    cell.append(element("span", { class: "value" }, column ? this.text(row, column - 1) : name));
    if (error) cell.append(element("span", { class: "error" }, error));
    else if (edited) cell.append(element("span", { class: "note" }, "changed"));
  }

  /** The error that a cell shows, or undefined if its text is another one now; those of whole rows are in column 0. */
  #error(row, column) {
    const { cells, errors, fault } = this.#rows[row];
    if (column === 0) return fault;
    return this.text(row, column - 1) === (cells[column - 1] ?? "") ? errors[column - 1] : undefined;
  }

  #nextError({ row, column }) {
    for (let index = row; index < this.#rows.length; index++) {
      const from = index === row ? column + 1 : 1;
      for (let place = from; place <= this.#columns.length; place++) {
        if (this.#error(index, place)) return { row: index, column: place };
      }
    }
    return null;
  }

  /** Shows below the grid the whole of what the active cell may show only the beginning of. */
  #describe() {
    const { row, column } = this.#active;
    const { name, fault } = this.#rows[row];
    const error = this.#error(row, column) || fault;
    this.#detail.replaceChildren(
      element("strong", {}, `Row ${name}${column ? `, ${this.#columns[column - 1]}` : ""}: `),
      column ? this.#text() : "",
      error ? element("span", { class: "error", id: "grid-error" }, ` ${error}`) : "",
    );
  }

  #text() {
    const { row, column } = this.#active;
    return column ? this.text(row, column - 1) : this.#rows[row].name;
  }

  #cell() {
    return this.#table.cell(this.#active.row, this.#active.column);
  }
}

function clamp(place, last) {
  return Math.max(0, Math.min(place, last));
}
