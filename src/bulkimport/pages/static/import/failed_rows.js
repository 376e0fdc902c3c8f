/** The failed rows of a job: what a grid shows of them, and the file that is uploaded when they are fixed. */

import { parse, write } from "./csv.js";

const ADDED_COLUMNS = 3; // _row, _errors and _job, between a row's own cells and its surplus ones
// Errors of cells whose text in the download is not what the file has: it must not be imported unnoticed.
const LOSSY = ["invalid_encoding", "spreadsheet_error", "date_in_text_column"];

export class FailedRows {
  /** @type {string[]} cells that must be entered again, as "row,column" */
  lossy = [];
  #records;
  #width;
  #delimiter;

  /** @param {string} text  of failed-rows.csv @param {string} delimiter */
  constructor(text, delimiter) {
    this.#records = parse(text, delimiter);
    this.#delimiter = delimiter;
    const [header, ...records] = this.#records;
    const width = this.#width = header.indexOf("_row");
    /** @type {import("./grid.js").GridRow[]} */
    this.rows = records.map((record) => ({ name: record[width], cells: record.toSpliced(width, ADDED_COLUMNS), errors: [] }));
    const most = this.rows.reduce((length, { cells }) => Math.max(length, cells.length), width);
    this.columns = Array.from({ length: most }, (_, column) =>
      column < width ? header[column].trim() || `Column ${column + 1}` : `Surplus cell ${column - width + 1}`);
  }

  /** The header and the first row, as a file. */
  get sample() {
    return this.#file(this.#records.slice(0, 2));
  }

  /** Puts errors into their cells, those of an absent column or of a whole row to the row. @param {string[]} fields  of the columns @param {object[]} errors */
  addErrors(fields, errors) {
    const indices = new Map(this.rows.map(({ name }, index) => [Number(name), index]));
    for (const { row, field, code, message } of errors) {
      const index = indices.get(row);
      const gridRow = this.rows[index];
      const column = field ? fields.indexOf(field) : -1;
      if (column < 0) gridRow.fault = joined(gridRow.fault, message);
      else gridRow.errors[column] = joined(gridRow.errors[column], message);
      if (column >= 0 && LOSSY.includes(code)) this.lossy.push(`${index},${column}`);
    }
  }

  /** The file to upload. @param {(row: number, column: number) => string} text  of a cell of `rows` */
  fixed(text) {
    const [header, ...records] = this.#records;
    return this.#file([header, ...records.map((record, row) => {
      const added = record.slice(this.#width, this.#width + ADDED_COLUMNS);
      return this.columns.map((_, column) => text(row, column)).toSpliced(this.#width, 0, ...added);
    })]);
  }

  #file(records) {
    return new File([write(records, this.#delimiter)], "fixed-rows.csv", { type: "text/csv" });
  }
}

/** The failed rows of a job with their errors. @param {object} job @param {import("./main.js").Context} context */
export async function download({ job_id: id, options: { delimiter, columns } }, { api, signal }) {
  const file = await api.failedRows(id, "csv", { signal });
  const failed = new FailedRows(await file.text(), delimiter);
  const preview = await api.preview(failed.sample, { delimiter, columns }, { signal });
  const fields = preview.columns.map(({ field, how }) => how !== "similar" && field);
  for await (const errors of api.pages(id, "errors", { signal })) failed.addErrors(fields, errors);
  return failed;
}

const joined = (earlier, message) => earlier ? `${earlier}; ${message}` : message;
