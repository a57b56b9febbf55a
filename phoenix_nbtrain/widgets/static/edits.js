// @ts-check
// Changes on their way to the draft, and what comes of them.

/** @typedef {{ op: "set" | "insert" | "delete", table: string, row: string, [more: string]: any }} Op */

/**
 * @typedef {{
 *   table: string, row: string, column: string, value: any, base: number,
 *   phase: "pending" | "refused", reason: string,
 * }} CellEdit
 */

/** Edits on their way to the draft: painted at once, sent one after the other, taken or refused. */
class Edits {
  /**
   * @param {Channel} channel @param {Revision} revision @param {() => void} changed
   * @param {(cell: CellEdit) => void} settled called when the kernel has answered for a cell
   */
  constructor(channel, revision, changed, settled) {
    this.channel = channel;
    this.revision = revision;
    this.changed = changed;
    this.settled = settled;
    /** @type {Map<string, CellEdit>} */
    this.cells = new Map();
    /** @type {Map<string, number>} the revision at which this view itself last set a cell */
    this.own = new Map();
    /** @type {{ message: object, cell: CellEdit | null, done: (reply: Reply) => void }[]} */
    this.queue = [];
    this.busy = false;
  }

  /** @param {string} table @param {string} row @param {string} column */
  of(table, row, column) {
    return this.cells.get(`${table}/${row}/${column}`);
  }

  get unsaved() {
    return this.queue.length + (this.busy ? 1 : 0);
  }

  /** Set one cell. `base` is the revision that was on the screen when editing began.
   * @param {string} table @param {string} row @param {string} column @param {any} value @param {number} base */
  set(table, row, column, value, base) {
    /** @type {CellEdit} */
    const cell = { table, row, column, value, base, phase: "pending", reason: "" };
    this.cells.set(`${table}/${row}/${column}`, cell);
    const op = { op: "set", table, row, column, value };
    this.push({ message: { kind: "edit", ops: [op] }, cell, done: (reply) => this.answered(cell, reply) });
  }

  /** Insert or delete rows, all in one step.
   * @param {Op[]} ops @returns {Promise<Reply>} */
  run(ops) {
    return new Promise((done) => this.push({ message: { kind: "edit", ops }, cell: null, done }));
  }

  /** @param {"undo" | "redo"} kind @returns {Promise<Reply>} */
  again(kind) {
    return new Promise((done) => this.push({ message: { kind }, cell: null, done }));
  }

  /** Refuse a cell here, without asking. What was typed stays offered.
   * @param {string} table @param {string} row @param {string} column @param {any} value @param {string} reason */
  refuse(table, row, column, value, reason) {
    /** @type {CellEdit} */
    const cell = { table, row, column, value, base: 0, phase: "refused", reason };
    this.cells.set(`${table}/${row}/${column}`, cell);
    this.settled(cell);
    this.changed();
  }

  /** Forget a refused text. @param {CellEdit} cell */
  drop(cell) {
    const key = `${cell.table}/${cell.row}/${cell.column}`;
    if (this.cells.get(key) === cell) this.cells.delete(key);
    this.changed();
  }

  /** @param {{ message: object, cell: CellEdit | null, done: (reply: Reply) => void }} item */
  push(item) {
    this.queue.push(item);
    this.changed();
    void this.pump();
  }

  async pump() {
    if (this.busy) return;
    for (let item = this.queue.shift(); item; item = this.queue.shift()) {
      this.busy = true;
      // A cell this view set itself was seen as it stands, whatever else has changed before it.
      const key = item.cell ? `${item.cell.table}/${item.cell.row}/${item.cell.column}` : "";
      const base = item.cell ? Math.max(item.cell.base, this.own.get(key) ?? 0) : this.revision.seen;
      const { reply } = await this.channel.ask({ ...item.message, base });
      if (reply.ok) this.revision.see(reply.revision);
      if (reply.ok && item.cell && reply.refused.length === 0) this.own.set(key, reply.revision);
      this.busy = false;
      item.done(reply);
      this.changed();
    }
  }

  /** @param {CellEdit} cell @param {Reply} reply */
  answered(cell, reply) {
    const refusal = reply.ok ? reply.refused[0] : { reason: words(reply) };
    const key = `${cell.table}/${cell.row}/${cell.column}`;
    const newest = this.cells.get(key) === cell;
    if (refusal) {
      cell.phase = "refused";
      cell.reason = refusal.reason || "It was not taken.";
    } else if (newest) {
      this.cells.delete(key);
    }
    if (newest || refusal) this.settled(cell);
  }
}

/** @typedef {{ frame: Frame, rows: Rows, edits: Edits, images?: Rows }} Table */

/** Show what came of a cell's edit. @param {Table} table @param {CellEdit} cell */
function settle(table, cell) {
  const { frame, rows, edits } = table;
  const row = rows.byId(cell.row);
  if (cell.phase === "refused") {
    frame.announce(`Not taken: ${cell.reason}`);
    if (edits.of(cell.table, cell.row, cell.column) !== cell) giveBack(table, cell);
  } else if (row) Object.assign(row, { [cell.column]: cell.value, state: "kept", reason: "" });
  rows.refresh(rows.total);
}

/** Show refused words that have no place any more, so that they can be copied.
 * @param {Table} table @param {CellEdit} cell */
function giveBack({ frame, images }, cell) {
  frame.note(`${cell.reason} You had typed:`, String(images?.byId(cell.value)?.name ?? cell.value));
}

/** Give back the refused words of rows that are gone. @param {Table} table */
function giveBackGone(table) {
  if (!table.rows.complete) return;
  for (const [key, cell] of table.edits.cells) {
    if (cell.phase !== "refused" || table.rows.byId(cell.row)) continue;
    table.edits.cells.delete(key);
    giveBack(table, cell);
  }
}

/** Undo or redo, and say what came of it.
 * @param {"undo" | "redo"} kind @param {Frame} frame @param {Edits} edits @param {Rows[]} tables @param {() => void} paint */
async function again(kind, frame, edits, tables, paint) {
  if (frame.summary.training) return;
  const reply = await edits.again(kind);
  const reason = reply.ok ? reply.refused[0]?.reason : words(reply);
  if (reason) frame.note(reason);
  else frame.announce(kind === "undo" ? "Undone" : "Done again");
  for (const rows of tables) rows.refresh(rows.total);
  paint();
}
