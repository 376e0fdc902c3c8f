/** Step 2: what each column is, and how rows are imported. The service says what that makes of the file. */

import { actions, button, choice, field, h, words } from "./dom.js";

const FIELDS = ["identifier", "name", "type", "description", "valid_from", "valid_to", "is_active"];
const DATES = ["YYYY-MM-DD", "YYYY/MM/DD", "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "DD.MM.YYYY", "DD-Mon-YYYY", "D/M/YY", "M/D/YY"];
const CONFLICTS = [["error", "Keep it, and report the row"], ["skip", "Keep it, and skip the row"], ["update", "Update it"]];
const READ_BY = {
  delimiter: ["Cells are separated by", [[",", "Commas"], [";", "Semicolons"], ["\t", "Tabs"], ["|", "Vertical bars"]]],
  charset: ["Characters are encoded as", [["utf-8", "UTF-8"], ["utf-16", "UTF-16"], ["windows-1252", "Windows-1252"]]],
};
const EXTRA = "metadata.";

export const mount = (container, context) => new Mapping(container, context).propose();

class Mapping {
  constructor(container, { api, store, go }) {
    Object.assign(this, { api, store, go });
    this.form = h("div");
    this.problems = h("div", { role: "alert", tabindex: -1 });
    container.append(this.form, this.problems, actions(button("Check", () => this.check(), "primary"), button("Another file", () => go("drop"))));
  }

  /** As far as they are known: not all, if the header cannot be read. */
  get options() {
    return { columns: {}, defaults: {}, date_format: {}, ...this.store.state.options };
  }

  get preview() {
    return this.store.state.preview;
  }

  /** Selects what the service proposes: fields of similar names, and other formats if those in force do not fit. */
  propose() {
    const { columns, date_format } = this.options;
    const similar = this.preview.columns.filter(({ how }) => how === "similar").map(({ column, field: target }) => [column, target]);
    const wrong = this.preview.date_formats.filter(({ field: date, formats }) => formats.length && ![...formats, "auto"].includes(date_format[date]));
    this.suggested = new Map(similar);
    this.show();
    if (similar.length + wrong.length) return this.change({
      columns: { ...columns, ...Object.fromEntries(similar) },
      date_format: { ...date_format, ...Object.fromEntries(wrong.map(({ field: date }) => [date, "auto"])) },
    });
  }

  /** Shows what the service makes of other options; of several changes, of the last one. */
  async change(changes, options = { ...this.options, ...changes }) {
    this.store.set({ options });
    const answer = this.answer = this.api.preview(this.store.state.file, options);
    const preview = await answer;
    if (this.answer !== answer) return;
    this.store.set({ preview, options: preview.options ?? options });
    this.show();
  }

  show() {
    const { id } = document.activeElement;
    this.form.replaceChildren(this.remembered(), this.columns(), ...this.constants(), this.settings());
    if (id) document.getElementById(id)?.focus();
    const { missing_fields: missing, problems } = this.preview;
    const lines = problems.filter(({ code }) => code !== "missing-columns").map(({ detail }) => detail);
    if (missing.length) lines.unshift(`Your file has no column for: ${missing.map(words).join(", ")}.`);
    this.problems.replaceChildren(lines.length ? h("div.problem", ...lines.map((line) => h("p", line))) : "");
  }

  remembered() {
    const { mapping_from, remembered_job_id, sheet } = this.preview;
    const use = button("Use the same columns and settings", () => this.change({}, { sheet, columns: "remembered" }));
    if (mapping_from) return h("p.tip", "Columns and settings are as in your last import of such a file.");
    return remembered_job_id ? h("p.tip", "You have imported such a file before. ", use) : "";
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
    return [...names].map((name) => field(`${words(name)} of all rows`, h("input", { id: `all-${name}`, value: defaults[name],
      onchange: ({ target }) => this.change({ defaults: filled({ ...defaults, [name]: target.value.trim() }) }) })));
  }

  settings() {
    const { on_conflict, on_error } = this.options;
    const neutral = { identifiers: "file", empty: "keep", clear_value: null };
    return h("fieldset", h("legend", "Settings"), ...this.dates(),
      field("If there is an asset with the identifier already", choice("conflict", CONFLICTS, on_conflict, (value) => this.change({ on_conflict: value, ...neutral }))),
      h("div.check", h("input", { type: "checkbox", id: "abort", checked: on_error === "abort",
        onchange: ({ target }) => this.change({ on_error: target.checked ? "abort" : "continue" }) }),
      h("label", { for: "abort" }, "All or nothing: if any row has an error, import none")), ...this.reading());
  }

  /** How the dates of each column are written; formats that fit all of them come first. */
  dates() {
    const { date_format } = this.options;
    return this.preview.date_formats.map(({ column, field: date, formats }) => {
      const choices = [...new Set([...formats, ...DATES])].map((name) => [name, formats.includes(name) ? `${name} ✓` : name]);
      return field(`Dates in ${column} are written as`, choice(`date-${date}`, [...choices, ["auto", "Whatever fits"]], date_format[date],
        (format) => this.change({ date_format: { ...date_format, [date]: format } })));
    });
  }

  /** How a CSV file is read. */
  reading() {
    return Object.keys(READ_BY).filter((name) => this.preview[name]).map((name) => {
      const [label, choices] = READ_BY[name];
      const current = this.preview[name].value ?? "";
      const all = choices.some(([value]) => value === current) ? choices : [[current, current || "Please choose"], ...choices];
      return field(label, choice(name, all, current, (value) => this.change({ [name]: value })));
    });
  }

  /** Uploads the file to be checked, unless the service would refuse it. */
  async check() {
    await this.answer;
    if (this.preview.problems.length) return this.problems.focus();
    this.store.set({ jobs: [await this.api.upload(this.store.state.file, { ...this.options, dry_run: true })] });
    this.go("see");
  }
}

const nameOf = ({ column, position }) => column || `Column ${position}`;
const filled = (texts) => Object.fromEntries(Object.entries(texts).filter(([, text]) => text));
