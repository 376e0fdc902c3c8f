/** The page: which step is shown, and what it is given (see docs/import-page.md). */

import { Api } from "./api.js";
import { h } from "./dom.js";
import { stepOf } from "./jobs.js";
import { Session } from "./session.js";
import { Store } from "./store.js";
import * as apply from "./step_apply.js";
import * as drop from "./step_drop.js";
import * as fix from "./step_fix.js";
import * as past from "./step_history.js";
import * as map from "./step_map.js";
import * as see from "./step_see.js";
import * as undo from "./step_undo.js";

/** Module, heading, and name in the list of steps. */
const STEPS = {
  drop: [drop, "Choose a file", "File"],
  map: [map, "Match the columns", "Columns"],
  see: [see, "Check what will change", "Check"],
  fix: [fix, "Fix the rows with errors", "Fix"],
  apply: [apply, "Import", "Import"],
  undo: [undo, "Undo an import"],
  history: [past, "Earlier imports"],
};
const WITH_JOBS = ["see", "fix", "apply", "undo"];

const store = new Store();
const session = new Session();
const api = new Api(session);
const [main, steps, announcer] = ["step", "steps", "announcer"].map((id) => document.getElementById(id));
let leave = new AbortController();

/** Shows a step, moves the focus to its heading, and puts its jobs into the address. @param {keyof STEPS} name */
function go(name) {
  const { jobs, preview } = store.state;
  if (WITH_JOBS.includes(name) ? !jobs.length : name === "map" && !preview) return go("drop");
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  api.signal = signal;
  session.notice("");
  const [{ mount }, heading] = STEPS[name];
  const title = h("h1", { tabindex: -1 }, heading);
  const container = h("section");
  main.replaceChildren(title, h("div", { role: "alert" }), container);
  document.title = heading;
  showSteps(name);
  showAddress(name);
  Promise.resolve().then(() => mount(container, { api, store, signal, go, announce, fail })).catch(fail);
  title.focus();
}

function showSteps(current) {
  steps.hidden = !STEPS[current][2];
  steps.replaceChildren(...Object.entries(STEPS).map(([name, [, , label]]) => label ? h("li", { "aria-current": name === current && "step" }, label) : ""));
}

/** The address brings the jobs back, also in another browser: `#job=ID,ID`. */
function showAddress(step) {
  const ids = WITH_JOBS.includes(step) && idsOf(store.state.jobs);
  const hash = ids ? `#job=${ids}` : step === "history" ? "#history" : "";
  if (location.hash !== hash || history.state !== step) history.pushState(step, "", hash || location.pathname);
}

const idsOf = (jobs) => jobs.map(({ job_id: id }) => id).join();

function announce(text) {
  announcer.textContent = text;
}

/** Shows what went wrong; that a request was aborted is nothing wrong. */
function fail(error) {
  if (error.name === "AbortError") return;
  const { title = "Something went wrong", message, errors = [] } = error;
  const faults = errors.map((fault) => h("li", `${fault.field}: ${fault.message}`));
  main.querySelector("[role=alert]").replaceChildren(h("div.problem", h("b", title), h("p", message), h("ul", ...faults)));
  scrollTo(0, 0);
}

/** Shows what the address names: an import, the earlier ones, or a step before there is a job. */
async function restore() {
  const [, ids] = location.hash.match(/^#job=([0-9a-f,-]+)$/i) ?? [];
  if (!ids || ids === idsOf(store.state.jobs)) return go(history.state ?? (location.hash === "#history" ? "history" : "drop"));
  try {
    store.set({ jobs: await Promise.all(ids.split(",").map((id) => api.job(id))) });
    go(stepOf(store.state.jobs.at(-1)));
  } catch (error) {
    go("history");
    fail(error);
  }
}

for (const link of document.querySelectorAll("[data-step]")) link.addEventListener("click", () => go(link.dataset.step));
addEventListener("popstate", restore);
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  fail(event.reason);
});
restore();
