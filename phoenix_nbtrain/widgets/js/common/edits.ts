// Changes on their way to the draft, and what comes of them.

import { type Channel, type Revision, words } from "./channel";
import type { Frame } from "./frame";
import type { Ask, Cell, Op, Reply, SetOp } from "./messages";
import type { Rows } from "./rows";

export interface CellEdit extends Cell {
  value: string;
  /** The revision at which the cell was read. */
  base: number;
  phase: "pending" | "refused";
  reason: string;
  line?: number;
}

/** Requests that change something: they are sent one after the other. */
type Change = "edit" | "undo" | "redo" | "pair" | "replace";

interface Sending {
  message: { kind: Exclude<Change, "edit"> } | { kind: "edit"; ops: Op[] };
  /** What is painted of each operation. */
  cells: (CellEdit | null)[];
  // biome-ignore lint/suspicious/noExplicitAny: whoever asks knows which reply it is
  done: (reply: any) => void;
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
  set(table: string, row: string, column: string, value: string, base: number) {
    void this.run([{ op: "set", table, row, column, value }], base);
  }

  /**
   * Do several things as one step. Each `set` among them is painted at once, and taken or refused by itself.
   * @param base for a `set`, the revision that was on the screen;
   * without it, and for all else, the newest
   */
  run(ops: Op[], base: number | ((op: SetOp) => number) = this.revision.seen): Promise<Reply<"edit">> {
    const cells = ops.map((op): CellEdit | null => {
      if (op.op !== "set") return null;
      const { table, row, column, value, line } = op;
      const from = typeof base === "number" ? base : base(op);
      return { table, row, column, value, base: from, phase: "pending", reason: "", line };
    });
    for (const cell of cells) if (cell) this.cells.set(keyOf(cell), cell);
    return new Promise((done) => this.push({ message: { kind: "edit", ops }, cells, done }));
  }

  /** Ask for a change of another kind, after those before it. */
  ask<K extends Exclude<Change, "edit">>(message: Ask<K>): Promise<Reply<K>> {
    return new Promise((done) => this.push({ message, cells: [], done }));
  }

  /**
   * Refuse a cell here, without asking. What was typed stays offered.
   * @param line the line that it was given in
   */
  refuse(table: string, row: string, column: string, value: string, reason: string, line?: number) {
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
      const { message, cells, done } = item;
      // A cell this view set itself was seen as it stands, whatever else has changed before it.
      const base = (cell: CellEdit) => Math.max(cell.base, this.own.get(keyOf(cell)) ?? 0);
      const change =
        message.kind === "edit"
          ? { ...message, ops: message.ops.map((op, i) => (cells[i] ? { ...op, base: base(cells[i]) } : op)) }
          : message;
      const { reply } = await this.channel.ask({ ...change, base: this.revision.seen } as Ask<Change>);
      if (reply.ok) this.revision.see(reply.revision);
      cells.forEach((cell, i) => cell && this.answered(cell, reply as Reply<"edit">, i));
      this.busy = false;
      done(reply);
      this.changed();
    }
  }

  /** @param op its place among the operations */
  answered(cell: CellEdit, reply: Reply<"edit">, op: number) {
    const refusal = reply.ok ? reply.refused.find((r) => r.op === op) : { reason: words(reply) };
    const newest = this.cells.get(keyOf(cell)) === cell;
    if (refusal || !reply.ok) {
      cell.phase = "refused";
      cell.reason = refusal?.reason || "It was not taken.";
    } else {
      this.own.set(keyOf(cell), reply.revision);
      if (newest) this.cells.delete(keyOf(cell));
    }
    if (newest || cell.phase === "refused") this.settled(cell);
  }
}

export function keyOf({ table, row, column }: Cell) {
  return `${table}/${row}/${column}`;
}

export interface Table {
  frame: Frame;
  rows: Rows;
  edits: Edits;
  images?: Rows<"images">;
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
