/** Elements without markup: whatever comes from a file or from the API becomes text, never HTML. */

/**
 * A new element. Attributes that begin with "on" are listeners; true sets one without a value, false and null leave
 * it out. Children are nodes or texts; null, false and "" are left out.
 * @param {string} tag @param {Record<string, unknown>} [attributes] @param {...unknown} children @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child || child === 0));
  return node;
}

/** @param {string} text @param {(event: Event) => void} onclick @param {"plain" | "primary" | "danger" | "link"} [kind] */
export const button = (text, onclick, kind = "plain") => element("button", { type: "button", class: kind, onclick }, text);

/** The buttons of a step. @param {...unknown} buttons */
export const actions = (...buttons) => element("div", { class: "actions" }, ...buttons);

/** A control with its label, and a hint below it. @param {string} label @param {HTMLElement} control @param {string} [hint] */
export function field(label, control, hint) {
  control.id ||= `field-${label}`.replace(/\W+/g, "-");
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  const below = hint && element("p", { class: "hint", id: `${control.id}-hint` }, hint);
  return element("div", { class: "field" }, element("label", { for: control.id }, label), control, below);
}

/** A choice among [value, text] pairs. @param {[string, string][]} choices @param {string} selected @param {(value: string) => void} onchoice */
export function choice(choices, selected, onchoice) {
  const options = choices.map(([value, text]) => element("option", { value, selected: value === selected }, text));
  return element("select", { onchange: (event) => onchoice(event.target.value) }, ...options);
}

/** 1234 as "1,234", in the reader's language. @param {number} number */
export const count = (number) => new Intl.NumberFormat().format(number ?? 0);

/** "1 row", "1,234 rows". @param {number} number */
export const rows = (number) => `${count(number)} ${number === 1 ? "row" : "rows"}`;

/** "valid_from" as "Valid from". @param {string} name */
export const words = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
