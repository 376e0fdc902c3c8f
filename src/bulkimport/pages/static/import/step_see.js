/** Step 3: what the import would do, as a dry run has found out. */

import { button, h, rows, words } from "./dom.js";
import { effect, follow, parts, report } from "./jobs.js";
import { errorGroups, listOf, waysToFix } from "./lists.js";

export const heading = "Check what will change";

export async function mount(container, context) {
  const { store, go } = context;
  await follow(container, context, "Checking");
  const plans = store.jobs;
  const last = plans.at(-1);
  const importable = last.failed_rows && last.options.on_error === "abort" ? 0 : effect(...plans);
  report(container, context, sentence(last, importable), parts(plans), ...waysToFix(last, context),
    importable > 0 && button(`Import ${rows(importable)}`, () => apply(plans, context), !last.failed_rows && "primary"),
    button("Back", () => go("map")));
  if (last.status === "completed") container.append(errorGroups(last, context), h("h2", "Changes"), changes(plans, context));
}

function sentence({ status, failure, failed_rows: failed }, importable) {
  if (status !== "completed") return failure ?? "The check was cancelled.";
  const good = importable ? `${rows(importable)} can be imported` : "There is nothing to import";
  return `${good}${failed ? `; ${rows(failed)} with errors` : ""}. Nothing has been changed yet.`;
}

/** Applies each plan that would change something. */
async function apply(plans, { api, store, go }) {
  const jobs = [];
  for (const plan of plans) if (effect(plan)) jobs.push(await api.apply(plan));
  store.jobs = jobs;
  go("apply");
}

function changes(plans, context) {
  return listOf("Changes", [
    ["Row", 4, ({ row }) => row],
    ["Identifier", 9, ({ identifier }) => identifier],
    ["What happens", 8, ({ action }) => words(action)],
    ["Column", 8, ({ field }) => field],
    ["Old → new", 16, ({ field, from, to }) => field && h("span", h("del", text(from)), " → ", h("ins", text(to)))],
  ], lines(plans, context));
}

/** A line for each row, or for each field that a row changes. */
async function* lines(plans, { api }) {
  for (const { job_id: id } of plans) {
    for await (const page of api.pages(id, "changes")) yield page.flatMap(linesOf);
  }
}

function linesOf(row) {
  const fields = Object.entries(row.changes);
  return fields.length ? fields.map(([field, values]) => ({ ...row, ...values, field })) : row;
}

const text = (value) => value == null ? "(empty)" : String(value).replace(/T00:00:00(\.0+)?Z$/, "");
