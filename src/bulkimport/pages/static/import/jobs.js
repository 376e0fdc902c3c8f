/** Jobs as people see them. An import is one job, or several if failed rows were fixed. */

import { pause } from "./api.js";
import { actions, count, h, rows } from "./dom.js";

const PAUSE_S = 0.3; // if the service is too busy to let a request wait
const ANNOUNCED_MS = 10_000;
export const STATES = { pending: "Waiting", processing: "Running", completed: "Finished", failed: "Stopped", cancelled: "Cancelled" };

/** Whether nothing more happens to a job. */
export const isFinished = ({ completed_at }) => completed_at !== null;

/** How many assets jobs create or change. */
export const effect = (...jobs) => sum(jobs, "created") + sum(jobs, "updated");

export const sum = (jobs, kind) => jobs.reduce((total, job) => total + job[`${kind}_rows`], 0);

/** The step that shows a job. */
export const stepOf = ({ kind, options }) => kind === "revert" ? "undo" : options.dry_run ? "see" : "apply";

/** Shows what became of rows, as a sentence and as a small bar. @param {[string, string, number][]} parts  kind, name, number */
export function report(container, { announce }, summary, parts, ...buttons) {
  announce(summary);
  const bar = h("div.bar");
  const legend = h("ul.legend");
  for (const [kind, name, number] of parts.filter((part) => part[2])) {
    bar.append(h(`i.${kind}`));
    bar.lastChild.style.flexGrow = number;
    legend.append(h("li", h(`i.${kind}`), h("b", count(number)), ` ${name}`));
  }
  container.replaceChildren(h("p.lead", summary), bar, legend, actions(...buttons));
}

/** The parts of an import; the rows with errors are the last job's. */
export const parts = (jobs) => [
  ["good", "new", sum(jobs, "created")],
  ["changed", "changed", sum(jobs, "updated")],
  ["same", "already the same", sum(jobs, "unchanged")],
  ["same", "skipped", sum(jobs, "skipped")],
  ["bad", "with errors", jobs.at(-1).failed_rows],
];

/** Shows the progress of the store's jobs until they are finished. */
export async function follow(container, { api, store, announce }, doing) {
  const bar = h("progress", { value: 0, "aria-label": doing });
  const line = h("p.lead");
  let announced = 0;
  const show = (job) => {
    const jobs = store.jobs = store.jobs.map((known) => known.job_id === job.job_id ? job : known);
    bar.value = sum(jobs, "processed") / (sum(jobs, "total") || 1);
    line.textContent = `${doing}: ${progress(jobs, job)}`;
    if (Date.now() < announced + ANNOUNCED_MS) return;
    announced = Date.now();
    announce(line.textContent);
  };
  container.prepend(line, bar);
  for (let job of store.jobs) {
    show(job);
    while (!isFinished(job)) {
      const [next] = await Promise.all([api.job(job.job_id, job.etag), pause(PAUSE_S)]);
      if (next) show(job = next);
    }
  }
}

function progress(jobs, { queue_position: position, rows_per_second: speed, estimated_completion: end, cancel_requested }) {
  if (position > 1) return `waiting for ${count(position - 1)} others`;
  const minutes = (new Date(end) - Date.now()) / 60_000;
  return [
    `${count(sum(jobs, "processed"))} of ${rows(sum(jobs, "total"))}`,
    speed && `${count(Math.round(speed))} rows/s`,
    end && (minutes < 1 ? "less than a minute left" : `about ${Math.round(minutes)} min left`),
    cancel_requested && "cancelling",
  ].filter(Boolean).join(" · ");
}
