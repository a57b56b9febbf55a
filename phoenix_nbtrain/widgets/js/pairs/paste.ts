// Pasting a block from a spreadsheet over pairs.

import { errorText, newId } from "../common/channel";
import { counted } from "../common/dom";
import type { Op } from "../common/messages";
import { DATA, type DataColumn } from "./columns";
import type { PairView } from "./pairs";

const MOST_ROWS = 2450;
const MOST_LETTERS = 4_000_000;
const REASONS_SHOWN = 3;

/**
 * Split a text into cells. A cell that begins with a quote ends with one and may contain tabs and line breaks. If it does
 * not end with one, it is taken literally, since not every program quotes.
 * @param mark the separator; empty if each line is one cell
 */
function split(text: string, mark: string) {
  const rows: string[][] = [[]];
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

/** @param images whether it is pasted into a column of image names */
function cut(given: string, images: boolean) {
  const text = given.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  if (text.includes("\t")) return split(text, "\t");
  // Sentences contain commas, too. They separate cells only if every line has the same number and the first is an image.
  const cells = split(text, ",");
  const named = DATA.some((name) => cells[0].some((cell) => cell.trim().toLowerCase() === name));
  const even = cells[0].length > 1 && cells.every((row) => row.length === cells[0].length);
  return even && (images || named) ? cells : split(text, "");
}

/** Remove the quote before a text that looks like a formula. */
function plainly(text: string) {
  return /^'+[=+\-@＝＋－＠\t\r\n]/u.test(text) ? text.slice(1) : text;
}

export default async function paste(
  view: PairView,
  text: string,
  where: { ids: Promise<string[]>; index: number; column: DataColumn; many: boolean },
) {
  const { rows, frame, selection } = view;
  const note = (words: string) => frame.note(`Not pasted: ${words}`);
  if (text.length > MOST_LETTERS)
    return note("It is longer than 4 million characters. Paste a part of it, or import a file.");
  if (text.trim() === "") return note("There is no text to paste.");
  const block = cut(text, where.column !== "instruction");

  const head = block[0].map((cell) => DATA.find((name) => name === cell.trim().toLowerCase()));
  const named = head.every((name) => name !== undefined) && new Set(head).size === head.length;
  if (named) block.shift();
  const wide = Math.max(0, ...block.map((row) => row.length));
  const from = wide >= DATA.length ? 0 : DATA.indexOf(where.column);
  const columns = named ? head : DATA.slice(from, from + wide);
  if (wide > columns.length)
    return note(
      `The block has ${counted(wide, "column")}; ${columns.length} fit here. A pair has source, target and instruction.`,
    );
  if (block.length > MOST_ROWS)
    return note(
      `It has ${counted(block.length, "row")}; a dataset has at most ${MOST_ROWS.toLocaleString("en")} pairs.`,
    );

  const ids = await where.ids;
  const start = Math.max(0, ids.length ? rows.indexOf(ids[0]) : where.index);
  const over = block.length === 1 && where.many; // one row of cells, for all selected pairs
  const targets = over ? ids : await rows.ids(start, Math.min(rows.total, start + block.length));
  const lines = over ? ids.map(() => block[0]) : block;
  const places = lines.map((_, i) => targets[i] ?? "pair_" + newId());
  const ops = lines.flatMap((line, i): (Op & { line: number })[] => {
    const values = Object.fromEntries(
      line.map((cell, c) => [columns[c], columns[c] === "instruction" ? plainly(cell) : plainly(cell).trim()]),
    );
    const one = { table: "pairs" as const, row: places[i], line: i }; // a line is accepted as a whole or not at all
    if (!targets[i]) return [{ op: "insert", ...one, values: { source: "", target: "", instruction: "", ...values } }];
    return Object.entries(values).map(([column, value]) => ({ op: "set", ...one, column, value }));
  });
  const reply = await view.edits.run(ops, (op) => view.edits.seen(rows, op.row, op.column));
  view.input?.commands.reread();
  if (!reply.ok) return note(errorText(reply));
  /** By line: why it was refused. */
  const why: Map<number, string> = new Map();
  for (const { op, reason } of reply.refused) {
    why.set(ops[op].line, reason);
  }
  const taken = lines.map((_, i) => i).filter((i) => !why.has(i));
  const news = taken.filter((i) => !targets[i]).length;
  const done = `${counted(taken.length, "row")} pasted`;
  if (taken.length)
    selection.take(
      taken.map((i) => places[i]),
      false,
      columns,
    );
  if (why.size === 0) return frame.announce(done + (news > 0 ? `, ${counted(news, "pair")} of them new.` : "."));
  const shown = [...why].slice(0, REASONS_SHOWN).map(([i, reason]) => `row ${i + 1}: ${reason.replace(/\.$/, "")}`);
  if (why.size > REASONS_SHOWN) shown.push(`and ${counted(why.size - REASONS_SHOWN, "row")} more`);
  const reasons = shown.join("; ").replace(/[^?!]$/, "$&.");
  const kept = [...why.keys()].some((i) => targets[i]) ? " Click a red cell to edit what was pasted there." : "";
  // A refused new pair has no cells that could keep the text.
  const lost = [...why.keys()].filter((i) => !targets[i]).map((i) => lines[i].join("\t"));
  frame.note(`${done}, ${why.size.toLocaleString("en")} rejected: ${reasons}${kept}`, lost.join("\n"));
}
