/** Step 3: what the import would do, which a dry run has found out. */

import { button, element, rows } from "./dom.js";
import { countsBar, follow, totals } from "./jobs.js";
import { errorGroups, errorList, listOf, saveFailedRows } from "./lists.js";

const NAMES = { created: "new", updated: "changed", unchanged: "already the same", skipped: "skipped", failed: "with errors" };
const ACTIONS = { create: "New", update: "Change", skip: "Skip", unchanged: "Same" };

/** Shows the step. @param {HTMLElement} container @param {import("./main.js").Context} context */
export async function mount(container, context) {
  const { store, announce, go } = context;
  if (store.state.jobs.length === 0) return go("drop");
  await follow(container, context, "Checking");
  const plans = store.state.jobs;
  const last = plans.at(-1);
  if (last.status !== "completed") return container.append(...stopped(last, context));
  const numbers = totals(plans);
  const summary = sentence(numbers, last);
  announce(summary);
  container.append(element("p", { class: "lead" }, summary), countsBar(numbers, NAMES), actions(numbers, plans, context));
  if (last.failed_rows) container.append(...errors(last, context));
  if (numbers.created + numbers.updated + numbers.skipped + numbers.unchanged) container.append(...changes(plans, context));
}

function stopped(job, { go }) {
  const text = job.failure ?? "The check was cancelled.";
  return [element("p", { class: "lead" }, text), element("div", { class: "actions" }, button("Start again", () => go("drop"), "primary"))];
}

function sentence({ created, updated, failed }, { options }) {
  if (failed && options.on_error === "abort") return `${rows(failed)} ${failed === 1 ? "has" : "have"} errors, so nothing would be imported. Nothing has been changed yet.`;
  if (!created && !updated) return failed ? "No row can be imported as it is." : "Everything is up to date: there is nothing to import.";
  const errors = failed ? `, and ${rows(failed)} ${failed === 1 ? "has" : "have"} errors` : "";
  return `${rows(created + updated)} can be imported${errors}. Nothing has been changed yet.`;
}

function actions(numbers, plans, context) {
  const { go, store } = context;
  const { on_error: onError } = plans.at(-1).options;
  const importable = numbers.created + numbers.updated > 0 && !(numbers.failed && onError === "abort");
  const start = button(`Import ${rows(numbers.created + numbers.updated)}`, () => apply(plans, start, context), numbers.failed ? "plain" : "primary");
  return element("div", { class: "actions" },
    numbers.failed > 0 && button(`Fix ${rows(numbers.failed)}`, () => go("fix"), "primary"),
    importable && start,
    numbers.failed > 0 && button("Download them for Excel", () => saveFailedRows(context, plans.at(-1)).catch(context.fail)),
    store.state.file && button("Back to the columns", () => go("map"), "link"));
}

/** Applies each plan that would change something; another click repeats the same requests. */
async function apply(plans, start, context) {
  const { api, store, signal, go, fail } = context;
  start.disabled = true;
  try {
    const useful = plans.filter((plan) => plan.created_rows + plan.updated_rows > 0);
    const jobs = [];
    for (const plan of useful) jobs.push(await api.apply(plan, { signal, key: store.key(`apply ${plan.job_id}`) }));
    store.set({ jobs });
    go("apply");
  } catch (error) {
    start.disabled = false;
    fail(error);
  }
}

function errors(job, context) {
  const all = element("details", { ontoggle: () => all.children.length < 2 && all.append(errorList(context, job)) },
    element("summary", {}, "All errors, row by row"));
  return [element("h2", {}, "Errors"), errorGroups(job), all];
}

function changes(plans, { api, signal, fail }) {
  const columns = [
    { label: "Row", width: 5, cell: ({ row }) => String(row) },
    { label: "Identifier", width: 10, cell: ({ identifier }) => identifier ?? "(next number)" },
    { label: "What happens", width: 8, cell: ({ action }) => element("span", { class: `action-${action}` }, ACTIONS[action] ?? action) },
    { label: "Column", width: 9, cell: ({ field = "" }) => field },
    { label: "Old → new", width: 20, cell: oldAndNew },
  ];
  return [element("h2", {}, "Changes"), listOf("Changes", columns, lines(plans, api, signal), fail)];
}

function oldAndNew({ from, to, field }) {
  if (!field) return "";
  return element("span", {}, element("del", {}, shown(from)), " → ", element("ins", {}, shown(to)));
}

const shown = (value) => value == null ? "(empty)" : String(value).replace(/T00:00:00(\.0+)?Z$/, "");

/** A line for each row, or for each field that a row changes. */
async function* lines(plans, api, signal) {
  for (const plan of plans) {
    for await (const page of api.changes(plan.job_id, { signal })) yield page.flatMap(linesOf);
  }
}

function linesOf({ changes, ...row }) {
  const fields = Object.entries(changes);
  return fields.length ? fields.map(([field, { from, to }]) => ({ ...row, field, from, to })) : [row];
}
