/** Long lists from the API: a page is loaded when the last row is in sight. */

import { element } from "./dom.js";
import { VirtualTable } from "./table.js";

/**
 * A table of the rows in `pages`.
 * @param {string} label
 * @param {import("./table.js").Column[]} columns
 * @param {AsyncIterator<object[]>} pages
 * @param {(error: unknown) => void} fail
 */
export function listOf(label, columns, pages, fail) {
  const loaded = [];
  let idle = true;
  const table = new VirtualTable({ label, columns, rows: loaded, onend: more });
  async function more() {
    if (!idle) return;
    idle = false;
    const { value, done } = await pages.next().catch((error) => (fail(error), { done: true }));
    if (done) return;
    for (const row of value) loaded.push(row);
    idle = true;
    table.update();
  }
  more();
  return table.element;
}

/** All row errors of a job. @param {import("./main.js").Context} context @param {object} job */
export function errorList({ api, signal, fail }, job) {
  const columns = [
    { label: "Row", width: 5, cell: ({ row }) => String(row) },
    { label: "Column", width: 8, cell: ({ field }) => field ?? "" },
    { label: "Problem", width: 26, cell: ({ message }) => message },
  ];
  return listOf("Rows with errors", columns, api.errors(job.job_id, { signal }), fail);
}

/** Row errors grouped by code and field, the most frequent first, each with the first rows it has. @param {object} job */
export function errorGroups(job) {
  const groups = [...job.error_summary].sort((one, other) => other.count - one.count).map((group) => errorGroup(group, job.errors));
  return element("ul", { class: "groups" }, ...groups);
}

function errorGroup({ code, field, count, first_rows }, errors) {
  const lines = first_rows.map((row) => {
    const error = errors.find((candidate) => candidate.row === row && candidate.code === code && candidate.field === field);
    return element("li", {}, element("b", {}, `Row ${row}`), ` ${error?.message ?? ""}`);
  });
  const more = count > lines.length && element("li", { class: "hint" }, `and ${count - lines.length} more`);
  return element("li", {}, element("h3", {}, [field, sentence(code)].filter(Boolean).join(": "), element("span", { class: "number" }, count)),
    element("ul", {}, ...lines, more));
}

const sentence = (code) => code.replaceAll("_", " ");

/** Saves a file under a name. @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Saves the failed rows of a job: as a workbook, or as CSV if a workbook cannot hold them. @param {import("./main.js").Context} context @param {object} job */
export async function saveFailedRows({ api, signal }, { job_id }) {
  const blob = await api.failedRows(job_id, "xlsx", { signal }).catch((error) => {
    if (error.code !== "csv-only") throw error;
    return api.failedRows(job_id, "csv", { signal });
  });
  save(blob, `failed-rows.${blob.type.startsWith("text/csv") ? "csv" : "xlsx"}`);
}
