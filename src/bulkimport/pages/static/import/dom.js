/** Elements without markup: what comes from a file or from the API becomes text, never HTML. */

/** A new element. Attributes that begin with "on" are listeners; attributes and children that are null or false are left out. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child || child === 0));
  return node;
}

/** A button that waits for what it does. @param {string} text @param {() => unknown} act @param {"primary" | "danger"} [kind] */
export function button(text, act, kind) {
  const node = element("button", { type: "button", class: kind, onclick: async () => {
    if (node.ariaBusy) return;
    node.ariaBusy = "true";
    await Promise.resolve(act()).finally(() => { node.ariaBusy = null; });
  } }, text);
  return node;
}

export const actions = (...buttons) => element("div", { class: "actions" }, ...buttons);

/** A control, which has an id, with its label. */
export const field = (label, control) => element("div", { class: "field" }, element("label", { for: control.id }, label), control);

/** A choice among pairs of values and texts. @param {string} id @param {[string, string][]} choices @param {string} selected @param {(value: string) => void} [onchoice] */
export function choice(id, choices, selected, onchoice) {
  const options = choices.map(([value, text]) => element("option", { value, selected: value === selected }, text));
  return element("select", { id, onchange: ({ target }) => onchoice?.(target.value) }, ...options);
}

/** 1234 as "1,234", in the reader's language. */
export const count = (number) => new Intl.NumberFormat().format(number ?? 0);

/** "1 row", "1,234 rows". */
export const rows = (number) => `${count(number)} ${number === 1 ? "row" : "rows"}`;

/** "valid_from" as "Valid from". */
export const words = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
