/**
 * Step 4: the failed rows of the last job, in a grid. Their column `_job` names the job, whose options apply again. After
 * a dry run that is another dry run, so that nothing is imported unseen.
 */

import { actions, button, count, h, rows } from "./dom.js";
import { download } from "./failed_rows.js";
import { Grid } from "./grid.js";
import { stepOf } from "./jobs.js";
import { saveFailedRows } from "./lists.js";

export const heading = "Fix the rows with errors";

const MAX_ROWS = 10_000;

export async function mount(container, context) {
  const job = context.store.jobs.at(-1);
  const ways = [
    button("Download failed-rows.xlsx", () => saveFailedRows(context, job)),
    button("Back", () => context.go(stepOf(job))),
  ];
  const obstacle = whyNotHere(job);
  container.append(h("p", obstacle || "Loading the rows…"), actions(...ways));
  if (!obstacle) container.replaceChildren(...editor(job, await download(job, context.api), ways, context));
}

function whyNotHere({ options, failed_rows: failed }) {
  if (options.on_error === "abort") return "This import is all or nothing: fix these rows in your file, and choose it again.";
  return failed > MAX_ROWS && `${rows(failed)} have errors: download them, fix them, and choose that file.`;
}

function editor(job, failed, ways, context) {
  const { store, announce } = context;
  const edits = store.edits.get(job.job_id) ?? new Map();
  store.edits.set(job.job_id, edits);
  const summary = h("p.lead", { role: "status" });
  const onedit = () => {
    summary.textContent = `${rows(failed.rows.length)} with errors. Cells changed: ${count(edits.size)}.`;
  };
  onedit();
  const grid = new Grid({ label: "Rows with errors", columns: failed.columns, rows: failed.rows, edits, onedit });
  return [
    summary,
    h("p.hint", "Move with the arrow keys. Type, or press Enter, to edit. You can paste cells copied from a spreadsheet."),
    grid.element,
    actions(
      button(`${job.options.dry_run ? "Check" : "Import"} the fixed rows`, () => upload(job, failed, grid, context), "primary"),
      button("Next error", () => grid.toNextError() || announce("There are no more errors")),
      ...ways),
  ];
}

async function upload(job, failed, grid, { api, store, go, fail }) {
  const cell = failed.lossy.find(({ row, column }) => !grid.edits.has(`${row},${column}`));
  if (cell) {
    fail({ title: "Enter this cell again", message: "It cannot be shown exactly as it is in your file." });
    return grid.moveTo(cell.row, cell.column + 1);
  }
  const { dry_run, delimiter } = job.options;
  const newJob = await api.upload(failed.fixed(grid.text.bind(grid)), { dry_run, delimiter, charset: "utf-8" });
  store.edits.delete(job.job_id);
  store.jobs.push(newJob);
  go(stepOf(newJob));
}
