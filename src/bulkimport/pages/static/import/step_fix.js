/**
 * The failed rows of the last job in `store.state.jobs`, as a grid in which they can be fixed.
 *
 * They are uploaded as failed rows are (their column `_job` names the job, whose options apply again), with
 * `dry_run` if the job was a dry run. The new job joins the others: `store.set({ jobs: [...jobs, job] })`, and
 * the next step is "see" for a dry run and "apply" otherwise; both follow an unfinished job themselves.
 */

import { element } from "./dom.js";

/** Shows the step. @param {HTMLElement} container @param {import("./main.js").Context} context */
export function mount(container, context) {
  container.append(element("p", {}, "fix"));
}
