/** Step 1: a file is dropped or chosen, and a sheet of it if it has several. */

import { actions, button, choice, field, h } from "./dom.js";

export const heading = "Choose a file";

export function mount(container, context) {
  const { store, signal } = context;
  store.clear();
  const below = h("div", { role: "status" });
  const take = ([file]) => file && open(file, below, context);
  const input = h("input.hidden", { type: "file", id: "file", onchange: () => take(input.files) });
  container.append(h("p", "You will see what changes before anything is changed."), input,
    h("label.drop", { for: "file" }, h("b.lead", "Drop your spreadsheet here"), h("span", "or ", h("u", "choose a file")),
      h("span.hint", "Excel (.xlsx) or CSV, with column names in the first row")), below);
  addEventListener("dragover", (event) => event.preventDefault(), { signal });
  addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  }, { signal });
}

/** Copies the file, which may change on disk. */
async function open(file, below, context) {
  below.replaceChildren(`Reading ${file.name}…`);
  try {
    context.store.file = new File([await file.arrayBuffer()], file.name, { type: file.type });
    await read(below, context);
  } catch (error) {
    below.replaceChildren();
    context.fail(error);
  }
}

async function read(below, context, sheet) {
  const { api, store, go } = context;
  const preview = await api.preview(store.file, { sheet });
  Object.assign(store, { preview, options: preview.options });
  if (sheetsOf(preview).length > 1 && !sheet) return offer(below, context);
  if (preview.options) return go("map");
  const [problem] = preview.problems;
  throw { ...problem, message: problem.detail };
}

function offer(below, context) {
  const { file, preview } = context.store;
  const sheets = sheetsOf(preview);
  const picker = choice("sheet", sheets.map((name) => [name, name]), preview.sheet ?? sheets[0]);
  below.replaceChildren(h("h2", file.name), field("Which sheet has the rows?", picker),
    actions(button("Continue", () => read(below, context, picker.value), "primary")));
}

const sheetsOf = ({ sheets }) => (sheets ?? []).filter((sheet) => sheet.is_visible && sheet.has_content).map(({ name }) => name);
