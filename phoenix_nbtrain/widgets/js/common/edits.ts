// Edits that are sent to the draft, and their outcome.

import { type Channel, errorText, type Revision } from "./channel";
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
  /** The cell that each `set` operation changes. */
  cells: (CellEdit | null)[];
  // biome-ignore lint/suspicious/noExplicitAny: whoever asks knows which reply it is
  done: (reply: any) => void;
}

/** Sends edits to the draft. They are shown at once and sent one after the other; each is accepted or refused. */
export class Edits {
  readonly cells = new Map<string, CellEdit>();
  /** By cell: the revision at which this view last set it. */
  readonly ownRevisions = new Map<string, number>();
  readonly queue: Sending[] = [];
  busy = false;

  /** @param settled called when the kernel has replied about a cell */
  constructor(
    readonly channel: Channel,
    readonly revision: Revision,
    readonly changed: () => void,
    readonly settled: (cell: CellEdit) => void,
  ) {}

  cell(table: string, row: string, column: string) {
    return this.cells.get(`${table}/${row}/${column}`);
  }

  /** The refused text that a cell offers again. */
  refused(table: string, row: string, column: string) {
    const cell = this.cell(table, row, column);
    return cell?.phase === "refused" ? cell : undefined;
  }

  /**
   * The revision at which the text that a cell shows was read. A pending edit is shown in its cell, so whoever
   * edits it further has seen the same revision.
   */
  seen(rows: Rows, row: string, column: string) {
    const edit = this.cell(rows.table, row, column);
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
   * Send several operations as one step of undo. Each `set` is accepted or refused by itself.
   * @param base the revision that a `set` was based on; the newest by default, and for other operations
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

  /** Send another kind of change, after the edits that are waiting. */
  ask<K extends Exclude<Change, "edit">>(message: Ask<K>): Promise<Reply<K>> {
    return new Promise((done) => this.push({ message, cells: [], done }));
  }

  /**
   * Mark a cell as refused without asking the kernel. What was typed is offered again.
   * @param line the line of a pasted block that it was in
   */
  refuse(table: string, row: string, column: string, value: string, reason: string, line?: number) {
    const cell: CellEdit = { table, row, column, value, base: 0, phase: "refused", reason, line };
    this.cells.set(keyOf(cell), cell);
    this.settled(cell);
    this.changed();
  }

  /** Forget a refused text. */
  drop(cell: CellEdit) {
    this.cells.delete(keyOf(cell));
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
      // What this view set itself, its user has seen, whatever else changed before.
      const base = (cell: CellEdit) => Math.max(cell.base, this.ownRevisions.get(keyOf(cell)) ?? 0);
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

  /** @param op the operation's index */
  answered(cell: CellEdit, reply: Reply<"edit">, op: number) {
    const refusal = reply.ok ? reply.refused.find((r) => r.op === op) : { reason: errorText(reply) };
    const newest = this.cells.get(keyOf(cell)) === cell;
    if (refusal || !reply.ok) {
      cell.phase = "refused";
      cell.reason = refusal?.reason || "It was not accepted.";
    } else {
      this.ownRevisions.set(keyOf(cell), reply.revision);
      if (newest) this.cells.delete(keyOf(cell));
    }
    if (newest || cell.phase === "refused") this.settled(cell);
  }
}

export function keyOf({ table, row, column }: Cell) {
  return `${table}/${row}/${column}`;
}

interface Table {
  frame: Frame;
  rows: Rows;
  edits: Edits;
  images?: Rows<"images">;
}

/** Show whether a cell's edit was accepted. */
export function showOutcome(table: Table, cell: CellEdit) {
  const { frame, rows, edits } = table;
  const row = rows.byId(cell.row);
  if (cell.phase === "refused") {
    frame.announce(`Not accepted: ${cell.reason}`);
    if (edits.cell(cell.table, cell.row, cell.column) !== cell) showRefusedText(table, cell);
  } else if (row) Object.assign(row, { [cell.column]: cell.value, state: "kept", reason: "" });
  rows.refresh(rows.total);
}

/** Show a refused text whose cell is gone, so that it can be copied. */
function showRefusedText({ frame, images }: Table, cell: CellEdit) {
  frame.note(`${cell.reason} You had typed:`, String(images?.byId(cell.value)?.name ?? cell.value));
}

/** Show the refused texts of rows that no longer exist. */
export async function showTextsOfGoneRows(table: Table) {
  const { rows, edits } = table;
  const lost = [...edits.cells.values()].filter((cell) => cell.phase === "refused" && !rows.byId(cell.row));
  const gone = await rows.gone(lost.map((cell) => cell.row));
  for (const [key, cell] of edits.cells) {
    if (cell.phase !== "refused" || !gone.has(cell.row)) continue;
    edits.cells.delete(key);
    showRefusedText(table, cell);
  }
}

/**
 * Undo or redo, and announce the outcome.
 * @param of undo only the edit that made this revision
 */
export async function undoOrRedo(
  kind: "undo" | "redo",
  frame: Frame,
  edits: Edits,
  tables: Rows[],
  paint: () => void,
  of?: number,
) {
  if (frame.summary.training) return;
  const reply = await edits.ask({ kind, of });
  const reason = reply.ok ? reply.refused[0]?.reason : errorText(reply);
  if (reason) frame.note(reason);
  else frame.announce(kind === "undo" ? "Undone" : "Redone");
  for (const rows of tables) rows.refresh(rows.total);
  paint();
}
