// Changes on their way to the draft, and what comes of them.

import { type Channel, type Reply, type Revision, words } from "./channel";
import type { Frame } from "./frame";
import type { Rows } from "./rows";

export interface Op {
  op: "set" | "insert" | "delete" | "move" | "swap" | "keep";
  table: string;
  row: string;
  [more: string]: any;
}

export interface CellEdit {
  table: string;
  row: string;
  column: string;
  value: any;
  base: number;
  phase: "pending" | "refused";
  reason: string;
  line?: number;
}

export interface Sending {
  kind: string;
  ops?: Op[];
  cells: (CellEdit | null)[];
  done: (reply: Reply) => void;
  [more: string]: any;
}

/** Edits on their way to the draft: painted at once, sent one after the other, taken or refused. */
export class Edits {
  readonly cells = new Map<string, CellEdit>();
  /** the revision at which this view itself last set a cell */
  readonly own = new Map<string, number>();
  readonly queue: Sending[] = [];
  busy = false;

  /** @param settled called when the kernel has answered for a cell */
  constructor(
    readonly channel: Channel,
    readonly revision: Revision,
    readonly changed: () => void,
    readonly settled: (cell: CellEdit) => void,
  ) {}

  of(table: string, row: string, column: string) {
    return this.cells.get(`${table}/${row}/${column}`);
  }

  /**
   * The revision at which was read what a cell shows: nobody has seen what came later.
   * An edit on its way is painted over its cell, so whoever goes on from it has seen as much as it.
   */
  seen(rows: Rows, row: string, column: string) {
    const edit = this.of(rows.table, row, column);
    return edit?.phase === "pending" ? edit.base : rows.revisionOf(row);
  }

  get unsaved() {
    return this.queue.length + (this.busy ? 1 : 0);
  }

  /** Set one cell. `base` is the revision that was `seen` when editing began. */
  set(table: string, row: string, column: string, value: any, base: number) {
    void this.run([{ op: "set", table, row, column, value }], base);
  }

  /**
   * Do several things as one step. Each `set` among them is painted at once, and taken or refused by itself.
   * @param base for a `set`, the revision that was on the screen;
   * without it, and for all else, the newest
   */
  run(ops: Op[], base: number | ((op: Op) => number) = this.revision.seen): Promise<Reply> {
    const cells = ops.map((given) => {
      const { op, table, row, column, value, line } = given;
      const from = typeof base === "number" ? base : base(given);
      const cell: CellEdit | null =
        op === "set" ? { table, row, column, value, base: from, phase: "pending", reason: "", line } : null;
      return cell;
    });
    for (const cell of cells) if (cell) this.cells.set(keyOf(cell), cell);
    return new Promise((done) => this.push({ kind: "edit", ops, cells, done }));
  }

  /** Ask for a change of another kind, after those before it. */
  ask(message: { kind: string; [more: string]: any }): Promise<Reply> {
    return new Promise((done) => this.push({ ...message, cells: [], done }));
  }

  /**
   * Refuse a cell here, without asking. What was typed stays offered.
   * @param line the line that it was given in
   */
  refuse(table: string, row: string, column: string, value: any, reason: string, line?: number) {
    const cell: CellEdit = { table, row, column, value, base: 0, phase: "refused", reason, line };
    this.cells.set(keyOf(cell), cell);
    this.settled(cell);
    this.changed();
  }

  /** Forget a refused text. */
  drop(cell: CellEdit) {
    if (this.cells.get(keyOf(cell)) === cell) this.cells.delete(keyOf(cell));
    this.changed();
  }

  push(item: Sending) {
    this.queue.push(item);
    this.changed();
    void this.pump();
  }

  async pump() {
    if (this.busy) return;
    for (let item = this.queue.shift(); item; item = this.queue.shift()) {
      this.busy = true;
      const { cells, done, ...message } = item;
      // A cell this view set itself was seen as it stands, whatever else has changed before it.
      const base = (cell: CellEdit) => Math.max(cell.base, this.own.get(keyOf(cell)) ?? 0);
      const ops = message.ops?.map((op, i) => (cells[i] ? { ...op, base: base(cells[i]) } : op));
      const { reply } = await this.channel.ask({ ...message, ...(ops && { ops }), base: this.revision.seen });
      if (reply.ok) this.revision.see(reply.revision);
      cells.forEach((cell, i) => cell && this.answered(cell, reply, i));
      this.busy = false;
      done(reply);
      this.changed();
    }
  }

  /** @param op its place among the operations */
  answered(cell: CellEdit, reply: Reply, op: number) {
    const refusal = reply.ok ? reply.refused.find((r: any) => r.op === op) : { reason: words(reply) };
    const newest = this.cells.get(keyOf(cell)) === cell;
    if (refusal) {
      cell.phase = "refused";
      cell.reason = refusal.reason || "It was not taken.";
    } else {
      this.own.set(keyOf(cell), reply.revision);
      if (newest) this.cells.delete(keyOf(cell));
    }
    if (newest || refusal) this.settled(cell);
  }
}

function keyOf({ table, row, column }: CellEdit) {
  return `${table}/${row}/${column}`;
}

export interface Table {
  frame: Frame;
  rows: Rows;
  edits: Edits;
  images?: Rows;
}

/** Show what came of a cell's edit. */
export function settle(table: Table, cell: CellEdit) {
  const { frame, rows, edits } = table;
  const row = rows.byId(cell.row);
  if (cell.phase === "refused") {
    frame.announce(`Not taken: ${cell.reason}`);
    if (edits.of(cell.table, cell.row, cell.column) !== cell) giveBack(table, cell);
  } else if (row) Object.assign(row, { [cell.column]: cell.value, state: "kept", reason: "" });
  rows.refresh(rows.total);
}

/** Show refused words that have no place any more, so that they can be copied. */
function giveBack({ frame, images }: Table, cell: CellEdit) {
  frame.note(`${cell.reason} You had typed:`, String(images?.byId(cell.value)?.name ?? cell.value));
}

/** Give back the refused words of rows that are gone. */
export async function giveBackGone(table: Table) {
  const { rows, edits } = table;
  const lost = [...edits.cells.values()].filter((cell) => cell.phase === "refused" && !rows.byId(cell.row));
  const gone = await rows.gone(lost.map((cell) => cell.row));
  for (const [key, cell] of edits.cells) {
    if (cell.phase !== "refused" || !gone.has(cell.row)) continue;
    edits.cells.delete(key);
    giveBack(table, cell);
  }
}

/**
 * Undo or redo, and say what came of it.
 * @param of the revision that the edit made which is to be undone, and no other
 */
export async function again(
  kind: "undo" | "redo",
  frame: Frame,
  edits: Edits,
  tables: Rows[],
  paint: () => void,
  of?: number,
) {
  if (frame.summary.training) return;
  const reply = await edits.ask({ kind, of });
  const reason = reply.ok ? reply.refused[0]?.reason : words(reply);
  if (reason) frame.note(reason);
  else frame.announce(kind === "undo" ? "Undone" : "Done again");
  for (const rows of tables) rows.refresh(rows.total);
  paint();
}
