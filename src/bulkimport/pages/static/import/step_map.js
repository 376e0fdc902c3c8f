/** Step 2: what each column is, and how rows are imported. After each change, the service previews the file. */

import { actions, button, choice, field, h, words } from "./dom.js";

export const heading = "Match the columns";

const FIELDS = ["identifier", "name", "type", "description", "valid_from", "valid_to", "is_active"];
const DATES = ["YYYY-MM-DD", "YYYY/MM/DD", "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "DD.MM.YYYY", "DD-Mon-YYYY", "D/M/YY", "M/D/YY"];
const CONFLICTS = [["error", "Keep it and report an error"], ["skip", "Keep it and skip the row"], ["update", "Update it"]];
const CHARSETS = [["utf-8", "UTF-8"], ["utf-16-le", "UTF-16"], ["cp1252", "Windows-1252"]];
const EXTRA = "metadata.";

export const mount = (container, context) => new Mapping(container, context).propose();

class Mapping {
  constructor(container, { api, store, go }) {
    Object.assign(this, { api, store, go });
    this.form = h("div");
    this.problems = h("div.problem", { role: "alert", tabindex: -1 });
    container.append(this.form, this.problems, actions(button("Check", () => this.check(), "primary"), button("Another file", () => go("drop"))));
  }

  /** Selects what the service proposes: fields of similar names, and date formats that fit. */
  propose() {
    const { columns, date_format } = this.store.options;
    const similar = this.store.preview.columns.filter(({ how }) => how === "similar").map(({ column, field: target }) => [column, target]);
    const wrong = this.store.preview.date_formats.filter(({ field: date, formats }) => formats.length && ![...formats, "auto"].includes(date_format[date]));
    this.suggested = new Map(similar);
    this.show();
    if (similar.length + wrong.length) return this.change({
      columns: { ...columns, ...Object.fromEntries(similar) },
      date_format: { ...date_format, ...Object.fromEntries(wrong.map(({ field: date }) => [date, "auto"])) },
    });
  }

  /** Shows the file with other options: with the last ones, if they change quickly. */
  async change(changes, options = { ...this.store.options, ...changes }) {
    this.store.options = options;
    const answer = this.answer = this.api.preview(this.store.file, options);
    const preview = await answer;
    if (this.answer !== answer) return;
    Object.assign(this.store, { preview, options: preview.options ?? options });
    this.show();
  }

  show() {
    const { id } = document.activeElement;
    this.form.replaceChildren(this.remembered(), this.columns(), this.settings());
    document.getElementById(id)?.focus();
    const { missing_fields: missing, problems } = this.store.preview;
    const lines = problems.filter(({ code }) => code !== "missing-columns").map(({ detail }) => detail);
    if (missing.length) lines.unshift(`Your file has no column for: ${missing.map(words).join(", ")}.`);
    this.problems.replaceChildren(...lines.map((line) => h("p", line)));
  }

  remembered() {
    const { mapping_from, remembered_job_id, sheet } = this.store.preview;
    if (mapping_from) return h("p.tip", "Columns and settings are those of your last import of a file like this.");
    const use = button("Use the same columns and settings", () => this.change({}, { sheet, columns: "remembered" }));
    return remembered_job_id ? h("p.tip", "You have imported a file like this before. ", use) : "";
  }

  columns() {
    const head = ["In your file", "For example", "Imported as"].map((text) => h("th", { scope: "col" }, text));
    const lines = this.store.preview.columns.map((column) => h("tr",
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

  assign(column, target) {
    this.suggested.delete(column);
    const { [column]: _, ...columns } = this.store.options.columns;
    return this.change({ columns: target ? { ...columns, [column]: target } : columns });
  }

  settings() {
    const { on_conflict, on_error, charset } = this.store.options;
    // Other options of a remembered import may contradict the choice.
    const neutral = { identifiers: "file", empty: "keep", clear_value: null };
    const all = h("input", { type: "checkbox", id: "abort", checked: on_error === "abort",
      onchange: () => this.change({ on_error: all.checked ? "abort" : "continue" }) });
    return h("fieldset", h("legend", h("h2", "Settings")), ...this.dates(),
      field("If an asset with the identifier exists already", choice("conflict", CONFLICTS, on_conflict, (value) => this.change({ on_conflict: value, ...neutral }))),
      h("div.check", all, h("label", { for: "abort" }, "All or nothing: if any row has an error, import none")),
      charset && field("Character encoding", choice("charset", CHARSETS, charset, (value) => this.change({ charset: value }))));
  }

  /** The formats that fit all dates of a column come first. */
  dates() {
    const { date_format } = this.store.options;
    return this.store.preview.date_formats.map(({ column, field: date, formats }) => {
      const choices = [...new Set([...formats, ...DATES])].map((name) => [name, name]);
      return field(`Dates in ${column} are written as`, choice(`date-${date}`, [...choices, ["auto", "Detect it"]], date_format[date],
        (format) => this.change({ date_format: { ...date_format, [date]: format } })));
    });
  }

  /** Uploads the file to be checked, unless the service would refuse it. */
  async check() {
    await this.answer;
    if (this.store.preview.problems.length) return this.problems.focus();
    this.store.jobs = [await this.api.upload(this.store.file, { ...this.store.options, dry_run: true })];
    this.go("see");
  }
}

const nameOf = ({ column, position }) => column || `Column ${position}`;
