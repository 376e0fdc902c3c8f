/** The page: which step is shown, and what each step is given. */

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

/** What a step's `mount(container, context)` is given; see docs/import-page.md.
 * @typedef {{api: Api, store: Store, signal: AbortSignal, go: (step: string) => void,
 *   announce: (text: string) => void, fail: (error: Error) => void}} Context */

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

/** Shows a step, moves the focus to its heading, and puts its jobs into the address. */
function go(name) {
  const { jobs, preview } = store.state;
  if (WITH_JOBS.includes(name) ? !jobs.length : name === "map" && !preview) return go("drop");
  const [{ mount }, heading] = STEPS[name];
  leave.abort();
  leave = new AbortController();
  session.notice("");
  const title = h("h1", { tabindex: -1 }, heading);
  const container = h("section");
  main.replaceChildren(title, h("div", { role: "alert" }), container);
  document.title = heading;
  showSteps(name);
  showAddress(name);
  const context = { api, store, signal: leave.signal, go, announce: (text) => { announcer.textContent = text; }, fail };
  Promise.resolve().then(() => mount(container, context)).catch(fail);
  title.focus();
}

function showSteps(current) {
  const names = Object.keys(STEPS).filter((name) => STEPS[name][2]);
  steps.hidden = !names.includes(current);
  steps.replaceChildren(...names.map((name) => h("li", { "aria-current": name === current && "step" }, STEPS[name][2])));
}

/** The address brings the jobs back, also in another browser: `#job=ID,ID`. */
function showAddress(step) {
  const ids = WITH_JOBS.includes(step) && idsOf(store.state.jobs);
  const hash = ids ? `#job=${ids}` : step === "history" ? "#history" : "";
  if (location.hash !== hash || history.state !== step) history.pushState(step, "", hash || location.pathname);
}

const idsOf = (jobs) => jobs.map(({ job_id: id }) => id).join();

/** Shows what went wrong; that a request was aborted is nothing wrong. */
function fail(error) {
  if (error.name === "AbortError") return;
  const { title = "Something went wrong", message, errors = [] } = error;
  const faults = errors.map((fault) => h("li", `${fault.field}: ${fault.message}`));
  const problem = h("div.problem", h("b", title), h("p", message), h("ul", ...faults));
  main.querySelector("[role=alert]").replaceChildren(problem);
  problem.scrollIntoView({ block: "nearest" });
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
