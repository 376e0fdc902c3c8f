/** Step 7: the account's imports, the newest first. */

import { actions, button, choice, element, field, rows } from "./dom.js";
import { STATES, effect, isFinished, stepOf } from "./jobs.js";

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** @param {HTMLElement} container @param {import("./main.js").Context} context */
export function mount(container, context) {
  const list = element("ul", { class: "jobs" });
  const more = actions();
  const filter = choice([["", "All"], ...Object.entries(STATES)], "", (status) => load(list, more, context, { status }).catch(context.fail));
  container.append(field("Show", filter), list, more);
  return load(list, more, context, {});
}

/** Shows the first page of a filter, or appends the page at the cursor. */
async function load(list, more, context, { status = "", cursor }) {
  const query = { ...(status && { status }), ...(cursor && { cursor }) };
  const { jobs, next_cursor } = await context.api.jobs(query, { signal: context.signal });
  if (!cursor) list.replaceChildren();
  list.append(...jobs.map((job) => entry(job, context)));
  const next = button("Show more", () => load(list, more, context, { status, cursor: next_cursor }).catch(context.fail));
  more.replaceChildren(next_cursor ? next : "");
  context.announce(`${rows(list.childElementCount)} in the list`);
}

function entry(job, context) {
  const { api, store, signal, go, fail } = context;
  const title = titleOf(job);
  const when = WHEN.format(new Date(job.created_at));
  const act = (text, step) => {
    const control = button(text, () => api.job(job.job_id, { signal }).then((current) => {
      store.clear();
      store.set({ jobs: [current] });
      go(step);
    }).catch(fail));
    control.setAttribute("aria-label", `${text}: ${title}, ${when}`);
    return control;
  };
  const isUndoable = stepOf(job) === "apply" && isFinished(job) && effect(job) > 0;
  const facts = [when, job.created_by, rows(job.total_rows), job.failed_rows && `${rows(job.failed_rows)} with errors`];
  return element("li", {}, element("b", {}, title), element("small", { class: `state ${job.status}` }, STATES[job.status]),
    element("p", { class: "hint" }, facts.filter(Boolean).join(" · ")),
    actions(act("Open", stepOf(job)), isUndoable && act("Undo", "undo")));
}

function titleOf({ kind, file, options }) {
  if (kind === "revert") return "Undo";
  return `${options.dry_run ? "Check of " : ""}${file?.name ?? "Import"}`;
}
