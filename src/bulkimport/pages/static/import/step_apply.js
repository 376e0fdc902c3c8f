/** Step 5: the import while it runs, and once it is finished. */

import { actions, button, element, rows } from "./dom.js";
import { effect, follow, isFinished, rowsBar } from "./jobs.js";
import { errorGroups, saveFailedRows } from "./lists.js";

/** @param {HTMLElement} container @param {import("./main.js").Context} context */
export async function mount(container, context) {
  const { store, announce, go } = context;
  if (!store.state.jobs.length) return go("drop");
  if (!store.state.jobs.every(isFinished)) await watch(container, context);
  store.forgetKeys();
  const { jobs } = store.state;
  const last = jobs.at(-1);
  const imported = jobs.reduce((total, job) => total + effect(job), 0);
  const summary = sentence(jobs, imported);
  announce(summary);
  container.replaceChildren(element("p", { class: "lead" }, summary), rowsBar(jobs, ["created", "changed", "already the same", "skipped"]),
    ways(last, imported, context), last.failed_rows ? errorGroups(last, context) : "");
}

async function watch(container, context) {
  const { api, store, signal, fail } = context;
  const cancel = button("Cancel the import", () => {
    cancel.disabled = true;
    const unfinished = store.state.jobs.filter((job) => !isFinished(job));
    return Promise.all(unfinished.map((job) => api.cancel(job.job_id, { signal }))).catch(fail);
  });
  container.append(element("p", { class: "hint" }, "You may close this page. Its address brings you back."), actions(cancel));
  await follow(container, context, "Importing");
}

function sentence(jobs, imported) {
  const { failure, failed_rows: failed } = jobs.at(-1);
  const done = `${rows(imported)} imported.`;
  if (failure) return `The import stopped: ${failure}`;
  if (jobs.some(({ status }) => status === "cancelled")) return `The import was cancelled. ${done}`;
  return `${done} ${failed ? `${rows(failed)} with errors.` : "All done."}`;
}

function ways(last, imported, context) {
  const { go, store } = context;
  const failed = last.failed_rows;
  const another = () => {
    store.clear();
    go("drop");
  };
  return actions(
    failed > 0 && button(`Fix ${rows(failed)}`, () => go("fix"), "primary"),
    failed > 0 && button("Download them for Excel", () => saveFailedRows(last, context)),
    button("Import another file", another, failed ? "plain" : "primary"),
    imported > 0 && button("Undo this import", () => go("undo"), "danger"));
}
