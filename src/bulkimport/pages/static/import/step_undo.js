/** Step 6: an import is undone; what somebody has changed since stays, and is listed. */

import { button, element, rows } from "./dom.js";
import { countsBar, follow, isFinished } from "./jobs.js";
import { errorList } from "./lists.js";

const NAMES = { removed: "removed", restored: "as before", failed: "kept, as they were changed since", skipped: "gone already" };

/** Shows the step. @param {HTMLElement} container @param {import("./main.js").Context} context */
export function mount(container, context) {
  const { jobs } = context.store.state;
  if (jobs.length === 0) return context.go("history");
  return jobs[0].kind === "revert" ? result(container, context) : ask(container, context);
}

function ask(container, context) {
  const { jobs } = context.store.state;
  const created = sum(jobs, "created_rows");
  const updated = sum(jobs, "updated_rows");
  const effects = [
    created > 0 && `${count(created, "asset that the import created is removed", "assets that the import created are removed")}`,
    updated > 0 && `${count(updated, "asset that it changed gets its earlier values back", "assets that it changed get their earlier values back")}`,
    "What somebody has changed since then stays as it is, and is listed afterwards",
  ];
  const start = button("Undo this import", () => undo(jobs, start, context), "danger");
  container.append(element("ul", {}, ...effects.filter(Boolean).map((text) => element("li", {}, `${text}.`))),
    element("div", { class: "actions" }, start, button("Keep it", () => context.go("apply"))));
}

const count = (number, one, many) => `${rows(number).split(" ")[0]} ${number === 1 ? one : many}`;

/** Undoes the last job first. */
async function undo(jobs, start, { api, store, signal, go, fail }) {
  start.disabled = true;
  try {
    const reverts = [];
    for (const { job_id: id } of jobs.filter((job) => job.created_rows + job.updated_rows > 0).reverse()) {
      reverts.push(await api.revert(id, { signal, key: store.key(`revert ${id}`) }));
    }
    store.set({ jobs: reverts });
    go("undo");
  } catch (error) {
    start.disabled = false;
    fail(error);
  }
}

async function result(container, context) {
  const { store, announce, go } = context;
  if (!store.state.jobs.every(isFinished)) await follow(container, context, "Undoing");
  store.forgetKeys();
  const { jobs } = store.state;
  const numbers = { removed: sum(jobs, "removed_rows"), restored: sum(jobs, "updated_rows"), failed: sum(jobs, "failed_rows"), skipped: sum(jobs, "skipped_rows") };
  const summary = sentence(jobs, numbers);
  announce(summary);
  container.append(element("p", { class: "lead" }, summary), countsBar(numbers, NAMES),
    element("div", { class: "actions" }, button("Import a file", () => go("drop"), "primary"), button("Earlier imports", () => go("history"))));
  const kept = jobs.filter((job) => job.failed_rows > 0);
  if (kept.length) container.append(element("h2", {}, "Not undone"), ...kept.map((job) => errorList(context, job)));
}

function sentence(jobs, { failed }) {
  const unfinished = jobs.find((job) => job.status !== "completed");
  if (unfinished) return `The undo stopped: ${unfinished.failure ?? "it was cancelled"}.`;
  return failed ? `The import is undone, but for ${rows(failed)}: somebody has changed those assets since.` : "The import is undone.";
}

const sum = (jobs, member) => jobs.reduce((total, job) => total + (job[member] ?? 0), 0);
