/** Step 2: what each column is, and how rows are imported. The service says what that makes of the file. */

import { actions, button, choice, field, h, words } from "./dom.js";

const FIELDS = ["identifier", "name", "type", "description", "valid_from", "valid_to", "is_active"];
const DATES = ["YYYY-MM-DD", "YYYY/MM/DD", "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "DD.MM.YYYY", "DD-Mon-YYYY", "D/M/YY", "M/D/YY"];
const CONFLICTS = [["error", "Keep it, and report the row"], ["skip", "Keep it, and skip the row"], ["update", "Update it"]];
const DELIMITERS = [[",", "Commas"], [";", "Semicolons"], ["\t", "Tabs"], ["|", "Vertical bars"]];
const CHARSETS = [["utf-8", "UTF-8"], ["utf-16", "UTF-16"], ["windows-1252", "Windows-1252"]];
const EXTRA = "metadata.";

export function mount(container, context) {
  return new Mapping(container, context).propose();
}

class Mapping {
  constructor(container, context) {
    this.context = context;
    this.form = h("div");
    this.problems = h("div", { role: "alert" });
    container.append(this.form, this.problems, actions(button("Check", () => this.check(), "primary"), button("Another file", () => context.go("drop"))));
  }

  get options() {
    return this.context.store.state.options;
  }

  get preview() {
    return this.context.store.state.preview;
  }

  get dateFormats() {
    const { date_format: format } = this.options;
    return format.trim ? { valid_from: format, valid_to: format } : format;
  }

  /** Selects what the service proposes: fields of similar names, and formats that are the only ones to fit all dates. */
  propose() {
    const { columns, date_formats } = this.preview;
    const similar = columns.filter(({ how }) => how === "similar").map(({ column, field: target }) => [column, target]);
    const certain = date_formats.filter(({ formats }) => formats.length === 1).map(({ field: target, formats }) => [target, formats[0]]);
    this.suggested = new Map(similar);
    this.show();
    if (similar.length + certain.length) return this.change({
      columns: { ...this.options.columns, ...Object.fromEntries(similar) },
      date_format: { ...this.dateFormats, ...Object.fromEntries(certain) },
    });
  }

  /** Shows what the service makes of other options; of several changes, of the last one. */
  async change(changes) {
    const { api, store, signal } = this.context;
    store.set({ options: { ...this.options, ...changes } });
    const answer = api.preview(store.state.file, this.options, { signal });
    this.answer = answer;
    const preview = await answer;
    if (this.answer !== answer) return;
    store.set({ preview, options: preview.options });
    this.show();
  }

  show() {
    const { id } = document.activeElement;
    this.form.replaceChildren(this.remembered(), this.columns(), ...this.constants(), this.settings());
    if (id) document.getElementById(id)?.focus();
    const { missing_fields: missing, problems } = this.preview;
    const lines = problems.filter(({ code }) => code !== "missing-columns").map(({ detail }) => detail);
    if (missing.length) lines.unshift(`Your file has no column for: ${missing.map(words).join(", ")}.`);
    if (this.undecided) lines.push("Please choose how the dates are written.");
    this.problems.replaceChildren(lines.length ? h("div.problem", ...lines.map((line) => h("p", line))) : "");
  }

  remembered() {
    const { mapping_from, remembered_job_id, sheet } = this.preview;
    if (mapping_from) return h("p.tip", "Columns and settings are as in your last import of such a file.");
    return remembered_job_id ? h("p.tip", "You have imported such a file before. ", button("Use the same columns and settings", () => {
      this.context.store.set({ options: { sheet, columns: "remembered" } });
      return this.change();
    })) : "";
  }

  columns() {
    const head = ["In your file", "For example", "Is imported as"].map((text) => h("th", { scope: "col" }, text));
    const lines = this.preview.columns.map((column) => h("tr",
      h("th", { scope: "row" }, nameOf(column)), h("td.hint", column.samples.slice(0, 3).join(" · ")),
      h("td", this.target(column), this.suggested.has(column.column) && h("small", "A suggestion: please check"))));
    return h("table", h("thead", h("tr", ...head)), h("tbody", ...lines));
  }

  target(column) {
    const { how, position } = column;
    const current = how === "similar" ? "" : column.field ?? "";
    const extra = current.startsWith(EXTRA) ? current : EXTRA + nameOf(column).trim();
    const choices = [...FIELDS.map((name) => [name, words(name)]), [extra, "Additional information"]];
    if (how !== "exact" && how !== "alias") choices.unshift(["", "Not imported"]);
    const select = choice(`column-${position}`, choices, current, (target) => this.assign(column.column, target));
    select.ariaLabel = `${nameOf(column)} is imported as`;
    return select;
  }

  /** A field has one column: the one that had it becomes additional information, or is not imported. */
  assign(column, target) {
    this.suggested.delete(column);
    const rival = this.preview.columns.find((other) => other.column !== column && other.field === target && other.how !== "similar");
    const freed = rival && { [rival.column]: rival.how === "exact" ? EXTRA + rival.column.trim() : "" };
    return this.change({ columns: filled({ ...this.options.columns, ...freed, [column]: target }) });
  }

  /** Required fields without a column can have one value for all rows. */
  constants() {
    const { defaults } = this.options;
    const names = new Set([...this.preview.missing_fields, ...Object.keys(defaults)]);
    names.delete("identifier");
    return [...names].map((name) => field(`Or ${words(name)} of all rows`, h("input", { id: `all-${name}`, value: defaults[name],
      onchange: ({ target }) => this.change({ defaults: filled({ ...defaults, [name]: target.value.trim() }) }) })));
  }

  settings() {
    const { on_conflict, on_error } = this.options;
    const neutral = { identifiers: "file", empty: "keep", clear_value: null };
    return h("fieldset", h("legend", "Settings"), ...this.dates(),
      field("If there is an asset with the identifier already", choice("conflict", CONFLICTS, on_conflict, (value) => this.change({ on_conflict: value, ...neutral }))),
      h("div.check", h("input", { type: "checkbox", id: "abort", checked: on_error === "abort",
        onchange: ({ target }) => this.change({ on_error: target.checked ? "abort" : "continue" }) }),
      h("label", { for: "abort" }, "All or nothing: if any row has an error, import none")),
      this.reading("delimiter", "Cells are separated by", DELIMITERS), this.reading("charset", "Characters are encoded as", CHARSETS));
  }

  /** How the dates of each column are written; formats that fit all of them come first. */
  dates() {
    this.undecided = null;
    return this.preview.date_formats.map(({ column, field: date, formats }) => {
      const current = this.dateFormats[date];
      const isOpen = formats.length > 1 && !formats.includes(current);
      if (isOpen) this.undecided = `date-${date}`;
      const choices = [...new Set([...formats, current, ...DATES])].map((name) => [name, formats.includes(name) ? `${name} ✓` : name]);
      return field(`Dates in ${column} are written as`, choice(`date-${date}`, isOpen ? [["", "Please choose"], ...choices] : choices, isOpen ? "" : current,
        (format) => this.change({ date_format: { ...this.dateFormats, [date]: format } })));
    });
  }

  reading(name, label, choices) {
    const current = this.options[name] ?? "";
    const own = choices.some(([value]) => value === current) ? [] : [[current, current || "Please choose"]];
    return this.preview[name] && field(label, choice(name, [...own, ...choices], current, (value) => this.change({ [name]: value })));
  }

  /** Uploads the file to be checked, unless the service would refuse it. */
  async check() {
    const { api, store, signal, go, announce } = this.context;
    await this.answer;
    if (this.undecided || this.preview.problems.length) {
      announce(this.problems.textContent);
      return document.getElementById(this.undecided ?? "column-1")?.focus();
    }
    store.set({ jobs: [await api.upload(store.state.file, { ...this.options, dry_run: true }, { signal })] });
    go("see");
  }
}

const nameOf = ({ column, position }) => column || `Column ${position}`;
const filled = (texts) => Object.fromEntries(Object.entries(texts).filter(([, text]) => text));
