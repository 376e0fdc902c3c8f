/** The failed rows of a job: what a grid shows of them, and the file that is uploaded when they are fixed. */

import { parse, write } from "./csv.js";

const ADDED_COLUMNS = 3; // _row, _errors and _job, between a row's own cells and its surplus ones
// Errors of cells whose text in the download is not what the file has; it must not be imported by itself.
const LOSSY = ["invalid_encoding", "spreadsheet_error", "date_in_text_column"];

export class FailedRows {
  #header; #records; #width;

  /** @param {string[][]} records  of failed-rows.csv, the header first */
  constructor([header, ...records]) {
    this.#header = header;
    this.#records = records;
    this.#width = header.indexOf("_row");
    /** @type {import("./grid.js").GridRow[]} */
    this.rows = records.map((record) => ({
      name: record[this.#width],
      cells: record.toSpliced(this.#width, ADDED_COLUMNS),
      errors: [],
    }));
    /** Keys ("row,column") of cells that somebody must enter again. @type {Set<string>} */
    this.lossy = new Set();
  }

  /** The names of the columns that the rows' cells are in. @returns {string[]} */
  get columns() {
    const most = this.rows.reduce((length, { cells }) => Math.max(length, cells.length), this.#width);
    const names = this.#header.slice(0, this.#width).map((name, index) => name.trim() || `Column ${index + 1}`);
    return [...names, ...Array.from({ length: most - this.#width }, (_, index) => `Surplus cell ${index + 1}`)];
  }

  /** The header and one row, from which the service can tell which field each column is for. */
  sample(delimiter) {
    return csvFile([this.#header, ...this.#records.slice(0, 1)], delimiter);
  }

  /**
   * Puts errors into the cells that they belong to; one of an absent column, or of a row as a whole, to its row.
   * @param {(string | null)[]} fields  of the columns
   * @param {{row: number, field: string | null, code: string, message: string}[]} errors
   */
  addErrors(fields, errors) {
    const indices = new Map(this.rows.map(({ name }, index) => [name, index]));
    for (const { row, field, code, message } of errors) {
      const index = indices.get(String(row));
      const column = field === null ? -1 : fields.indexOf(field);
      if (column < 0) this.rows[index].fault = joined(this.rows[index].fault, message);
      else this.rows[index].errors[column] = joined(this.rows[index].errors[column], message);
      if (column >= 0 && LOSSY.includes(code)) this.lossy.add(`${index},${column}`);
    }
  }

  /** The file to upload. @param {(row: number, column: number) => string} text  of a cell, as it is now @param {string} delimiter */
  fixed(text, delimiter) {
    const records = this.#records.map((record, row) => record.map((added, place) => {
      const column = place < this.#width ? place : place - ADDED_COLUMNS;
      return place < this.#width || column >= this.#width ? text(row, column) : added;
    }));
    return csvFile([this.#header, ...records], delimiter);
  }
}

/** Downloads the failed rows of a job, and their errors. @param {object} job @param {import("./main.js").Context} context */
export async function download(job, { api, signal }) {
  const { delimiter, columns } = job.options;
  const file = await api.failedRows(job.job_id, "csv", { signal });
  const failed = new FailedRows(parse(await file.text(), delimiter));
  const preview = await api.preview(failed.sample(delimiter), { delimiter, columns }, { signal });
  const fields = preview.columns.map(({ field, how }) => (how === "similar" ? null : field));
  for await (const errors of api.pages(job.job_id, "errors", { signal })) failed.addErrors(fields, errors);
  return failed;
}

function csvFile(records, delimiter) {
  return new File([write(records, delimiter)], "fixed-rows.csv", { type: "text/csv;charset=utf-8" });
}

function joined(earlier, message) {
  return earlier ? `${earlier}; ${message}` : message;
}
