// @ts-check
// A block from a spreadsheet, pasted over pairs. Comes when it is first needed.

const MOST_ROWS = 2450;
const MOST_LETTERS = 4_000_000;
const NAMES = ["source", "target", "instruction"];

/**
 * Cut a text into cells. A field that begins with a quote ends with one, and holds tabs and lines; one that
 * turns out not to is taken as it stands, since not every program quotes.
 * @param {string} text @param {string} mark what stands between cells; empty where each line is one
 */
function split(text, mark) {
  /** @type {string[][]} */
  const rows = [[]];
  for (let at = 0; at <= text.length; ) {
    let [value, end] = ["", -1];
    const whole = text[at] === '"' ? /"((?:[^"]|"")*)"/y : null;
    if (whole) {
      whole.lastIndex = at;
      const found = whole.exec(text);
      const after = text[whole.lastIndex];
      if (found && (after === undefined || after === "\n" || (mark !== "" && after === mark))) {
        [value, end] = [found[1].replaceAll('""', '"'), whole.lastIndex];
      }
    }
    if (end < 0) {
      for (end = at; end < text.length && text[end] !== "\n" && (mark === "" || text[end] !== mark); ) end += 1;
      value = text.slice(at, end);
    }
    rows[rows.length - 1].push(value);
    if (end >= text.length) break;
    if (text[end] === "\n") rows.push([]);
    at = end + 1;
  }
  return rows;
}

/** @param {string} given @param {boolean} pictures whether it goes where pictures are named */
function cut(given, pictures) {
  const text = given.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  if (text.includes("\t")) return split(text, "\t");
  // A comma stands in sentences, too: it parts cells where every line has as many, and the first is a picture.
  const cells = split(text, ",");
  const named = NAMES.some((name) => cells[0].some((cell) => cell.trim().toLowerCase() === name));
  const even = cells[0].length > 1 && cells.every((row) => row.length === cells[0].length);
  return even && (pictures || named) ? cells : split(text, "");
}

/** Take away what was put before a text that looks like a formula. @param {string} text */
function plainly(text) {
  return /^'+[=+\-@＝＋－＠\t\r\n]/u.test(text) ? text.slice(1) : text;
}

/**
 * @param {import("../parts.js").Kit} kit @param {any} view a PairView @param {string} text
 * @param {{ ids: Promise<string[]>, index: number, column: string, many: boolean }} where
 */
export default async function paste({ counted, newId }, view, text, where) {
  const { rows, frame, chosen } = view;
  const note = (/** @type {string} */ words) => frame.note(`Not pasted: ${words}`);
  if (text.length > MOST_LETTERS) return note("It is longer than 4 million letters. Paste a part of it, or import a file.");
  if (text.trim() === "") return note("There is no text to paste.");
  const block = cut(text, where.column !== "instruction");

  const head = block[0].map((cell) => cell.trim().toLowerCase());
  const named = head.every((cell) => NAMES.includes(cell)) && new Set(head).size === head.length;
  if (named) block.shift();
  const wide = Math.max(0, ...block.map((row) => row.length));
  const from = wide >= NAMES.length ? 0 : NAMES.indexOf(where.column);
  const columns = named ? head : NAMES.slice(from, from + wide);
  if (wide > columns.length) return note(`The block has ${counted(wide, "column")}; ${columns.length} fit here. A pair has source, target and instruction.`);
  if (block.length > MOST_ROWS) return note(`It has ${counted(block.length, "row")}; a set has ${MOST_ROWS.toLocaleString("en")} pairs at most.`);

  const ids = await where.ids;
  const start = Math.max(0, ids.length ? rows.indexOf(ids[0]) : where.index);
  const over = block.length === 1 && where.many; // one row of cells, for all that are chosen
  const targets = over ? ids : await rows.ids(start, Math.min(rows.total, start + block.length));
  const lines = over ? ids.map(() => block[0]) : block;
  const ops = [];
  for (const [i, line] of lines.entries()) {
    let row = targets[i];
    if (!row) {
      row = "pair_" + newId();
      ops.push({ op: "insert", table: "pairs", row, values: { source: "", target: "", instruction: "" } });
    }
    for (const [c, cell] of line.entries()) {
      const value = columns[c] === "instruction" ? plainly(cell) : plainly(cell).trim();
      if (value !== "" || targets[i]) ops.push({ op: "set", table: "pairs", row, column: columns[c], value });
    }
  }
  const added = lines.length - targets.length;
  const reply = await view.edits.run(ops, (op) => view.edits.seen(rows, op.row, op.column));
  const news = added > 0 ? `, ${counted(added, "pair")} of them new` : "";
  view.hands.do.toldCells(reply, () => `${counted(lines.length, "row")} pasted${news}.`);
  if (reply.ok) chosen.take(lines.map((_, i) => targets[i] ?? inserted(ops)[i - targets.length]), false, columns);
}

/** @param {{ op: string, row: string }[]} ops */
function inserted(ops) {
  return ops.filter(({ op }) => op === "insert").map(({ row }) => row);
}
