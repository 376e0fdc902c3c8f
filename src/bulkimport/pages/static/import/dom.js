/** Elements without markup: text from files and from the API becomes text nodes, never HTML. */

/**
 * Returns a new element. Attributes whose names begin with "on" are listeners; false and null leave an
 * attribute out; true sets it without a value. Children are nodes or texts; null and false are left out.
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string | number | null | false)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((child) => child != null && child !== false).map((child) => child instanceof Node ? child : String(child)));
  return node;
}

/**
 * A button; `kind` is one of the style sheet: "primary", "plain" or "danger".
 * @param {string} text
 * @param {(event: Event) => void} onclick
 * @param {string} [kind]
 */
export function button(text, onclick, kind = "plain") {
  return element("button", { type: "button", class: kind, onclick }, text);
}

let lastId = 0;

/**
 * A control with its label above it, and a hint below it if there is one.
 * @param {string} label
 * @param {HTMLElement} control
 * @param {string} [hint]
 */
export function field(label, control, hint) {
  control.id ||= `field-${++lastId}`;
  const note = hint && element("p", { class: "hint", id: `${control.id}-hint` }, hint);
  if (note) control.setAttribute("aria-describedby", note.id);
  return element("div", { class: "field" }, element("label", { for: control.id }, label), control, note);
}

/**
 * A choice among [value, text] pairs.
 * @param {[string, string][]} choices
 * @param {string} selected
 * @param {(value: string) => void} onchoice
 */
export function choice(choices, selected, onchoice) {
  const options = choices.map(([value, text]) => element("option", { value, selected: value === selected }, text));
  return element("select", { onchange: (event) => onchoice(event.target.value) }, ...options);
}

/** 1234 as "1,234", in the reader's language. @param {number} number */
export const count = (number) => new Intl.NumberFormat().format(number ?? 0);

/** "1 row", "1,234 rows". @param {number} number */
export const rows = (number) => `${count(number)} ${number === 1 ? "row" : "rows"}`;
