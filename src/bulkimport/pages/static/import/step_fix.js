/**
 * Step 4: the failed rows of the last job, as a grid in which they can be fixed.
 *
 * They are uploaded as failed rows are: their column `_job` names the job, whose options apply again. After a
 * dry run that is another dry run, so that nothing is imported unseen. The new job joins the others.
 */

import { actions, button, count, element, rows } from "./dom.js";
import { download } from "./failed_rows.js";
import { Grid } from "./grid.js";
import { stepOf } from "./jobs.js";
import { saveFailedRows } from "./lists.js";

const MAX_ROWS = 10_000; // more are fixed in a spreadsheet

/** @param {HTMLElement} container @param {import("./main.js").Context} context */
export async function mount(container, context) {
  const job = context.store.state.jobs.at(-1);
  if (!job) return context.go("drop");
  const ways = [
    button("Download failed-rows.xlsx", () => saveFailedRows(job, context)),
    button("Back", () => context.go(stepOf(job))),
  ];
  const obstacle = whyNotHere(job);
  container.append(element("p", {}, obstacle || "Loading the rows…"), actions(...ways));
  if (!obstacle) container.replaceChildren(...editor(job, await download(job, context), ways, context));
}

function whyNotHere({ options, failed_rows: failedRows }) {
  if (options.on_error === "abort") return "It is all or nothing: fix these rows in your file, and choose it again.";
  return failedRows > MAX_ROWS && `${rows(failedRows)} have errors: download them, fix them, and choose that file.`;
}

/** @param {object} job @param {import("./failed_rows.js").FailedRows} failed @param {HTMLElement[]} ways @param {import("./main.js").Context} context */
function editor(job, failed, ways, context) {
  const { store: { state }, announce, fail } = context;
  const edits = state.edits.get(job.job_id) ?? new Map();
  state.edits.set(job.job_id, edits);
  const summary = element("p", { class: "lead" });
  const summarize = () => {
    summary.textContent = `${rows(failed.rows.length)} with errors. Cells changed: ${count(edits.size)}.`;
  };
  summarize();
  const grid = new Grid({ label: "Rows with errors", columns: failed.columns, rows: failed.rows, edits, onedit: summarize, announce });
  const next = button("Next error", () => grid.toNextError() || announce("There are no more errors"));
  const send = button(job.options.dry_run ? "Check the fixed rows" : "Import the fixed rows", async () => {
    send.disabled = true;
    await upload(job, failed, grid, context).catch(fail);
    send.disabled = false;
  }, "primary");
  const help = "Move with the arrow keys; type, or press Enter, to edit. Cells copied from a spreadsheet can be pasted.";
  return [summary, element("p", { class: "hint" }, help), grid.element, actions(send, next, ...ways)];
}

async function upload(job, failed, grid, { api, store, signal, go }) {
  requireEntered(failed, grid);
  const { dry_run, delimiter } = job.options;
  const newJob = await api.upload(failed.fixed(grid.text.bind(grid)), { dry_run, delimiter, charset: "utf-8" }, { signal });
  store.state.edits.delete(job.job_id);
  store.set({ jobs: [...store.state.jobs, newJob] });
  go(stepOf(newJob));
}

/** Throws, and moves to the cell, if somebody must enter it again because its text is not what the file has. */
function requireEntered({ lossy, rows: failedRows, columns }, grid) {
  const [row, column] = lossy.find((key) => !grid.edits.has(key))?.split(",").map(Number) ?? [];
  if (row === undefined) return;
  grid.moveTo(row, column + 1);
  const message = `Enter the value again: row ${failedRows[row].name}, ${columns[column]}.`;
  throw Object.assign(new Error(message), { status: 400, title: "A cell could not be read from the file" });
}
