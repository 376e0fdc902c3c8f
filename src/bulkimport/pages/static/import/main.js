/** The page: which step is shown, and what each step is given. */

import { Api } from "./api.js";
import { element } from "./dom.js";
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

/**
 * What a step is given.
 * @typedef {object} Context
 * @property {Api} api
 * @property {Store} store
 * @property {AbortSignal} signal  aborted when the step is left: pass it to requests and to addEventListener
 * @property {(step: StepName) => void} go  leaves the step for another one
 * @property {(text: string) => void} announce  has screen readers say something once they are silent
 * @property {(error: unknown) => void} fail  shows above the step what went wrong; not that a request was aborted
 * @typedef {"drop" | "map" | "see" | "fix" | "apply" | "undo" | "history"} StepName
 */

/** Module, heading, and name in the list of steps. A module's `mount(container, context)` fills the container. */
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
const api = new Api(new Session());
const announcer = document.getElementById("announcer");
let leave = new AbortController();

/** Shows a step, moves the focus to its heading, and puts its jobs into the URL. @param {StepName} name */
function go(name) {
  const [{ mount }, heading] = STEPS[name];
  leave.abort();
  leave = new AbortController();
  const title = element("h1", { tabindex: -1 }, heading);
  const alert = element("div", { role: "alert" });
  const container = element("section", { class: `step-${name}` });
  document.getElementById("step").replaceChildren(title, alert, container);
  document.title = heading;
  showSteps(name);
  showAddress(name);
  const fail = (error) => explain(alert, error);
  const context = { api, store, signal: leave.signal, go, announce, fail };
  Promise.resolve().then(() => mount(container, context)).catch(fail);
  title.focus();
}

function showSteps(current) {
  const names = Object.keys(STEPS).filter((name) => STEPS[name][2]);
  const position = names.indexOf(current);
  const list = document.getElementById("steps");
  list.hidden = position < 0;
  list.replaceChildren(...names.map((name, index) =>
    element("li", { "aria-current": name === current && "step", class: index < position && "done" }, STEPS[name][2])));
}

/** The address brings the jobs back, also in another browser: `#job=ID,ID`. */
function showAddress(step) {
  const hash = WITH_JOBS.includes(step) && store.state.jobs.length ? `#job=${idsOf(store.state.jobs)}` : step === "history" ? "#history" : "";
  if (location.hash !== hash || history.state?.step !== step) history.pushState({ step }, "", hash || location.pathname);
}

const idsOf = (jobs) => jobs.map(({ job_id: id }) => id).join();

function announce(text) {
  announcer.textContent = text;
}

function explain(alert, error) {
  if (error.name === "AbortError") return;
  const { title = "Something went wrong", message, errors = [] } = error;
  const faults = errors.map((fault) => element("li", {}, `${fault.field}: ${fault.message}`));
  alert.replaceChildren(element("div", { class: "problem" }, element("strong", {}, title), element("p", {}, message), element("ul", {}, ...faults)));
  alert.scrollIntoView({ block: "nearest" });
}

/** Shows what the address names: an import, the earlier ones, or a step before there is a job. */
async function restore() {
  const [, ids] = location.hash.match(/^#job=([0-9a-f,-]+)$/i) ?? [];
  const { step } = history.state ?? {};
  if (!ids || ids === idsOf(store.state.jobs)) return go(step ?? (location.hash === "#history" ? "history" : "drop"));
  try {
    store.set({ jobs: await Promise.all(ids.split(",").map((id) => api.job(id))) });
    go(stepOf(store.state.jobs.at(-1)));
  } catch (error) {
    go("history");
    explain(document.querySelector("#step [role=alert]"), error);
  }
}

for (const link of document.querySelectorAll("[data-step]")) link.addEventListener("click", () => go(link.dataset.step));
addEventListener("popstate", restore);
restore();
