/** Jobs as people see them. An import is one job, or several if failed rows were fixed. */

import { pause } from "./api.js";
import { actions, count, element, rows } from "./dom.js";

const WAIT_S = 10;
const PAUSE_S = 0.3; // if the service is too busy to let a request wait
const ANNOUNCED_S = 10;
export const STATES = { pending: "Waiting", processing: "Running", completed: "Finished", failed: "Stopped", cancelled: "Cancelled" };

/** Whether nothing more happens to a job. */
export const isFinished = ({ completed_at }) => completed_at !== null;

/** How many assets a job has created or changed, or a plan would. */
export const effect = ({ created_rows, updated_rows }) => created_rows + updated_rows;

export const sum = (jobs, number) => jobs.reduce((total, job) => total + number(job), 0);

/** The step that shows a job. */
export const stepOf = ({ kind, options }) => kind === "revert" ? "undo" : options.dry_run ? "see" : "apply";

/** Shows what became of rows, as a sentence and as a small bar. @param {[string, string, number][]} parts  colour, name, number */
export function report(container, { announce }, summary, parts, ...buttons) {
  announce(summary);
  const shown = parts.filter(([, , number]) => number);
  const bar = element("div", { class: "bar" }, ...shown.map(([colour]) => element("i", { class: colour })));
  shown.forEach(([, , number], index) => { bar.children[index].style.flexGrow = number; });
  const legend = shown.map(([colour, name, number]) => element("li", {}, element("i", { class: colour }), element("b", {}, count(number)), ` ${name}`));
  container.replaceChildren(element("p", { class: "lead" }, summary), bar, element("ul", { class: "legend" }, ...legend), actions(...buttons));
}

/** The parts of an import; rows that failed are the last job's. */
export const parts = (jobs) => [
  ["good", "new", sum(jobs, (job) => job.created_rows)],
  ["changed", "changed", sum(jobs, (job) => job.updated_rows)],
  ["same", "already the same", sum(jobs, (job) => job.unchanged_rows)],
  ["same", "skipped", sum(jobs, (job) => job.skipped_rows)],
  ["bad", "with errors", jobs.at(-1).failed_rows],
];

/** Shows the progress of the store's jobs until they are finished. */
export async function follow(container, { api, store, signal, announce }, doing) {
  const bar = element("progress", { value: 0, "aria-label": doing });
  const line = element("p", { class: "lead" });
  let announced = 0;
  const show = (job) => {
    const jobs = store.state.jobs.map((known) => known.job_id === job.job_id ? job : known);
    store.set({ jobs });
    bar.value = sum(jobs, ({ processed_rows }) => processed_rows) / (sum(jobs, ({ total_rows }) => total_rows) || 1);
    line.textContent = `${doing}: ${progress(jobs, job)}`;
    if (Date.now() < announced + ANNOUNCED_S * 1000) return;
    announced = Date.now();
    announce(line.textContent);
  };
  if (!store.state.jobs.every(isFinished)) container.prepend(line, bar);
  for (let job of store.state.jobs) {
    while (!isFinished(job)) {
      show(job);
      const [next] = await Promise.all([api.job(job.job_id, { wait: WAIT_S, etag: job.etag, signal }), pause(PAUSE_S, signal)]);
      if (next) show(job = next);
    }
  }
}

function progress(jobs, { queue_position: position, rows_per_second: speed, estimated_completion: end, cancel_requested }) {
  if (position > 1) return `waiting for ${count(position - 1)} others`;
  const seconds = Math.max(1, Math.round((new Date(end) - Date.now()) / 1000));
  return [
    `${count(sum(jobs, ({ processed_rows }) => processed_rows))} of ${rows(sum(jobs, ({ total_rows }) => total_rows))}`,
    speed && `${count(Math.round(speed))} rows/s`,
    end && `about ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`} left`,
    cancel_requested && "cancelling",
  ].filter(Boolean).join(" · ");
}
