/** Step 5: the import while it runs, and once it is finished. */

import { actions, button, h, rows } from "./dom.js";
import { effect, follow, isFinished, parts, report } from "./jobs.js";
import { errorGroups, waysToFix } from "./lists.js";

export const heading = "Import";

export async function mount(container, context) {
  const { store, go } = context;
  container.append(h("p.hint", "You can close this page. Its address brings you back."), actions(button("Cancel the import", () => cancel(context), "danger")));
  await follow(container, context, "Importing");
  const { jobs } = store;
  const last = jobs.at(-1);
  report(container, context, sentence(jobs, rows(effect(...jobs))), parts(jobs), ...waysToFix(last, context),
    button("Import another file", () => go("drop"), !last.failed_rows && "primary"),
    effect(...jobs) > 0 && button("Undo this import", () => go("undo"), "danger"));
  container.append(errorGroups(last, context));
}

async function cancel({ api, store }) {
  for (const job of store.jobs) if (!isFinished(job)) await api.cancel(job.job_id);
}

function sentence(jobs, imported) {
  const { failure, failed_rows: failed } = jobs.at(-1);
  const isCancelled = jobs.some(({ status }) => status === "cancelled");
  const end = failure ? `The import stopped: ${failure}` : isCancelled ? "The import was cancelled." : "Done.";
  return `${end} ${imported} imported${failed ? `, ${rows(failed)} with errors` : ""}.`;
}
