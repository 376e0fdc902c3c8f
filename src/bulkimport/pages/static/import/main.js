/** The page: which step is shown, and what each step is given. */

import { Api } from "./api.js";
import { element } from "./dom.js";
import { stepOf } from "./jobs.js";
import { Session } from "./session.js";
import { Store } from "./store.js";
import * as apply from "./step_apply.js";
import * as drop from "./step_drop.js";
import * as fix from "./step_fix.js";
import * as history from "./step_history.js";
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
 * @property {(error: unknown) => void} fail  shows above the step what went wrong; an aborted request is not an error
 *
 * @typedef {"drop" | "map" | "see" | "fix" | "apply" | "undo" | "history"} StepName
 */

/** Each module has `mount(container, context)`, which fills the container; leaving the step empties it. */
const STEPS = {
  drop: { module: drop, heading: "Choose a file", name: "File" },
  map: { module: map, heading: "Match the columns", name: "Columns" },
  see: { module: see, heading: "Check what will change", name: "Check" },
  fix: { module: fix, heading: "Fix the rows with errors", name: "Fix" },
  apply: { module: apply, heading: "Import", name: "Import" },
  undo: { module: undo, heading: "Undo an import" },
  history: { module: history, heading: "Earlier imports" },
};
const INDICATED = ["drop", "map", "see", "fix", "apply"];
const WITH_JOBS = ["see", "fix", "apply", "undo"];

const store = new Store();
const session = new Session();
const api = new Api(session);
const announcer = document.getElementById("announcer");
let leave = new AbortController();

/** Shows a step, moves the focus to its heading, and puts its jobs into the URL. @param {StepName} name */
function show(name) {
  const { module, heading } = STEPS[name];
  leave.abort();
  leave = new AbortController();
  const title = element("h1", { tabindex: -1 }, heading);
  const alert = element("div", { role: "alert" });
  const container = element("section", { class: `step step-${name}` });
  document.getElementById("step").replaceChildren(title, alert, container);
  document.title = `${heading} · bulkimport`;
  indicate(name);
  address(name);
  const fail = (error) => explain(alert, error);
  const context = { api, store, signal: leave.signal, go: show, announce, fail };
  Promise.resolve().then(() => module.mount(container, context)).catch(fail);
  title.focus();
}

function indicate(current) {
  const position = INDICATED.indexOf(current);
  const list = document.getElementById("steps");
  list.hidden = position < 0;
  list.replaceChildren(...INDICATED.map((name, index) =>
    element("li", { "aria-current": name === current && "step", class: index < position && "done" }, STEPS[name].name)));
}

/** `#job=ID,ID` brings the jobs back, also in another browser. */
function address(name) {
  const ids = WITH_JOBS.includes(name) ? store.state.jobs.map((job) => job.job_id) : [];
  const hash = ids.length ? `#job=${ids.join()}` : name === "history" ? "#history" : "";
  if (location.hash !== hash) window.history.pushState(null, "", hash || location.pathname);
}

function announce(text) {
  announcer.textContent = text;
}

function explain(alert, error) {
  if (error?.name === "AbortError") return;
  if (!error?.status) console.error(error);
  const { title, message, errors = [] } = error?.status ? error : { title: "Something went wrong", message: String(error) };
  const faults = errors.map((fault) => element("li", {}, `${fault.field}: ${fault.message}`));
  alert.replaceChildren(element("div", { class: "problem" },
    element("strong", {}, title), element("p", {}, message), faults.length > 0 && element("ul", {}, ...faults)));
  alert.scrollIntoView({ block: "nearest" });
}

/** Shows what the URL names: an import, the history, or the first step. */
async function restore() {
  const ids = location.hash.match(/^#job=([0-9a-f,-]+)$/i)?.[1].split(",");
  if (!ids) return show(location.hash === "#history" ? "history" : "drop");
  try {
    store.set({ jobs: await Promise.all(ids.map((id) => api.job(id))) });
    show(stepOf(store.state.jobs.at(-1)));
  } catch (error) {
    show("history");
    explain(document.querySelector("#step [role=alert]"), error);
  }
}

for (const link of document.querySelectorAll("[data-step]")) {
  link.addEventListener("click", () => show(link.dataset.step));
}
addEventListener("popstate", restore);
restore();
