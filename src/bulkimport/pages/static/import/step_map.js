/** Step 2: what each column is, and how rows are imported. The service says what that makes of the file. */

import { actions, button, choice, element, field, words } from "./dom.js";

const FIELDS = ["identifier", "name", "type", "description", "valid_from", "valid_to", "is_active"];
const DATES = {
  "YYYY-MM-DD": "2024-12-31",
  "YYYY/MM/DD": "2024/12/31",
  "DD/MM/YYYY": "31/12/2024",
  "MM/DD/YYYY": "12/31/2024",
  "DD-MM-YYYY": "31-12-2024",
  "DD.MM.YYYY": "31.12.2024",
  "DD-Mon-YYYY": "31-Dec-2024",
  "D/M/YY": "31/12/24",
  "M/D/YY": "12/31/24",
};
const CONFLICTS = [["error", "Keep it, and report the row"], ["skip", "Keep it, and skip the row"], ["update", "Update it"]];
const READING = {
  delimiter: ["Cells are separated by", [[",", "Commas"], [";", "Semicolons"], ["\t", "Tabs"], ["|", "Vertical bars"]]],
  charset: ["Characters are encoded in", [["utf-8", "UTF-8"], ["utf-16", "UTF-16"], ["windows-1252", "Windows-1252"]]],
};
const METADATA = "metadata.";

/** @param {HTMLElement} container @param {import("./main.js").Context} context */
export function mount(container, context) {
  if (!context.store.state.preview) return context.go("drop");
  return new Mapping(container, context).propose();
}

class Mapping {
  constructor(container, context) {
    this.context = context;
    this.form = element("div");
    this.problems = element("div", { role: "alert" });
    this.next = button("Check", () => this.check(), "primary");
    container.append(this.form, this.problems, actions(this.next, button("Another file", () => context.go("drop"))));
  }

  get options() {
    return this.context.store.state.options;
  }

  get preview() {
    return this.context.store.state.preview;
  }

  /** Selects what the service proposes: columns with similar names, and the only format that fits all dates. */
  propose() {
    const { columns, date_formats } = this.preview;
    const similar = columns.filter(({ how }) => how === "similar");
    this.suggested = new Set(similar.map(({ column }) => column));
    const wrong = date_formats.filter(({ field: date, formats }) => formats.length === 1 && formats[0] !== this.dateFormats[date]);
    this.show();
    if (similar.length || wrong.length) return this.change({
      columns: { ...this.options.columns, ...Object.fromEntries(similar.map(({ column, field: target }) => [column, target])) },
      date_format: { ...this.dateFormats, ...Object.fromEntries(wrong.map(({ field: date, formats }) => [date, formats[0]])) },
    });
  }

  get dateFormats() {
    const { date_format: format } = this.options;
    return typeof format === "string" ? { valid_from: format, valid_to: format } : { valid_from: "YYYY-MM-DD", valid_to: "YYYY-MM-DD", ...format };
  }

  /** Shows what the service makes of other options; with several changes, of the last one. */
  async change(changes) {
    const { store, fail } = this.context;
    store.set({ options: { ...this.options, ...changes } });
    this.asked?.abort();
    this.asked = new AbortController();
    this.answer = this.ask(this.asked.signal).catch(fail);
    await this.answer;
  }

  async ask(latest) {
    const { api, store, signal } = this.context;
    const preview = await api.preview(store.state.file, this.options, { signal: AbortSignal.any([signal, latest]) });
    store.set({ preview, options: preview.options });
    this.show();
  }

  show() {
    const { id } = document.activeElement;
    this.form.replaceChildren(this.remembered(), this.columns(), this.missing(), this.settings());
    if (id) document.getElementById(id)?.focus();
    const { missing_fields: missing, problems } = this.preview;
    const lines = problems.filter(({ code }) => code !== "missing-columns" || !missing.length).map(({ detail }) => detail);
    if (missing.length) lines.unshift(`Your file has no column for: ${missing.map(words).join(", ")}.`);
    if (this.undecided) lines.push("Please choose how the dates are written.");
    this.problems.replaceChildren(lines.length ? element("div", { class: "problem" }, ...lines.map((line) => element("p", {}, line))) : "");
  }

  remembered() {
    const { mapping_from, remembered_job_id } = this.preview;
    if (mapping_from) return element("p", { class: "note" }, "Columns and settings are as in your last import of such a file.");
    const use = button("Use the same columns and settings", () => {
      this.context.store.set({ options: { sheet: this.options.sheet } });
      this.change({ columns: "remembered" });
    });
    return remembered_job_id ? element("p", { class: "note" }, "You have imported such a file before. ", use) : "";
  }

  columns() {
    const head = ["In your file", "For example", "Is imported as"].map((text) => element("th", { scope: "col" }, text));
    const lines = this.preview.columns.map((column) => element("tr", {},
      element("th", { scope: "row" }, column.column || `Column ${column.position}`),
      element("td", { class: "hint" }, column.samples.slice(0, 3).join(" · ")),
      element("td", {}, this.target(column), this.suggested.has(column.column) && element("small", {}, "Suggested: please check"))));
    return element("table", { class: "mapping" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...lines));
  }

  target({ column, position, field: target, how, samples }) {
    const current = how === "similar" ? "" : target ?? "";
    const extra = current.startsWith(METADATA) ? current : METADATA + (column.trim() || position);
    const none = how === "exact" || how === "alias" ? [] : [["", "Not imported"]];
    const choices = [...none, ...FIELDS.map((name) => [name, words(name)]), [extra, "Additional information"]];
    const select = choice(choices, current, (chosen) => this.assign(column, chosen));
    select.id = `column-${position}`;
    select.setAttribute("aria-label", `${column || position}, such as ${samples[0] ?? "nothing"}, is imported as`);
    return select;
  }

  /** A field has one column: one that had it becomes additional information, or is not imported. */
  assign(column, target) {
    this.suggested.delete(column);
    const columns = { ...this.options.columns, [column]: target };
    if (!target) delete columns[column];
    const rival = this.preview.columns.find((other) => other.column !== column && other.field === target && other.how !== "similar");
    if (rival?.how === "exact") columns[rival.column] = METADATA + rival.column.trim();
    else if (rival) delete columns[rival.column];
    this.change({ columns });
  }

  /** Required fields without a column can have one value for all rows. */
  missing() {
    const { defaults } = this.options;
    const names = new Set([...this.preview.missing_fields, ...Object.keys(defaults)]);
    names.delete("identifier");
    const inputs = [...names].map((name) => {
      const input = element("input", { value: defaults[name] ?? "", onchange: () => {
        const { [name]: _, ...others } = defaults;
        this.change({ defaults: input.value.trim() ? { ...others, [name]: input.value.trim() } : others });
      } });
      return field(`${words(name)} of all rows`, input);
    });
    return inputs.length ? element("fieldset", {}, element("legend", {}, "Not in your file"), element("p", {}, "Choose a column for it above, or enter one value for all rows."), ...inputs) : "";
  }

  settings() {
    const { on_conflict, on_error } = this.options;
    const conflict = choice(CONFLICTS, on_conflict, (value) => this.change({ on_conflict: value, identifiers: "file", empty: "keep", clear_value: null }));
    const abort = element("input", { type: "checkbox", id: "abort", checked: on_error === "abort", onchange: () => this.change({ on_error: abort.checked ? "abort" : "continue" }) });
    return element("fieldset", {}, element("legend", {}, "Settings"), ...this.dates(), field("If an asset already has the identifier", conflict),
      element("div", { class: "check" }, abort, element("label", { for: "abort" }, "All or nothing: if any row has an error, import none")), this.reading());
  }

  /** How the dates of each column are written; formats that fit all of them come first. */
  dates() {
    this.undecided = null;
    return this.preview.date_formats.map(({ column, field: date, formats }) => {
      const current = this.dateFormats[date];
      const isOpen = formats.length > 1 && !formats.includes(current);
      const names = [...new Set([...formats, current, ...Object.keys(DATES)])];
      const choices = names.map((format) => [format, `${DATES[format] ?? format}${formats.includes(format) ? " ✓" : ""}`]);
      const select = choice(isOpen ? [["", "Please choose"], ...choices] : choices, isOpen ? "" : current,
        (format) => this.change({ date_format: { ...this.dateFormats, [date]: format } }));
      if (isOpen) this.undecided = select;
      return field(`Dates in ${column} are written like`, select);
    });
  }

  reading() {
    const names = Object.keys(READING).filter((name) => this.preview[name]);
    const controls = names.map((name) => {
      const [label, choices] = READING[name];
      const current = this.options[name] ?? "";
      const all = choices.some(([value]) => value === current) ? choices : [[current, current || "Please choose"], ...choices];
      return field(label, choice(all, current, (value) => this.change({ [name]: value })));
    });
    return controls.length > 0 && element("details", { open: this.preview.columns.length < 2 }, element("summary", {}, "How the file is read"), ...controls);
  }

  /** Uploads the file to be checked, if the service has nothing against it. */
  async check() {
    const { api, store, signal, go, announce, fail } = this.context;
    await this.answer;
    if (this.undecided || this.preview.problems.length) {
      announce(this.problems.textContent);
      return (this.undecided ?? this.form.querySelector("select")).focus();
    }
    this.next.disabled = true;
    try {
      store.set({ jobs: [await api.upload(store.state.file, { ...this.options, dry_run: true }, { signal })] });
      go("see");
    } catch (error) {
      this.next.disabled = false;
      fail(error);
    }
  }
}
