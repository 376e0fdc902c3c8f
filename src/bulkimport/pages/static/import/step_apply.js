/** Step 5: the import while it runs, and once it is finished. */

import { actions, button, element, rows } from "./dom.js";
import { effect, follow, isFinished, parts, report, sum } from "./jobs.js";
import { errorGroups, waysToFix } from "./lists.js";

export async function mount(container, context) {
  const { store, go } = context;
  if (!store.state.jobs.length) return go("drop");
  container.append(element("p", { class: "hint" }, "You may close this page. Its address brings you back."),
    actions(button("Cancel the import", () => cancel(context), "danger")));
  await follow(container, context, "Importing");
  store.forgetKeys();
  const { jobs } = store.state;
  const last = jobs.at(-1);
  const imported = sum(jobs, effect);
  report(container, context, sentence(jobs, rows(imported)), parts(jobs), ...waysToFix(last, context),
    button("Import another file", () => another(context), last.failed_rows ? null : "primary"),
    imported > 0 && button("Undo this import", () => go("undo"), "danger"));
  container.append(errorGroups(last, context));
}

async function cancel({ api, store, signal }) {
  for (const { job_id: id } of store.state.jobs.filter((job) => !isFinished(job))) await api.cancel(id, { signal });
}

function sentence(jobs, imported) {
  const { failure, failed_rows: failed } = jobs.at(-1);
  const isCancelled = jobs.some(({ status }) => status === "cancelled");
  const end = failure ? `The import stopped: ${failure}` : isCancelled ? "The import was cancelled." : "Done.";
  return `${end} ${imported} imported${failed ? `, ${rows(failed)} with errors` : ""}.`;
}

function another({ store, go }) {
  store.clear();
  go("drop");
}
