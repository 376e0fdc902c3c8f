/** Jobs as people see them. An import is one job, or several if failed rows were fixed. */

import { pause } from "./api.js";
import { count, element, rows } from "./dom.js";

const WAIT_S = 10;
const PAUSE_S = 0.3; // if the service is too busy to let a request wait
const ANNOUNCED_S = 10;
export const STATES = { pending: "Waiting", processing: "Running", completed: "Finished", failed: "Stopped", cancelled: "Cancelled" };

/** Whether nothing more happens to a job. */
export const isFinished = ({ completed_at }) => completed_at !== null;

/** How many assets a job has created or changed, or a plan would. */
export const effect = ({ created_rows, updated_rows }) => created_rows + updated_rows;

/** The sum of a member over jobs. @param {object[]} jobs @param {string} member */
export const sum = (jobs, member) => jobs.reduce((total, job) => total + (job[member] ?? 0), 0);

/** The step that shows a job. @returns {import("./main.js").StepName} */
export const stepOf = ({ kind, options }) => kind === "revert" ? "undo" : options.dry_run ? "see" : "apply";

/** A small bar of numbers with its legend. @param {[string, string, number][]} parts  colour, name and number of each */
export function countsBar(parts) {
  const shown = parts.filter(([, , number]) => number);
  const pieces = shown.map(([colour, , number]) => {
    const piece = element("span", { class: colour });
    piece.style.flexGrow = number;
    return piece;
  });
  const legend = shown.map(([colour, name, number]) => element("li", {}, element("i", { class: colour }), element("b", {}, count(number)), ` ${name}`));
  return element("div", { class: "counts" }, element("div", { class: "bar", "aria-hidden": "true" }, ...pieces), element("ul", {}, ...legend));
}

/** What became, or would become, of the rows of an import. @param {object[]} jobs @param {string[]} names  in the order of `kinds` */
export function rowsBar(jobs, names) {
  const kinds = ["created", "updated", "unchanged", "skipped"];
  const parts = kinds.map((kind, index) => [kind, names[index], sum(jobs, `${kind}_rows`)]);
  return countsBar([...parts, ["failed", "with errors", jobs.at(-1).failed_rows]]);
}

/** Shows the progress of the store's jobs until they are finished. @param {HTMLElement} container @param {import("./main.js").Context} context @param {string} doing */
export async function follow(container, { api, store, signal, announce }, doing) {
  const bar = element("progress", { value: 0, "aria-label": doing });
  const line = element("p", { class: "lead" });
  container.prepend(line, bar);
  let announced = 0;
  const show = (job) => {
    store.set({ jobs: store.state.jobs.map((known) => known.job_id === job.job_id ? job : known) });
    const { jobs } = store.state;
    bar.value = sum(jobs, "processed_rows") / (sum(jobs, "total_rows") || 1);
    line.textContent = `${doing}: ${progress(jobs, job)}`;
    if (Date.now() < announced + ANNOUNCED_S * 1000) return;
    announced = Date.now();
    announce(line.textContent);
  };
  for (let job of store.state.jobs) {
    for (show(job); !isFinished(job);) {
      const [next] = await Promise.all([api.job(job.job_id, { wait: WAIT_S, etag: job.etag, signal }), pause(PAUSE_S, signal)]);
      if (next) show(job = next);
    }
  }
  bar.remove();
  line.remove();
}

function progress(jobs, job) {
  if (job.queue_position > 1) return `waiting for ${count(job.queue_position - 1)} earlier imports`;
  const { rows_per_second: speed, estimated_completion: end } = job;
  const seconds = Math.max(1, Math.round((new Date(end) - Date.now()) / 1000));
  return [
    `${count(sum(jobs, "processed_rows"))} of ${rows(sum(jobs, "total_rows"))}`,
    speed && `${count(Math.round(speed))} rows/s`,
    end && `about ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`} left`,
    job.cancel_requested && "cancelling",
  ].filter(Boolean).join(" · ");
}
