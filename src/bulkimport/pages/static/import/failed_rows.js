/** The failed rows of a job, for a grid, and as the file that is uploaded when they are fixed. */

import { parse, write } from "./csv.js";

const ADDED_COLUMNS = 3; // _row, _errors and _job, between a row's own cells and its surplus ones
// Errors of cells that the download does not show as they are: they must not be imported unnoticed.
const LOSSY = ["invalid_encoding", "spreadsheet_error", "date_in_text_column"];

/**
 * The rows and columns of a grid; the cells that must be entered again; and a function that makes the
 * file from one that returns the text of a cell.
 */
export async function download({ job_id: id, options: { delimiter, columns: mapping } }, api) {
  const text = await (await api.failedRows(id, "csv")).text();
  const [header, ...records] = parse(text, delimiter);
  const width = header.indexOf("_row");
  const rows = records.map((record) => ({ name: record[width], cells: record.toSpliced(width, ADDED_COLUMNS), errors: [] }));
  const columns = columnsOf(header.slice(0, width), rows);
  const file = (lines) => new File([write([header, ...lines], delimiter)], "fixed-rows.csv", { type: "text/csv" });
  const fixed = (textOf) => file(records.map((record, row) =>
    columns.map((_, column) => textOf(row, column)).toSpliced(width, 0, ...record.slice(width, width + ADDED_COLUMNS))));
  // The service knows the fields of the columns: a header and a row are enough.
  const preview = await api.preview(file(records.slice(0, 1)), { delimiter, columns: mapping });
  const fields = preview.columns.map(({ field, how }) => how !== "similar" && field);
  const lossy = [];
  for await (const errors of api.pages(id, "errors")) addErrors(rows, lossy, fields, errors);
  return { rows, columns, lossy, fixed };
}

/** Rows may have more cells than the header has names. */
function columnsOf(names, rows) {
  const length = Math.max(names.length, ...rows.map(({ cells }) => cells.length));
  return Array.from({ length }, (_, column) => names[column]?.trim() || `Column ${column + 1}`);
}

/** Errors of an absent column or of a whole row are the row's. */
function addErrors(rows, lossy, fields, errors) {
  const indices = new Map(rows.map(({ name }, index) => [Number(name), index]));
  for (const { row, field, code, message } of errors) {
    const index = indices.get(row);
    const column = field ? fields.indexOf(field) : -1;
    const add = (earlier) => earlier ? `${earlier}; ${message}` : message;
    if (column < 0) rows[index].fault = add(rows[index].fault);
    else rows[index].errors[column] = add(rows[index].errors[column]);
    if (column >= 0 && LOSSY.includes(code)) lossy.push({ row: index, column });
  }
}
