/** Step 3: what the import would do, as a dry run has found out. */

import { actions, button, element, rows, words } from "./dom.js";
import { effect, follow, rowsBar } from "./jobs.js";
import { errorGroups, listOf, saveFailedRows } from "./lists.js";

/** @param {HTMLElement} container @param {import("./main.js").Context} context */
export async function mount(container, context) {
  const { store, announce, go } = context;
  if (!store.state.jobs.length) return go("drop");
  await follow(container, context, "Checking");
  const plans = store.state.jobs;
  const last = plans.at(-1);
  const importable = last.failed_rows && last.options.on_error === "abort" ? 0 : plans.reduce((total, plan) => total + effect(plan), 0);
  const summary = sentence(last, importable);
  announce(summary);
  container.append(element("p", { class: "lead" }, summary), rowsBar(plans, ["new", "changed", "already the same", "skipped"]),
    ways(plans, importable, context));
  if (last.status !== "completed") return;
  if (last.failed_rows) container.append(errorGroups(last, context));
  container.append(element("h2", {}, "Changes"), changes(plans, context));
}

function sentence({ status, failure, failed_rows: failed }, importable) {
  if (status !== "completed") return failure ?? "The check was cancelled.";
  const errors = failed && `${rows(failed)} ${failed === 1 ? "has" : "have"} errors. `;
  return `${importable ? `${rows(importable)} can be imported. ` : "There is nothing to import. "}${errors || ""}Nothing has been changed yet.`;
}

function ways(plans, importable, context) {
  const last = plans.at(-1);
  const failed = last.failed_rows;
  const start = button(`Import ${rows(importable)}`, () => apply(plans, start, context), failed ? "plain" : "primary");
  return actions(
    failed > 0 && button(`Fix ${rows(failed)}`, () => context.go("fix"), "primary"),
    importable > 0 && start,
    failed > 0 && button("Download them for Excel", () => saveFailedRows(last, context)),
    button("Back", () => context.go(context.store.state.file ? "map" : "drop")));
}

/** Applies each plan that would change something. A second click repeats the same requests. */
async function apply(plans, start, { api, store, signal, go, fail }) {
  start.disabled = true;
  try {
    const jobs = [];
    for (const plan of plans.filter(effect)) jobs.push(await api.apply(plan, { signal, key: store.key(plan.job_id) }));
    store.set({ jobs });
    go("apply");
  } catch (error) {
    start.disabled = false;
    fail(error);
  }
}

function changes(plans, { api, signal, fail }) {
  const columns = [
    { label: "Row", width: 4, cell: ({ row }) => String(row) },
    { label: "Identifier", width: 9, cell: ({ identifier }) => identifier ?? "" },
    { label: "What happens", width: 7, cell: ({ action }) => words(action) },
    { label: "Column", width: 8, cell: ({ field }) => field ? words(field) : "" },
    { label: "Old → new", width: 16, cell: ({ field, from, to }) => field ? element("span", {}, element("del", {}, text(from)), " → ", element("ins", {}, text(to))) : "" },
  ];
  return listOf("Changes", columns, lines(plans, api, signal), fail);
}

/** A line for each row, or for each field that a row changes. */
async function* lines(plans, api, signal) {
  for (const { job_id: id } of plans) {
    for await (const page of api.pages(id, "changes", { signal })) {
      yield page.flatMap((row) => {
        const fields = Object.entries(row.changes);
        return fields.length ? fields.map(([field, values]) => ({ ...row, ...values, field })) : row;
      });
    }
  }
}

const text = (value) => value == null ? "(empty)" : String(value).replace(/T00:00:00(\.0+)?Z$/, "");
