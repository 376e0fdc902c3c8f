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

export async function mount(container, context) {
  const job = context.store.state.jobs.at(-1);
  if (!job) return context.go("drop");
  const ways = [
    button("Download failed-rows.xlsx", () => saveFailedRows(context, job)),
    button("Back", () => context.go(stepOf(job))),
  ];
  const obstacle = whyNotHere(job);
  container.append(element("p", {}, obstacle || "Loading the rows…"), actions(...ways));
  if (!obstacle) container.replaceChildren(...editor(job, await download(job, context), ways, context));
}

function whyNotHere({ options, failed_rows: failed }) {
  if (options.on_error === "abort") return "It is all or nothing: fix these rows in your file, and choose it again.";
  return failed > MAX_ROWS && `${rows(failed)} have errors: download them, fix them, and choose that file.`;
}

function editor(job, failed, ways, context) {
  const { store: { state }, announce } = context;
  const edits = state.edits.get(job.job_id) ?? new Map();
  state.edits.set(job.job_id, edits);
  const summary = element("p", { class: "lead" });
  const onedit = () => {
    summary.textContent = `${rows(failed.rows.length)} with errors. Cells changed: ${count(edits.size)}.`;
  };
  onedit();
  const { columns } = failed;
  const grid = new Grid({ label: "Rows with errors", columns, rows: failed.rows, edits, onedit, announce });
  const name = job.options.dry_run ? "Check the fixed rows" : "Import the fixed rows";
  return [
    summary,
    element("p", { class: "hint" }, "Move with the arrow keys; type, or press Enter, to edit. Cells copied from a spreadsheet can be pasted."),
    grid.element,
    actions(
      button(name, () => upload(job, failed, grid, context), "primary"),
      button("Next error", () => grid.toNextError() || announce("There are no more errors")),
      ...ways),
  ];
}

async function upload(job, failed, grid, { api, store, signal, go, fail }) {
  const cell = failed.lossy.find((key) => !grid.edits.has(key));
  if (cell) return refuse(cell, grid, fail);
  const { dry_run, delimiter } = job.options;
  const file = failed.fixed(grid.text.bind(grid));
  const newJob = await api.upload(file, { dry_run, delimiter, charset: "utf-8" }, { signal });
  store.state.edits.delete(job.job_id);
  store.set({ jobs: [...store.state.jobs, newJob] });
  go(stepOf(newJob));
}

function refuse(cell, grid, fail) {
  const [row, column] = cell.split(",").map(Number);
  fail({ title: "Enter this cell again", message: "What it shows is not what the file has." });
  grid.moveTo(row, column + 1);
}
