/** Step 5: the import, while it runs and once it is finished. */

import { button, element, rows } from "./dom.js";
import { countsBar, follow, isFinished, totals } from "./jobs.js";
import { errorGroups, errorList, saveFailedRows } from "./lists.js";

const NAMES = { created: "created", updated: "changed", unchanged: "already the same", skipped: "skipped", failed: "not imported" };

/** Shows the step. @param {HTMLElement} container @param {import("./main.js").Context} context */
export async function mount(container, context) {
  const { store, announce, go } = context;
  if (store.state.jobs.length === 0) return go("drop");
  if (!store.state.jobs.every(isFinished)) await watch(container, context);
  const { jobs } = store.state;
  store.forgetKeys();
  const summary = sentence(jobs);
  announce(summary);
  const numbers = totals(jobs);
  container.replaceChildren(element("p", { class: "lead" }, summary), countsBar(numbers, NAMES), actions(jobs, numbers, context));
  if (numbers.failed) container.append(...errors(jobs.at(-1), context));
}

async function watch(container, context) {
  const { api, store, signal, fail } = context;
  const cancel = button("Cancel the import", async () => {
    cancel.disabled = true;
    const unfinished = store.state.jobs.filter((job) => !isFinished(job));
    for (const job of unfinished) await api.cancel(job.job_id, { signal }).catch(fail);
  });
  container.append(element("p", { class: "hint" }, "You can close this page: the import goes on, and this page's address brings you back to it."),
    element("div", { class: "actions" }, cancel));
  await follow(container, context, "Importing");
}

function sentence(jobs) {
  const { created, updated, failed } = totals(jobs);
  const last = jobs.at(-1);
  const imported = `${rows(created + updated)} ${created + updated === 1 ? "was" : "were"} imported`;
  if (last.status === "failed") return `The import stopped: ${last.failure}`;
  if (jobs.some((job) => job.status === "cancelled")) return `The import was cancelled. ${imported}.`;
  return failed ? `${imported}; ${rows(failed)} ${failed === 1 ? "has" : "have"} errors.` : `Done: ${imported}.`;
}

function actions(jobs, numbers, context) {
  const { go, store } = context;
  const last = jobs.at(-1);
  const again = () => {
    store.clear();
    go("drop");
  };
  return element("div", { class: "actions" },
    numbers.failed > 0 && button(`Fix ${rows(numbers.failed)}`, () => go("fix"), "primary"),
    numbers.failed > 0 && button("Download them for Excel", () => saveFailedRows(context, last).catch(context.fail)),
    button("Import another file", again, numbers.failed ? "plain" : "primary"),
    numbers.created + numbers.updated > 0 && button("Undo this import", () => go("undo"), "danger"));
}

function errors(job, context) {
  const all = element("details", { ontoggle: () => all.children.length < 2 && all.append(errorList(context, job)) },
    element("summary", {}, "All errors, row by row"));
  return [element("h2", {}, "Rows that were not imported"), errorGroups(job), all];
}
