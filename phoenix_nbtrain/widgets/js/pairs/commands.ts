// What is done to pairs, each as one step of undo.

import { newId, words } from "../common/channel";
import { counted } from "../common/dom";
import type { Reply } from "../common/messages";
import { COLUMNS, type DataColumn, isData } from "./columns";
import type { PairView } from "./pairs";

export class PairCommands {
  constructor(readonly view: PairView) {}

  /** Begin a pair there, and choose its source. */
  async insert(index: number, values: { [column: string]: string } = {}) {
    const { view } = this;
    if (view.locked()) return;
    // Most sets say one thing throughout.
    const instruction = view.rows.at(index - 1)?.instruction ?? "";
    const row = "pair_" + newId();
    const op = { op: "insert" as const, table: "pairs" as const, row, at: index };
    const reply = await view.edits.run([{ ...op, values: { source: "", target: "", instruction, ...values } }]);
    if (!this.told(reply, "Pair added.")) return;
    await view.arrived(row, index);
    view.input?.editor.edit(row, values.source ? "target" : "source");
  }

  /** Pair what belongs together by its names. */
  async pairByNames(button: HTMLButtonElement) {
    const { channel, frame } = this.view;
    button.disabled = true;
    const { reply } = await channel.ask({ kind: "pair up" });
    button.disabled = false;
    if (reply.ok) frame.announce(reply.message);
    else frame.note(words(reply));
  }

  async remove(ids?: string[]) {
    const { view } = this;
    const rows = ids ?? (await view.chosen.ids());
    if (rows.length === 0 || view.locked()) return;
    const { index, column } = view.cells.at;
    const reply = await view.edits.run(rows.map((row) => ({ op: "delete", table: "pairs" as const, row })));
    this.told(reply, `${counted(rows.length, "pair")} deleted. Undo brings ${rows.length === 1 ? "it" : "them"} back.`);
    view.chosen.clear();
    await view.rows.want(index, index + 1);
    if (view.rows.total > 0) view.cells.go(index, column);
  }

  async swap(ids?: string[]) {
    const { view } = this;
    const rows = ids ?? (await view.chosen.ids());
    if (rows.length === 0 || view.locked()) return;
    const reply = await view.edits.run(rows.map((row) => ({ op: "swap", table: "pairs" as const, row })));
    this.told(reply, rows.length === 1 ? "Source and target swapped." : `${counted(rows.length, "pair")} swapped.`);
  }

  /** Move the chosen pairs past the next one. */
  async move(by: 1 | -1) {
    const { view } = this;
    const rows = await view.chosen.ids();
    if (rows.length === 0 || view.locked()) return;
    const reply = await view.edits.run([{ op: "move", table: "pairs" as const, row: rows[0], rows, by }]);
    if (!this.told(reply, `Moved ${by < 0 ? "up" : "down"}.`)) return;
    await view.arrived(rows[by < 0 ? 0 : rows.length - 1], view.cells.at.index);
    view.lines.scroll.reveal(view.cells.at.index);
  }

  /** Put pairs, in the table's order, before the one that stands at `gap` now. */
  async place(ids: string[], gap: number) {
    const { view } = this;
    const order = await view.rows.ids(0, view.rows.total);
    if (ids.length === 0 || view.locked()) return;
    let below = gap;
    // Each closes the place that it leaves: those from above come to stand before the gap, one after the other.
    const ops = ids.map((row) => ({
      op: "move" as const,
      table: "pairs" as const,
      row,
      at: order.indexOf(row) < gap ? gap - 1 : below++,
    }));
    if (
      !this.told(await view.edits.run(ops), ids.length === 1 ? "Pair moved." : `${counted(ids.length, "pair")} moved.`)
    )
      return;
    const at = gap - ids.filter((id) => order.indexOf(id) < gap).length;
    await view.arrived(ids[0], at);
    view.cells.go(at, view.cells.at.column);
  }

  /** Empty the chosen cells. */
  async clear() {
    const cells = (await this.cells()).filter(({ was }) => was !== "");
    await this.set(
      cells.map((cell) => ({ ...cell, value: "" })),
      (n) => `${counted(n, "cell")} emptied.`,
    );
  }

  /** Give the chosen cells what the first row of them says; a single one what the row above it says. */
  async fillDown() {
    const { view } = this;
    const ids = await view.chosen.ids();
    const { chosen } = view;
    const column = COLUMNS[view.cells.at.column];
    const columns =
      chosen.size > 1 && !chosen.whole ? chosen.columns : [isData(column) && !chosen.whole ? column : "instruction"];
    const above = ids.length === 1 ? view.rows.at(view.rows.indexOf(ids[0]) - 1)?.pair_id : undefined;
    const from = above ?? ids[0];
    const cells = ids
      .filter((id) => id !== from)
      .flatMap((id) => columns.map((c) => ({ id, column: c, was: view.valueOf(id, c) })));
    const filled = cells.map((cell) => ({ ...cell, value: view.valueOf(from, cell.column) }));
    await this.set(
      filled.filter(({ was, value }) => was !== value),
      (n) => `${counted(n, "cell")} filled.`,
    );
  }

  /** The chosen cells and what they say; without any, the one that has the focus. */
  async cells() {
    const { view } = this;
    const ids = await view.chosen.ids();
    const column = COLUMNS[view.cells.at.column];
    const columns = view.chosen.size > 0 ? view.chosen.columns : isData(column) ? [column] : [];
    return ids.flatMap((id) => columns.map((c) => ({ id, column: c, was: view.valueOf(id, c) })));
  }

  async set(cells: { id: string; column: DataColumn; value: string }[], done: (n: number) => string) {
    const { view } = this;
    if (view.locked() || cells.length === 0) return;
    const lines = new Map(cells.map(({ id }, i) => [id, i])); // cells of one pair are taken together or not at all
    const ops = cells.map(({ id, column, value }) => ({
      op: "set" as const,
      table: "pairs" as const,
      row: id,
      column,
      value,
      line: lines.get(id),
    }));
    const reply = await view.edits.run(ops, (op) => view.edits.seen(view.rows, op.row, op.column));
    this.toldCells(reply, done);
  }

  async keep(row: string, side: "mine" | "theirs") {
    const { view } = this;
    if (!row || view.locked()) return;
    const reply = await view.edits.run([{ op: "keep", table: "pairs" as const, row, side }]);
    this.told(reply, side === "mine" ? "Yours is kept." : "Theirs is taken.");
  }

  /**
   * Say what came of it.
   * @returns whether all was done
   */
  told(reply: Reply<"edit">, done: string): boolean {
    const { view } = this;
    const reason = reply.ok ? reply.refused[0]?.reason : words(reply);
    const others = reply.ok ? reply.refused.length - 1 : 0;
    if (reason) view.frame.note(`Not done: ${reason}${others > 0 ? ` (and ${others.toLocaleString("en")} more)` : ""}`);
    else view.frame.announce(done);
    this.reread();
    return !reason;
  }

  /** Say what came of cells; each that was refused says so itself. */
  toldCells(reply: Reply<"edit">, done: (n: number) => string) {
    const { frame } = this.view;
    if (!reply.ok) frame.note(`Not done: ${words(reply)}`);
    else if (reply.refused.length > 0) {
      const taken = reply.accepted.length ? `, ${reply.accepted.length.toLocaleString("en")} taken` : "";
      const each = reply.refused.length === 1 ? "It" : "Each";
      frame.note(
        `${counted(reply.refused.length, "cell")} not taken${taken}. ${each} says why and keeps what was given.`,
      );
    } else frame.announce(done(reply.accepted.length));
    this.reread();
  }

  reread() {
    const { rows, paint } = this.view;
    rows.refresh(rows.total);
    paint();
  }
}
