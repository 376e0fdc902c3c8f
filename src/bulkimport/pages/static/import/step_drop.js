/** Step 1: a file is dropped or chosen, and a sheet of it if it has several. */

import { button, choice, element, field } from "./dom.js";

const ACCEPTED = ".csv,.txt,.tsv,.gz,.xlsx,text/csv";
// What the next step can put right; anything else is a file that cannot be imported.
const FOR_THE_NEXT_STEP = ["missing-columns", "duplicate-columns", "ambiguous-dates", "ambiguous-delimiter", "unreadable-header"];

/** Shows the step. @param {HTMLElement} container @param {import("./main.js").Context} context */
export function mount(container, context) {
  const input = element("input", { type: "file", id: "file", accept: ACCEPTED, class: "hidden", onchange: () => take(input.files[0]) });
  const zone = element("label", { for: "file", class: "drop" },
    element("strong", {}, "Drop your spreadsheet here"),
    element("span", {}, "or ", element("u", {}, "choose a file")),
    element("small", {}, "Excel (.xlsx) or CSV, with the names of the columns in the first row"));
  const below = element("div", { "aria-live": "polite" });
  container.append(element("p", {}, "You will see what happens before anything is changed."), input, zone, below);

  const take = (file) => file && open(file, context, below);
  accept(take, context.signal);
  for (const event of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(event, () => zone.classList.toggle("over", event === "dragover"));
  }
  if (context.store.state.file) offer(context, below);
}

/** A file may be dropped anywhere on the page. */
function accept(take, signal) {
  addEventListener("dragover", (event) => event.preventDefault(), { signal });
  addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  }, { signal });
}

/** Copies the file, so that a later request does not depend on what becomes of it, and asks what is in it. */
async function open(file, context, below) {
  try {
    below.replaceChildren(element("p", { class: "busy" }, `Reading ${file.name}…`));
    const copy = new File([await file.arrayBuffer()], file.name, { type: file.type });
    context.store.clear();
    context.store.set({ file: copy });
    await read(context, below, {});
  } catch (error) {
    below.replaceChildren();
    context.fail(error.name === "NotReadableError" ? unreadable(error) : error);
  }
}

const unreadable = (error) => ({ ...error, status: 1, title: "The file cannot be read", message: "Close it in other programs, and choose it again." });

async function read(context, below, options) {
  const { api, store, signal, go, fail } = context;
  const preview = await api.preview(store.state.file, options, { signal });
  store.set({ preview, options: { ...preview.options, ...options } });
  const problem = preview.problems.find(({ code }) => !FOR_THE_NEXT_STEP.includes(code));
  if (preview.sheets?.length > 1 && !options.sheet) return offer(context, below);
  if (!problem) return go("map");
  below.replaceChildren();
  fail({ ...problem, message: problem.detail });
}

/** The file that was chosen, with its sheets. */
function offer(context, below) {
  const { file, preview } = context.store.state;
  if (!preview) return;
  const sheets = (preview.sheets ?? []).filter((sheet) => sheet.has_content);
  let sheet = preview.sheet ?? sheets[0]?.name;
  const picker = sheets.length > 1 && field("Which sheet has the rows?",
    choice(sheets.map(({ name }) => [name, name]), sheet, (name) => { sheet = name; }));
  const next = () => read(context, below, sheets.length > 1 ? { sheet } : {}).catch(context.fail);
  below.replaceChildren(element("h2", {}, file.name), picker || "",
    element("div", { class: "actions" }, button("Continue", next, "primary")));
}
