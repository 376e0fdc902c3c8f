/** Jobs as people see them: an import is one job or several, of which the later ones have rows that were fixed. */

import { pause } from "./api.js";
import { count, element, rows } from "./dom.js";

const FINAL = ["completed", "failed", "cancelled"];
const WAIT_S = 10;
const PAUSE_S = 0.3; // between two answers: a service that is too busy lets nobody wait
const ANNOUNCED_S = 10;
const PARTS = ["created", "updated", "unchanged", "skipped", "failed"];
export const STATES = {
  pending: "Waiting",
  processing: "Running",
  completed: "Finished",
  failed: "Stopped",
  cancelled: "Cancelled",
};

/** Whether nothing more will happen to the job. */
export const isFinished = (job) => FINAL.includes(job.status);

/** The step that shows a job. @returns {import("./main.js").StepName} */
export function stepOf(job) {
  if (job.kind === "revert") return "undo";
  return job.options.dry_run ? "see" : "apply";
}

/**
 * Rows by what became of them. Those that failed are the last job's, since it has the failed rows of the ones before.
 * @param {object[]} jobs
 * @returns {Record<"created" | "updated" | "unchanged" | "skipped" | "failed", number>}
 */
export function totals(jobs) {
  const sums = PARTS.map((part) => [part, jobs.reduce((sum, job) => sum + (job[`${part}_rows`] ?? 0), 0)]);
  return { ...Object.fromEntries(sums), failed: jobs.at(-1).failed_rows };
}

/** A small bar of these numbers with a legend; nothing for those that are 0. @param {Record<string, number>} numbers @param {Record<string, string>} names */
export function countsBar(numbers, names) {
  const shown = Object.keys(names).filter((part) => numbers[part]);
  const bar = element("div", { class: "bar", "aria-hidden": "true" }, ...shown.map((part) => {
    const piece = element("span", { class: `part-${part}` });
    piece.style.flexGrow = numbers[part];
    return piece;
  }));
  const legend = shown.map((part) =>
    element("li", {}, element("span", { class: `dot part-${part}` }), element("b", {}, count(numbers[part])), ` ${names[part]}`));
  return element("div", { class: "counts" }, bar, element("ul", {}, ...legend));
}

/**
 * Shows a progress bar until the context's jobs are finished, and keeps them in the store up to date.
 * @param {HTMLElement} container
 * @param {import("./main.js").Context} context
 * @param {string} doing  such as "Importing"
 */
export async function follow(container, { api, store, signal, announce }, doing) {
  const bar = element("progress", { max: 1, value: 0, "aria-label": doing });
  const line = element("p", { class: "progress-line" }, `${doing}…`);
  container.prepend(bar, line);
  let announced = performance.now();
  const show = (job) => {
    store.set({ jobs: store.state.jobs.map((known) => (known.job_id === job.job_id ? job : known)) });
    bar.value = share(store.state.jobs);
    line.textContent = `${doing}: ${progress(store.state.jobs, job)}`;
    if (performance.now() - announced < ANNOUNCED_S * 1000) return;
    announced = performance.now();
    announce(line.textContent);
  };
  for (const job of store.state.jobs) await finish(api, job, show, signal);
  bar.remove();
  line.remove();
}

async function finish(api, job, show, signal) {
  show(job);
  while (!isFinished(job)) {
    const [next] = await Promise.all([api.job(job.job_id, { wait: WAIT_S, etag: job.etag, signal }), pause(PAUSE_S, signal)]);
    if (next) show(job = next);
  }
}

function share(jobs) {
  const total = sum(jobs, "total_rows");
  return total ? sum(jobs, "processed_rows") / total : 0;
}

function progress(jobs, job) {
  if (job.queue_position > 1) return `${job.queue_position - 1} other imports come first`;
  const speed = job.rows_per_second && `${count(Math.round(job.rows_per_second))} rows/s`;
  const end = job.estimated_completion && remaining(new Date(job.estimated_completion) - Date.now());
  const cancelling = job.cancel_requested && "cancelling";
  const done = `${count(sum(jobs, "processed_rows"))} of ${rows(sum(jobs, "total_rows"))}`;
  return [done, speed, end, cancelling].filter(Boolean).join(" · ");
}

function remaining(milliseconds) {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  return seconds < 90 ? `about ${seconds} s left` : `about ${Math.round(seconds / 60)} min left`;
}

const sum = (jobs, member) => jobs.reduce((total, job) => total + (job[member] ?? 0), 0);
