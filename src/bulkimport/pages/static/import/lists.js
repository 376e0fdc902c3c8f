/** Lists of changes and errors, and what can be done about errors. */

import { button, count, h, rows, words } from "./dom.js";
import { VirtualTable } from "./table.js";

/** A table whose next page is loaded when the end is in sight. @param {import("./table.js").Column[]} columns */
export function listOf(label, columns, pages) {
  let isLoading = false;
  const onend = async () => {
    if (isLoading) return;
    isLoading = true;
    const { value, done } = await pages.next();
    if (done) return;
    for (const row of value) table.rows.push(row);
    isLoading = false;
    table.update();
  };
  const table = new VirtualTable({ label, columns, onend });
  onend();
  return table.element;
}

/** All row errors of a job. */
export function errorList({ job_id: id }, { api }) {
  const columns = [["Row", 4, ({ row }) => row], ["Column", 7, ({ field }) => field], ["Problem", 24, ({ message }) => message]];
  return listOf("Errors", columns, api.pages(id, "errors"));
}

/** Row errors by code and field, the most frequent first, with the first rows of each. */
export function errorGroups(job, context) {
  if (!job.failed_rows) return "";
  const groups = job.error_summary.toSorted((one, other) => other.count - one.count).map((group) => errorGroup(group, job.errors));
  const all = h("details", { ontoggle: () => all.children[1] || all.append(errorList(job, context)) }, h("summary", "All errors, row by row"));
  return h("div", h("h2", "Errors"), h("ul.groups", ...groups), all);
}

function errorGroup({ code, field, count: number, first_rows }, errors) {
  const lines = first_rows.map((row) => {
    const error = errors.find((other) => other.row === row && other.code === code && other.field === field);
    return h("li", h("b", `Row ${row} `), error?.message);
  });
  const more = number > lines.length && h("li.hint", `and ${count(number - lines.length)} more`);
  return h("li", h("h3", words(field ? `${field}: ${code}` : code), ` (${count(number)})`), h("ul", ...lines, more));
}

/** The buttons for the failed rows of a job. */
export const waysToFix = (job, context) => job.failed_rows ? [
  button(`Fix ${rows(job.failed_rows)}`, () => context.go("fix"), "primary"),
  button("Download them for Excel", () => saveFailedRows(context, job)),
] : [];

/** Saves failed rows as a workbook, or as CSV if a workbook cannot hold them. */
export async function saveFailedRows({ api }, { job_id: id }) {
  let format = "xlsx";
  const blob = await api.failedRows(id, format).catch((error) => {
    if (error.code !== "csv-only") throw error;
    return api.failedRows(id, format = "csv");
  });
  h("a", { href: URL.createObjectURL(blob), download: `failed-rows.${format}` }).click();
}
