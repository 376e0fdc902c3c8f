/** Cells as text and back: CSV (RFC 4180), or with tabs what spreadsheets copy. */

/** The cells of each line. A quote that does not close its cell is part of it. @returns {string[][]} */
export function parse(text, delimiter) {
  const edge = new RegExp(`[${delimiter}\r\n]|$`, "g");
  const records = [];
  for (let start = 0, record = null; start < text.length || record; ) {
    const { value, end } = cellAt(text, start, edge);
    if (!record) records.push((record = []));
    record.push(value);
    if (text[end] !== delimiter) record = null;
    start = end + (text.startsWith("\r\n", end) ? 2 : 1);
  }
  return records;
}

/** Text of which `parse` makes these records. @param {string[][]} records */
export function write(records, delimiter) {
  const special = new RegExp(`[${delimiter}"\r\n]`);
  const cell = (value) => special.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  return records.map((cells) => `${cells.map(cell).join(delimiter)}\r\n`).join("");
}

function cellAt(text, start, edge) {
  const close = text[start] === '"' ? closingQuote(text, start + 1) : -1;
  edge.lastIndex = Math.max(start, close + 1);
  const end = edge.exec(text).index;
  if (close < 0) return { value: text.slice(start, end), end };
  return { value: text.slice(start + 1, close).replaceAll('""', '"') + text.slice(close + 1, end), end };
}

function closingQuote(text, start) {
  let quote = text.indexOf('"', start);
  while (quote >= 0 && text[quote + 1] === '"') quote = text.indexOf('"', quote + 2);
  return quote;
}
