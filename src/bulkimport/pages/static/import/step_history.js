/** Step 7: the account's imports, the newest first. */

import { button, choice, element, field, rows } from "./dom.js";
import { STATES, isFinished, stepOf } from "./jobs.js";

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Shows the step. @param {HTMLElement} container @param {import("./main.js").Context} context */
export async function mount(container, context) {
  const list = element("ul", { class: "jobs" });
  const more = element("div", { class: "actions" });
  const filter = choice([["", "All"], ...Object.entries(STATES)], "", (status) => load(list, more, context, status));
  container.append(field("Show", filter), list, more);
  await load(list, more, context, "");
}

/** Shows the first page, or appends the one at the cursor. */
async function load(list, more, context, status, cursor) {
  const query = { ...(status && { status }), ...(cursor && { cursor }) };
  const page = await context.api.jobs(query, { signal: context.signal }).catch(context.fail);
  if (!page) return;
  if (!cursor) list.replaceChildren();
  list.append(...page.jobs.map((job) => entry(job, context)));
  if (!list.hasChildNodes() && !page.next_cursor) list.append(element("li", {}, "There is nothing here yet."));
  more.replaceChildren(...(page.next_cursor ? [button("Show more", () => load(list, more, context, status, page.next_cursor))] : []));
  context.announce(`${list.childElementCount} imports`);
}

function entry(job, context) {
  const open = (step) => async () => {
    context.store.clear();
    context.store.set({ jobs: [await context.api.job(job.job_id, { signal: context.signal })] });
    context.go(step);
  };
  const undoable = job.kind === "import" && !job.options.dry_run && isFinished(job) && job.created_rows + job.updated_rows > 0;
  const title = titleOf(job);
  const when = WHEN.format(new Date(job.created_at));
  const act = (text, step) => {
    const control = button(text, open(step));
    control.setAttribute("aria-label", `${text}: ${title}, ${when}`);
    return control;
  };
  return element("li", {}, element("div", {}, element("b", {}, title), element("span", { class: `state state-${job.status}` }, STATES[job.status] ?? job.status)),
    element("p", { class: "hint" }, `${when}${job.created_by ? ` · ${job.created_by}` : ""} · ${outcome(job)}`),
    element("div", { class: "actions" }, act("Open", stepOf(job)), undoable && act("Undo", "undo")));
}

function titleOf(job) {
  if (job.kind === "revert") return "Undo of an import";
  const name = job.file?.name ?? "Import";
  return job.options.dry_run ? `Check of ${name}` : name;
}

function outcome(job) {
  const failed = job.failed_rows ? `, ${rows(job.failed_rows)} with errors` : "";
  return `${rows(job.total_rows)}${failed}`;
}
