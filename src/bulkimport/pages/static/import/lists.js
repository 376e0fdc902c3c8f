/** Changes and errors as lists, and failed rows as a file. */

import { count, element, words } from "./dom.js";
import { VirtualTable } from "./table.js";

/** A table of all rows in `pages`; the next page is loaded when the end is in sight. @param {string} label @param {import("./table.js").Column[]} columns @param {AsyncIterator<object[]>} pages @param {(error: unknown) => void} fail */
export function listOf(label, columns, pages, fail) {
  let isLoading = false;
  const table = new VirtualTable({ label, columns, onend: more });
  async function more() {
    if (isLoading) return;
    isLoading = true;
    const { value, done } = await pages.next().catch((error) => fail(error) ?? { done: true });
    if (done) return;
    for (const row of value) table.rows.push(row);
    isLoading = false;
    table.update();
  }
  more();
  return table.element;
}

/** All row errors of a job. @param {object} job @param {import("./main.js").Context} context */
export function errorList(job, { api, signal, fail }) {
  const columns = [
    { label: "Row", width: 4, cell: ({ row }) => String(row) },
    { label: "Column", width: 7, cell: ({ field }) => field ? words(field) : "" },
    { label: "Problem", width: 24, cell: ({ message }) => message },
  ];
  return listOf("Errors", columns, api.pages(job.job_id, "errors", { signal }), fail);
}

/** Row errors by code and field, the most frequent first, with the first rows of each. @param {object} job @param {import("./main.js").Context} context */
export function errorGroups(job, context) {
  const groups = job.error_summary.toSorted((one, other) => other.count - one.count).map((group) => errorGroup(group, job.errors));
  const all = element("details", { ontoggle: () => all.lastChild === all.firstChild && all.append(errorList(job, context)) },
    element("summary", {}, "All errors, row by row"));
  return element("div", {}, element("h2", {}, "Errors"), element("ul", { class: "groups" }, ...groups), all);
}

function errorGroup({ code, field, count: number, first_rows }, errors) {
  const lines = first_rows.map((row) => {
    const error = errors.find((candidate) => candidate.row === row && candidate.code === code && candidate.field === field);
    return element("li", {}, element("b", {}, `Row ${row} `), error?.message);
  });
  const more = number > lines.length && element("li", { class: "hint" }, `and ${count(number - lines.length)} more`);
  const title = element("h3", {}, field ? `${words(field)}: ${words(code).toLowerCase()}` : words(code), element("span", {}, count(number)));
  return element("li", {}, title, element("ul", {}, ...lines, more));
}

/** Saves the failed rows of a job: as a workbook, or as CSV if a workbook cannot hold them. @param {object} job @param {import("./main.js").Context} context */
export async function saveFailedRows({ job_id: id }, { api, signal, fail }) {
  const file = (format) => api.failedRows(id, format, { signal });
  try {
    const blob = await file("xlsx").catch((error) => error.code === "csv-only" ? file("csv") : Promise.reject(error));
    const href = URL.createObjectURL(blob);
    element("a", { href, download: `failed-rows.${blob.type.startsWith("text/csv") ? "csv" : "xlsx"}` }).click();
  } catch (error) {
    fail(error);
  }
}
