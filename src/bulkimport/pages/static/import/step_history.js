/** Step 7: the account's imports, the newest first. */

import { actions, button, choice, field, h, rows } from "./dom.js";
import { STATES, effect, isFinished, stepOf } from "./jobs.js";

export const heading = "Earlier imports";

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function mount(container, context) {
  const list = h("ul.jobs");
  const more = actions();
  const load = async (query) => {
    const { jobs, next_cursor: cursor } = await context.api.jobs(query);
    if (!query.cursor) list.replaceChildren();
    list.append(...jobs.map((job) => entry(job, context)));
    more.replaceChildren(cursor ? button("Show more", () => load({ ...query, cursor })) : "");
    context.announce(`${list.childElementCount} shown`);
  };
  const filter = choice("state", [["", "All"], ...Object.entries(STATES)], "", (status) => load(status ? { status } : {}));
  container.append(field("Show", filter), list, more);
  return load({});
}

function entry(job, context) {
  const step = stepOf(job);
  const title = step === "undo" ? "Undo" : `${step === "see" ? "Check of " : ""}${job.file?.name ?? "Import"}`;
  const when = WHEN.format(new Date(job.created_at));
  const way = (text, to) => {
    const control = button(text, () => open(job, to, context));
    control.ariaLabel = `${text}: ${title}, ${when}`;
    return control;
  };
  const facts = [when, job.created_by, rows(job.total_rows), job.failed_rows > 0 && `${rows(job.failed_rows)} with errors`];
  return h("li", h("div", h("b", title), h(`small.${job.status}`, STATES[job.status]), h("p.hint", facts.filter(Boolean).join(" · "))),
    actions(way("Open", step), step === "apply" && isFinished(job) && effect(job) > 0 && way("Undo", "undo")));
}

async function open({ job_id: id }, step, { api, store, go }) {
  const job = await api.job(id);
  store.clear();
  store.jobs = [job];
  go(step);
}
