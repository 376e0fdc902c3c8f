import { element } from "./dom.js";

/** Shows the step. @param {HTMLElement} container @param {import("./main.js").Context} context */
export function mount(container, context) {
  container.append(element("p", {}, "drop"));
}
