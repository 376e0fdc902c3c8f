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

const STEPS = { drop, map, see, fix, apply, undo, history: past };
const WITH_JOBS = ["see", "fix", "apply", "undo"];

const store = new Store();
const session = new Session();
const api = new Api(session);
const [main, steps, announcer] = ["step", "steps", "announcer"].map((id) => document.getElementById(id));
let leave = new AbortController();

/** Shows a step, whose heading gets the focus. @param {keyof STEPS} name */
function go(name) {
  if (WITH_JOBS.includes(name) ? !store.jobs.length : name === "map" && !store.preview) return go("drop");
  leave.abort();
  leave = new AbortController();
  const signal = api.signal = leave.signal;
  session.notice("");
  const { mount, heading } = STEPS[name];
  const title = h("h1", { tabindex: -1 }, heading);
  const container = h("section");
  main.replaceChildren(title, h("div.problem", { role: "alert" }), container);
  document.title = heading;
  showSteps(name);
  showAddress(name);
  Promise.resolve().then(() => mount(container, { api, store, signal, go, announce, fail }));
  title.focus();
}

function showSteps(current) {
  for (const item of steps.children) item.ariaCurrent = item.dataset.name === current ? "step" : null;
  steps.parentElement.hidden = !steps.querySelector("[aria-current]");
}

/** The address brings the jobs back: `#job=ID,ID`. */
function showAddress(step) {
  const hash = WITH_JOBS.includes(step) ? `#job=${idsOf(store.jobs)}` : "";
  if (location.hash !== hash || history.state !== step) history.pushState(step, "", hash || location.pathname);
}

const idsOf = (jobs) => jobs.map(({ job_id: id }) => id).join();

function announce(text) {
  announcer.textContent = text;
}

/** Shows what went wrong, unless a step was left. */
function fail(error) {
  if (error.name === "AbortError") return;
  const { title = "Something went wrong", message, errors = [] } = error;
  const faults = errors.map((fault) => h("li", `${fault.field}: ${fault.message}`));
  main.querySelector("[role=alert]").replaceChildren(h("b", title), h("p", message), h("ul", ...faults));
  scrollTo(0, 0);
}

/** Shows what the address names. */
async function restore() {
  const [, ids] = location.hash.match(/^#job=([0-9a-f,-]+)$/i) ?? [];
  if (!ids || ids === idsOf(store.jobs)) return go(history.state ?? "drop");
  try {
    store.jobs = await Promise.all(ids.split(",").map((id) => api.job(id)));
    go(stepOf(store.jobs.at(-1)));
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
