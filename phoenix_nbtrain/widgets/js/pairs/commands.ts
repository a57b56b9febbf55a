// Commands on pairs. Each is one step of undo.

import { errorText, newId } from "../common/channel";
import { counted } from "../common/dom";
import type { Reply } from "../common/messages";
import { COLUMNS, type DataColumn, isData } from "./columns";
import type { PairView } from "./pairs";

export class PairCommands {
  constructor(readonly view: PairView) {}

  /** Insert a pair and open its source. */
  async insert(index: number, values: { [column: string]: string } = {}) {
    const { view } = this;
    if (view.locked()) return;
    // Most sets use one instruction throughout.
    const instruction = view.rows.at(index - 1)?.instruction ?? "";
    const row = "pair_" + newId();
    const op = { op: "insert" as const, table: "pairs" as const, row, at: index };
    const reply = await view.edits.run([{ ...op, values: { source: "", target: "", instruction, ...values } }]);
    if (!this.report(reply, "Pair added.")) return;
    await view.arrived(row, index);
    view.input?.editor.edit(row, values.source ? "target" : "source");
  }

  /** Pair images by their names. */
  async pairByNames(button: HTMLButtonElement) {
    const { channel, frame } = this.view;
    button.disabled = true;
    const { reply } = await channel.ask({ kind: "pair up" });
    button.disabled = false;
    if (reply.ok) frame.announce(reply.message);
    else frame.note(errorText(reply));
  }

  async remove(ids?: string[]) {
    const { view } = this;
    const rows = ids ?? (await view.selection.ids());
    if (rows.length === 0 || view.locked()) return;
    const { index, column } = view.focus.at;
    const reply = await view.edits.run(rows.map((row) => ({ op: "delete", table: "pairs" as const, row })));
    this.report(reply, `${counted(rows.length, "pair")} deleted. Undo restores ${rows.length === 1 ? "it" : "them"}.`);
    view.selection.clear();
    await view.rows.want(index, index + 1);
    if (view.rows.total > 0) view.focus.go(index, column);
  }

  async swap(ids?: string[]) {
    const { view } = this;
    const rows = ids ?? (await view.selection.ids());
    if (rows.length === 0 || view.locked()) return;
    const reply = await view.edits.run(rows.map((row) => ({ op: "swap", table: "pairs" as const, row })));
    this.report(reply, rows.length === 1 ? "Source and target swapped." : `${counted(rows.length, "pair")} swapped.`);
  }

  /** Move the selected pairs by one place. */
  async move(by: 1 | -1) {
    const { view } = this;
    const rows = await view.selection.ids();
    if (rows.length === 0 || view.locked()) return;
    const reply = await view.edits.run([{ op: "move", table: "pairs" as const, row: rows[0], rows, by }]);
    if (!this.report(reply, `Moved ${by < 0 ? "up" : "down"}.`)) return;
    await view.arrived(rows[by < 0 ? 0 : rows.length - 1], view.focus.at.index);
    view.lines.scroll.reveal(view.focus.at.index);
  }

  /** Move pairs, in the table's order, before the one that is at `gap` now. */
  async place(ids: string[], gap: number) {
    const { view } = this;
    const order = await view.rows.ids(0, view.rows.total);
    if (ids.length === 0 || view.locked()) return;
    let below = gap;
    // Moving a pair down closes the place that it leaves, so the gap moves up by one.
    const ops = ids.map((row) => ({
      op: "move" as const,
      table: "pairs" as const,
      row,
      at: order.indexOf(row) < gap ? gap - 1 : below++,
    }));
    if (
      !this.report(
        await view.edits.run(ops),
        ids.length === 1 ? "Pair moved." : `${counted(ids.length, "pair")} moved.`,
      )
    )
      return;
    const at = gap - ids.filter((id) => order.indexOf(id) < gap).length;
    await view.rows.want(at, at + 1); // else the focus would follow the row that was there before
    view.focus.go(at, view.focus.at.column);
  }

  /** Empty the selected cells. */
  async clear() {
    const cells = (await this.cells()).filter(({ was }) => was !== "");
    await this.set(
      cells.map((cell) => ({ ...cell, value: "" })),
      (n) => `${counted(n, "cell")} emptied.`,
    );
  }

  /** Fill the selected cells with the first row of them; a single cell with the row above it. */
  async fillDown() {
    const { view } = this;
    const ids = await view.selection.ids();
    const { selection } = view;
    const column = COLUMNS[view.focus.at.column];
    const columns =
      selection.size > 1 && !selection.whole
        ? selection.columns
        : [isData(column) && !selection.whole ? column : "instruction"];
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

  /** The selected cells and their values, or the focused one. */
  async cells() {
    const { view } = this;
    const ids = await view.selection.ids();
    const column = COLUMNS[view.focus.at.column];
    const columns = view.selection.size > 0 ? view.selection.columns : isData(column) ? [column] : [];
    return ids.flatMap((id) => columns.map((c) => ({ id, column: c, was: view.valueOf(id, c) })));
  }

  async set(cells: { id: string; column: DataColumn; value: string }[], done: (n: number) => string) {
    const { view } = this;
    if (view.locked() || cells.length === 0) return;
    const lines = new Map(cells.map(({ id }, i) => [id, i])); // cells of one pair are accepted together or not at all
    const ops = cells.map(({ id, column, value }) => ({
      op: "set" as const,
      table: "pairs" as const,
      row: id,
      column,
      value,
      line: lines.get(id),
    }));
    const reply = await view.edits.run(ops, (op) => view.edits.seen(view.rows, op.row, op.column));
    this.reportCells(reply, done);
  }

  async keep(row: string, side: "mine" | "theirs") {
    const { view } = this;
    if (!row || view.locked()) return;
    const reply = await view.edits.run([{ op: "keep", table: "pairs" as const, row, side }]);
    this.report(reply, side === "mine" ? "Kept yours." : "Accepted theirs.");
  }

  /**
   * Show the outcome.
   * @returns whether everything was accepted
   */
  report(reply: Reply<"edit">, done: string): boolean {
    const { view } = this;
    const reason = reply.ok ? reply.refused[0]?.reason : errorText(reply);
    const others = reply.ok ? reply.refused.length - 1 : 0;
    if (reason) view.frame.note(`Not done: ${reason}${others > 0 ? ` (and ${others.toLocaleString("en")} more)` : ""}`);
    else view.frame.announce(done);
    this.reread();
    return !reason;
  }

  /** Show the outcome for cells; each refused cell shows its own reason. */
  reportCells(reply: Reply<"edit">, done: (n: number) => string) {
    const { frame } = this.view;
    if (!reply.ok) frame.note(`Not done: ${errorText(reply)}`);
    else if (reply.refused.length > 0) {
      const taken = reply.accepted.length ? `, ${reply.accepted.length.toLocaleString("en")} accepted` : "";
      const red = reply.refused.length === 1 ? "the red cell" : "the red cells";
      frame.note(`${counted(reply.refused.length, "cell")} rejected${taken} (see ${red}).`);
    } else frame.announce(done(reply.accepted.length));
    this.reread();
  }

  reread() {
    const { rows, paint } = this.view;
    rows.refresh(rows.total);
    paint();
  }
}
