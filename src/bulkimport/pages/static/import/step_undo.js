/** Step 6: an import is undone. What somebody has changed since stays, and is listed. */

import { actions, button, count, element, rows } from "./dom.js";
import { effect, follow, report, sum } from "./jobs.js";
import { errorList } from "./lists.js";

export function mount(container, context) {
  const { jobs } = context.store.state;
  if (!jobs.length) return context.go("history");
  return jobs[0].kind === "revert" ? result(container, context) : ask(container, jobs, context);
}

function ask(container, jobs, context) {
  const effects = [
    `Assets that the import created are removed: ${count(sum(jobs, (job) => job.created_rows))}.`,
    `Assets that it changed get their earlier values back: ${count(sum(jobs, (job) => job.updated_rows))}.`,
    "Assets that somebody has changed since stay as they are. You will see which.",
  ];
  container.append(element("ul", {}, ...effects.map((text) => element("li", {}, text))),
    actions(button("Undo this import", () => undo(jobs, context), "danger"), button("Keep it", () => context.go("apply"))));
}

/** The last job is undone first. A second attempt repeats the same requests. */
async function undo(jobs, { api, store, signal, go }) {
  const reverts = [];
  for (const { job_id: id } of jobs.filter(effect).reverse()) reverts.push(await api.revert(id, { signal, key: store.key(id) }));
  store.set({ jobs: reverts });
  go("undo");
}

async function result(container, context) {
  const { store, go } = context;
  await follow(container, context, "Undoing");
  store.forgetKeys();
  const { jobs } = store.state;
  const stopped = jobs.find(({ status }) => status !== "completed");
  const kept = sum(jobs, (job) => job.failed_rows);
  const end = stopped ? stopped.failure ?? "The undo was cancelled." : "The import is undone.";
  report(container, context, end + (kept ? ` ${rows(kept)} could not be undone: somebody has changed those assets since.` : ""), [
    ["good", "removed", sum(jobs, (job) => job.removed_rows)], ["changed", "as before", sum(jobs, (job) => job.updated_rows)],
    ["same", "nothing to undo", sum(jobs, (job) => job.skipped_rows)], ["bad", "not undone", kept]],
  button("Import a file", () => go("drop"), "primary"), button("Earlier imports", () => go("history")));
  for (const job of jobs.filter((reverted) => reverted.failed_rows)) container.append(element("h2", {}, "Not undone"), errorList(job, context));
}
