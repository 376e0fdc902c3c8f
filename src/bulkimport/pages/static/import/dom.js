/** Elements without markup: what comes from a file or from the API becomes text, never HTML. */

/** An element, such as h("p.hint", { onclick }, "text"), without attributes and children that are null or false. */
export function h(tag, ...children) {
  const [name, kind] = tag.split(".");
  const node = document.createElement(name);
  if (kind) node.className = kind;
  const attributes = children[0]?.constructor === Object ? children.shift() : {};
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value != null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

/** A button, which is busy until `act` is done. @param {"primary" | "danger"} [kind] */
export function button(text, act, kind) {
  const node = h("button", { type: "button", class: kind, onclick }, text);
  async function onclick() {
    if (node.ariaBusy) return;
    node.ariaBusy = "true";
    try {
      await act();
    } finally {
      node.ariaBusy = null;
    }
  }
  return node;
}

export const actions = (...buttons) => h("div.actions", ...buttons);

/** A control, which has an id, with its label. */
export const field = (label, control) => h("div.field", h("label", { for: control.id }, label), control);

/** A select of pairs of values and texts. */
export function choice(id, choices, selected, onchoice) {
  const options = choices.map(([value, text]) => h("option", { value }, text));
  const select = h("select", { id, onchange: () => onchoice?.(select.value) }, ...options);
  select.value = selected;
  return select;
}

/** 1234 as "1,234", in the reader's language. */
export const count = (number) => number.toLocaleString();

/** "1 row", "1,234 rows". */
export const rows = (number) => `${count(number)} ${number === 1 ? "row" : "rows"}`;

/** "valid_from" as "Valid from". */
export const words = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
