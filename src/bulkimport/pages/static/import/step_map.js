/** Step 2: which column is what, and how the rows are imported. The service says what that means for the file. */

import { button, choice, element, field } from "./dom.js";

const FIELDS = {
  identifier: "Identifier",
  name: "Name",
  type: "Type",
  description: "Description",
  valid_from: "Valid from",
  valid_to: "Valid to",
  is_active: "Active",
};
const DATE_FORMATS = {
  "YYYY-MM-DD": "2024-12-31",
  "YYYY/MM/DD": "2024/12/31",
  "DD/MM/YYYY": "31/12/2024 (day first)",
  "MM/DD/YYYY": "12/31/2024 (month first)",
  "DD-MM-YYYY": "31-12-2024",
  "DD.MM.YYYY": "31.12.2024",
  "DD-Mon-YYYY": "31-Dec-2024",
  "D/M/YY": "31/12/24 (day first)",
  "M/D/YY": "12/31/24 (month first)",
  auto: "As the column shows",
};
const CONFLICTS = [
  ["error", "Leave it alone and report the row"],
  ["skip", "Leave it alone and skip the row"],
  ["update", "Update it with the row"],
];
const DELIMITERS = [[",", "Comma"], [";", "Semicolon"], ["\t", "Tab"], ["|", "Vertical bar"]];
const CHARSETS = [["utf-8", "UTF-8"], ["windows-1252", "Windows (Western)"], ["utf-16", "UTF-16"]];
const HOW = { alias: "Recognized", exact: "Recognized", similar: "Suggested", none: "" };
const METADATA = "metadata.";

/** Shows the step. @param {HTMLElement} container @param {import("./main.js").Context} context */
export function mount(container, context) {
  if (!context.store.state.preview) return context.go("drop");
  return new Mapping(container, context).open();
}

class Mapping {
  constructor(container, context) {
    this.context = context;
    this.parts = Object.fromEntries(["remembered", "columns", "missing", "settings", "rows"].map((name) => [name, element("div")]));
    this.problems = element("div", { role: "alert" });
    this.next = button("Check", () => this.check(), "primary");
    container.append(...Object.values(this.parts), this.problems,
      element("div", { class: "actions" }, this.next, button("Another file", () => context.go("drop"))));
  }

  get options() {
    return this.context.store.state.options;
  }

  get preview() {
    return this.context.store.state.preview;
  }

  /** Takes the proposals over, so that they are visible and can be changed. */
  async open() {
    this.how = new Map(this.preview.columns.map(({ position, how }) => [position, how]));
    const proposed = this.preview.columns.filter(({ how }) => how === "similar");
    const columns = { ...this.options.columns, ...Object.fromEntries(proposed.map(({ column, field: target }) => [column, target])) };
    const date_format = this.fittingFormats();
    this.show();
    if (proposed.length || date_format) await this.change({ columns, ...(date_format && { date_format }) });
  }

  /** The formats in force, but the only one that fits where those do not. Undefined if they fit. */
  fittingFormats() {
    const formats = formatsOf(this.options);
    const wrong = this.preview.date_formats.filter(({ field: date, formats: fitting }) => fitting.length === 1 && !fitting.includes(formats[date]));
    return wrong.length ? { ...formats, ...Object.fromEntries(wrong.map(({ field: date, formats: [only] }) => [date, only])) } : undefined;
  }

  /** Changes options, and shows what the service makes of them. The last change wins. */
  async change(options, remembered = false) {
    const { api, store, signal, fail } = this.context;
    this.asking?.abort();
    this.asking = new AbortController();
    store.set({ options: { ...this.options, ...options } });
    const stop = AbortSignal.any([signal, this.asking.signal]);
    try {
      this.pending = api.preview(store.state.file, remembered ? options : this.options, { signal: stop });
      const preview = await this.pending;
      store.set({ preview, options: remembered ? preview.options : this.options });
      this.show();
    } catch (error) {
      fail(error);
    }
  }

  show() {
    const focused = document.activeElement?.id;
    this.parts.remembered.replaceChildren(...this.remembered());
    this.parts.columns.replaceChildren(this.columns());
    this.parts.missing.replaceChildren(...this.missing());
    this.parts.settings.replaceChildren(this.settings());
    this.parts.rows.replaceChildren(...this.rows());
    this.explain();
    if (focused) document.getElementById(focused)?.focus();
  }

  remembered() {
    if (this.preview.mapping_from) return [element("p", { class: "note" }, "The columns and settings are those of your last import of this kind.")];
    if (!this.preview.remembered_job_id) return [];
    const use = button("Use the same again", () => this.change({ sheet: this.options.sheet, columns: "remembered" }, true));
    return [element("p", { class: "note" }, "You have imported such a file before. ", use)];
  }

  columns() {
    const lines = this.preview.columns.map((column) => {
      const select = this.target(column);
      return element("tr", {},
        element("th", { scope: "row" }, column.column || `Column ${column.position}`),
        element("td", { class: "samples" }, column.samples.slice(0, 3).join(" · ")),
        element("td", {}, select), element("td", {}, this.badge(column)));
    });
    const heads = ["In your file", "For example", "Is imported as", ""].map((text) => element("th", { scope: "col" }, text));
    return element("table", { class: "mapping" }, element("caption", { class: "hidden" }, "Columns of the file"),
      element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines));
  }

  badge({ position, field: target }) {
    const how = target && HOW[this.how.get(position)];
    return how ? element("span", { class: `badge ${how.toLowerCase()}` }, how) : "";
  }

  target(column) {
    const current = column.how === "similar" ? "" : column.field ?? "";
    const extra = current.startsWith(METADATA) ? current : METADATA + (column.column.trim() || column.position);
    const leaveOut = ["exact", "alias"].includes(column.how) ? [] : [["", "Not imported"]];
    const choices = [...leaveOut, ...Object.entries(FIELDS), [extra, "Additional information"]];
    const select = choice(choices, current, (target) => this.assign(column, target));
    select.id = `column-${column.position}`;
    select.setAttribute("aria-label", `${column.column || `Column ${column.position}`} is imported as`);
    return select;
  }

  /** A field has one column: another one that had it becomes additional information, or is not imported. */
  assign({ column }, target) {
    const columns = { ...this.options.columns, [column]: target };
    const rival = this.preview.columns.find((other) => other.column !== column && other.field === target && other.how !== "similar");
    if (rival?.how === "exact") columns[rival.column] = METADATA + rival.column.trim();
    else if (rival) delete columns[rival.column];
    if (!target) delete columns[column];
    return this.change({ columns });
  }

  /** Required fields without a column can have one value for all rows. */
  missing() {
    const { defaults = {}, identifiers } = this.options;
    const names = [...new Set([...this.preview.missing_fields, ...Object.keys(defaults)])].filter((name) => FIELDS[name]);
    const inputs = names.map((name) => name === "identifier" ? this.generated() : this.constant(name, defaults[name]));
    if (identifiers === "generate" && !names.includes("identifier")) inputs.push(this.generated());
    if (inputs.length === 0) return [];
    return [element("fieldset", { class: "missing" }, element("legend", {}, "Needed, but not in your file"),
      element("p", {}, "Choose a column for it above, or say here what it is for all rows."), ...inputs)];
  }

  constant(name, value = "") {
    const input = element("input", { id: `default-${name}`, value, onchange: () => this.change({ defaults: without({ ...this.options.defaults, [name]: input.value.trim() }) }) });
    return field(FIELDS[name], input, name.startsWith("valid") ? "A date such as 2024-12-31, or “today”" : undefined);
  }

  generated() {
    const generate = this.options.identifiers === "generate";
    return checkbox("generate", "Number the rows: ASSET-0001, ASSET-0002, …", generate,
      (checked) => this.change({ identifiers: checked ? "generate" : "file", ...(checked && { on_conflict: "error", empty: "keep", clear_value: null }) }));
  }

  settings() {
    const { on_conflict, on_error, charset, delimiter } = this.options;
    const conflict = choice(CONFLICTS, on_conflict, (value) => this.change({ on_conflict: value, ...(value !== "update" && { empty: "keep", clear_value: null }), ...(value !== "error" && { identifiers: "file" }) }));
    conflict.id = "on_conflict";
    const abort = checkbox("on_error", "All or nothing: import no row if any has an error", on_error === "abort", (checked) => this.change({ on_error: checked ? "abort" : "continue" }));
    const reading = this.preview.delimiter && element("details", {}, element("summary", {}, "How the file is read"),
      field("Cells are separated by", named("delimiter", choice(DELIMITERS, delimiter, (value) => this.change({ delimiter: value })))),
      field("Characters are in", named("charset", choice(withOwn(CHARSETS, charset), charset, (value) => this.change({ charset: value })))));
    return element("fieldset", {}, element("legend", {}, "Settings"), ...this.dates(),
      field("If an asset with the identifier exists", conflict), abort, reading);
  }

  /** For each column of dates how they are written; those that fit all of its dates come first. */
  dates() {
    const formats = formatsOf(this.options);
    return this.preview.date_formats.map(({ column, field: date, formats: fitting }) => {
      const others = Object.keys(DATE_FORMATS).filter((format) => !fitting.includes(format));
      const text = (format) => DATE_FORMATS[format] + (fitting.includes(format) ? " ✓" : "");
      const undecided = fitting.length > 1 && !fitting.includes(formats[date]);
      const choices = [...(undecided ? [["", "Please choose"]] : []), ...[...fitting, ...others].map((format) => [format, text(format)])];
      const select = choice(choices, undecided ? "" : formats[date], (format) => this.change({ date_format: { ...formats, [date]: format } }));
      select.required = undecided;
      return field(`Dates in “${column}” are written like`, named(`date-${date}`, select),
        undecided ? "The dates in your file can be read in several ways." : undefined);
    });
  }

  /** The first rows as they would be imported. */
  rows() {
    const rows = this.preview.rows.slice(0, 5);
    if (rows.length === 0) return [];
    const names = [...new Set(rows.flatMap(({ values }) => Object.keys(values ?? {})))];
    const head = names.map((name) => element("th", { scope: "col" }, FIELDS[name] ?? name.slice(METADATA.length)));
    const lines = rows.map(({ row, values, errors }) => element("tr", {}, element("th", { scope: "row" }, row),
      ...names.map((name) => cell(values?.[name], errors.find((error) => error.field === name)))));
    const table = element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Row"), ...head)), element("tbody", {}, ...lines));
    return [element("h2", {}, "The first rows as they would be imported"), element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The first rows" }, table)];
  }

  explain() {
    const { missing_fields: missing, problems } = this.preview;
    const lacking = missing.length > 0 && `Your file has no column for: ${missing.map((name) => FIELDS[name]).join(", ")}.`;
    const others = problems.filter(({ code }) => code !== "missing-columns").map(({ detail }) => element("p", {}, detail));
    this.problems.replaceChildren(...(lacking || others.length
      ? [element("div", { class: "problem" }, element("strong", {}, "Not ready yet"), lacking && element("p", {}, lacking), ...others)] : []));
  }

  /** Uploads the file as a dry run, once the service has seen the last change and has nothing against it. */
  async check() {
    const { api, store, signal, go, announce, fail } = this.context;
    await this.pending?.catch(() => null);
    const blank = document.querySelector(".step-map select:required");
    const blocking = blank ?? (this.preview.problems.length > 0 && this.parts.missing.querySelector("input"));
    if (blank || this.preview.problems.length > 0) {
      announce("Not ready yet");
      return (blocking || this.parts.columns.querySelector("select"))?.focus();
    }
    this.next.disabled = true;
    this.next.textContent = "Uploading…";
    try {
      const job = await api.upload(store.state.file, { ...this.options, dry_run: true }, { signal });
      store.set({ jobs: [job] });
      go("see");
    } catch (error) {
      this.next.disabled = false;
      this.next.textContent = "Check";
      fail(error);
    }
  }
}

function cell(value, error) {
  const text = value == null ? "" : value === true ? "yes" : value === false ? "no" : String(value).replace(/T00:00:00(\.0+)?Z$/, "");
  return element("td", error ? { class: "wrong", title: error.message } : {}, text);
}

const formatsOf = ({ date_format: format }) =>
  typeof format === "string" ? { valid_from: format, valid_to: format } : { valid_from: "YYYY-MM-DD", valid_to: "YYYY-MM-DD", ...format };

const withOwn = (choices, own) => choices.some(([value]) => value === own) ? choices : [...choices, [own, own]];

function named(id, control) {
  control.id = id;
  return control;
}

/** Without empty texts. */
const without = (texts) => Object.fromEntries(Object.entries(texts).filter(([, text]) => text));

function checkbox(id, label, checked, onchange) {
  const input = element("input", { type: "checkbox", id, checked, onchange: () => onchange(input.checked) });
  return element("div", { class: "check" }, input, element("label", { for: id }, label));
}
