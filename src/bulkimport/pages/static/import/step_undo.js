/** Step 6: an import is undone. What somebody has changed since stays, and is listed. */

import { actions, button, count, element, rows } from "./dom.js";
import { countsBar, effect, follow, isFinished, sum } from "./jobs.js";
import { errorList } from "./lists.js";

/** @param {HTMLElement} container @param {import("./main.js").Context} context */
export function mount(container, context) {
  const { jobs } = context.store.state;
  if (!jobs.length) return context.go("history");
  return jobs[0].kind === "revert" ? result(container, context) : ask(container, jobs, context);
}

function ask(container, jobs, context) {
  const start = button("Undo this import", () => undo(jobs, start, context), "danger");
  container.append(element("ul", {},
    element("li", {}, `Assets that the import created are removed: ${count(sum(jobs, "created_rows"))}.`),
    element("li", {}, `Assets that it changed get their earlier values back: ${count(sum(jobs, "updated_rows"))}.`),
    element("li", {}, "Assets that somebody has changed since stay as they are. You will see which.")),
  actions(start, button("Keep it", () => context.go("apply"))));
}

/** The last job is undone first. A second click repeats the same requests. */
async function undo(jobs, start, { api, store, signal, go, fail }) {
  start.disabled = true;
  try {
    const reverts = [];
    for (const { job_id: id } of jobs.filter(effect).reverse()) reverts.push(await api.revert(id, { signal, key: store.key(id) }));
    store.set({ jobs: reverts });
    go("undo");
  } catch (error) {
    start.disabled = false;
    fail(error);
  }
}

async function result(container, context) {
  const { store, announce, go } = context;
  await follow(container, context, "Undoing");
  store.forgetKeys();
  const { jobs } = store.state;
  const kept = jobs.filter(({ failed_rows }) => failed_rows);
  const stopped = jobs.find(({ status }) => status !== "completed");
  const rest = kept.length ? ` ${rows(sum(kept, "failed_rows"))} stay: somebody has changed those assets since.` : "";
  const summary = (stopped ? stopped.failure ?? "The undo was cancelled." : "The import is undone.") + rest;
  announce(summary);
  container.append(element("p", { class: "lead" }, summary),
    countsBar([["created", "removed", sum(jobs, "removed_rows")], ["updated", "as before", sum(jobs, "updated_rows")],
      ["skipped", "nothing to undo", sum(jobs, "skipped_rows")], ["failed", "not undone", sum(jobs, "failed_rows")]]),
    actions(button("Import a file", () => go("drop"), "primary"), button("Earlier imports", () => go("history"))),
    ...kept.flatMap((job) => [element("h2", {}, "Not undone"), errorList(job, context)]));
}
