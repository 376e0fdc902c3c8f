/**
 * The failed rows of the last job in `store.state.jobs`, as a grid in which they can be fixed.
 *
 * They are uploaded as failed rows are (their column `_job` names the job, whose options apply again), with
 * `dry_run` if the job was a dry run. The new job joins the others.
 */

import { button, count, element, rows } from "./dom.js";
import { download } from "./failed_rows.js";
import { Grid } from "./grid.js";
import { saveFailedRows } from "./lists.js";

const MAX_ROWS = 10_000; // more are fixed in a spreadsheet

/** Shows the step. @param {HTMLElement} container @param {import("./main.js").Context} context */
export async function mount(container, context) {
  const job = context.store.state.jobs.at(-1);
  const obstacle = whyNotHere(job);
  const content = element("div", {}, element("p", { role: "status" }, obstacle || "Loading the rows with errors…"));
  container.append(content, element("p", { class: "actions" }, ...ways(job, context)));
  if (!obstacle) content.replaceChildren(...editor(job, await download(job, context), context));
}

function whyNotHere(job) {
  if (job.options.on_error === "abort") {
    return "All or nothing: while rows have errors, none is imported. Fix them in your file, and choose it again.";
  }
  return job.failed_rows > MAX_ROWS
    && `${rows(job.failed_rows)} have errors. Download them, fix them in a spreadsheet, and choose that file.`;
}

/** What can be done besides. */
function ways(job, context) {
  return [
    button("Download failed-rows.xlsx", () => saveFailedRows(context, job).catch(context.fail)),
    button("Back", () => context.go(job.options.dry_run ? "see" : "apply")),
  ];
}

/** @param {import("./failed_rows.js").FailedRows} failed */
function editor(job, failed, context) {
  const edits = editsOf(job, context.store);
  const summary = element("p", { role: "status" });
  const summarize = () => {
    summary.textContent = `${rows(failed.rows.length)} with errors. Cells changed: ${count(edits.size)}.`;
  };
  summarize();
  const grid = new Grid({ label: "Rows with errors", ...failed, columns: failed.columns, edits, onedit: summarize, announce: context.announce });
  const send = button(job.options.dry_run ? "Check the fixed rows" : "Import the fixed rows", async () => {
    if (mustBeEntered(failed, edits, grid, context)) return;
    send.disabled = true;
    await upload(job, failed.fixed(grid.text.bind(grid), job.options.delimiter), context).catch(context.fail);
    send.disabled = false;
  }, "primary");
  const next = button("Next error", () => grid.toNextError() || context.announce("No more errors"));
  const help = "Arrow keys move, typing or Enter edits, Escape takes it back. You can paste cells from a spreadsheet.";
  return [summary, grid.element, element("p", { class: "hint" }, help), element("p", { class: "actions" }, send, next)];
}

/** What was changed before the step was left. @returns {Map<string, string>} */
function editsOf(job, { state: { edits } }) {
  if (!edits.has(job.job_id)) edits.set(job.job_id, new Map());
  return edits.get(job.job_id);
}

/** Moves to a cell that cannot be imported as it is, and says so; false if there is none. */
function mustBeEntered({ lossy, rows: failedRows, columns }, edits, grid, { announce }) {
  const key = [...lossy].find((cell) => !edits.has(cell));
  if (key === undefined) return false;
  const [row, column] = key.split(",").map(Number);
  grid.moveTo(row, column + 1);
  announce(`Row ${failedRows[row].name}, ${columns[column]}: enter this value again, what the file has cannot be read`);
  return true;
}

async function upload(job, file, { api, store, signal, go }) {
  const { dry_run, delimiter } = job.options;
  const newJob = await api.upload(file, { dry_run, delimiter }, { signal });
  store.state.edits.delete(job.job_id);
  store.set({ jobs: [...store.state.jobs, newJob] });
  go(dry_run ? "see" : "apply");
}
