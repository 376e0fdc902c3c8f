/** Step 6: an import is undone. What has been changed since stays, and is listed. */

import { actions, button, count, h, rows } from "./dom.js";
import { effect, follow, report, sum } from "./jobs.js";
import { errorList } from "./lists.js";

export const heading = "Undo an import";

export function mount(container, context) {
  const { jobs } = context.store;
  return jobs[0].kind === "revert" ? result(container, context) : ask(container, jobs, context);
}

function ask(container, jobs, context) {
  container.append(h("ul", h("li", `Assets that the import created will be removed: ${count(sum(jobs, "created"))}.`),
    h("li", `Assets that it changed will get their earlier values back: ${count(sum(jobs, "updated"))}.`),
    h("li", "Assets that somebody has changed since will stay as they are. You will see which.")),
  actions(button("Undo this import", () => undo(jobs, context), "danger"), button("Keep it", () => context.go("apply"))));
}

/** The last job is undone first. */
async function undo(jobs, { api, store, go }) {
  const reverts = [];
  for (const job of jobs.toReversed()) if (effect(job)) reverts.push(await api.revert(job));
  store.jobs = reverts;
  go("undo");
}

async function result(container, context) {
  const { store, go } = context;
  await follow(container, context, "Undoing");
  const { jobs } = store;
  const stopped = jobs.find(({ status }) => status !== "completed");
  const kept = sum(jobs, "failed");
  const end = stopped ? stopped.failure ?? "The undo was cancelled." : "The import is undone.";
  report(container, context, end + (kept ? ` ${rows(kept)} could not be undone: somebody has changed those assets since.` : ""), [
    ["good", "removed", sum(jobs, "removed")], ["changed", "restored", sum(jobs, "updated")],
    ["same", "nothing to undo", sum(jobs, "skipped")], ["bad", "not undone", kept]],
  button("Import a file", () => go("drop"), "primary"));
  for (const job of jobs) if (job.failed_rows) container.append(h("h2", "Not undone"), errorList(job, context));
}
