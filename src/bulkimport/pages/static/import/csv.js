/** Cells as text and back: CSV (RFC 4180), or with tabs what spreadsheets copy. */

/** The cells of each line. A quote that does not close its cell is part of it. @returns {string[][]} */
export function parse(text, delimiter) {
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"(?!"))?([^${delimiter}\r\n]*)([${delimiter}]|\r?\n|\r|$)`, "y");
  const records = [];
  for (let record = null; cell.lastIndex < text.length || record; ) {
    const [, quoted = "", unquoted, end] = cell.exec(text);
    if (!record) records.push((record = []));
    record.push(quoted.replaceAll('""', '"') + unquoted);
    if (end !== delimiter) record = null;
  }
  return records;
}

/** Text of which `parse` makes these records. @param {string[][]} records */
export function write(records, delimiter) {
  const quoted = (value) => `"${value.replaceAll('"', '""')}"`;
  return records.map((cells) => `${cells.map(quoted).join(delimiter)}\r\n`).join("");
}
