// The editor of a cell of the pair table.

import { h } from "../common/dom";
import type { CellEdit } from "../common/edits";
import { forgetRefused, keepTypedText } from "../common/typing";
import { COLUMNS, DATA, type DataColumn, SIDES } from "./columns";
import { Chooser } from "./image_chooser";
import type { PairView } from "./pairs";

export interface Editing {
  id: string;
  column: DataColumn;
  field: HTMLInputElement | HTMLTextAreaElement;
  chooser: Chooser | null;
  base: number;
  was: string;
  offered?: CellEdit;
  end: (sent?: boolean) => void;
}

export class PairEditor {
  moving = false;

  constructor(readonly view: PairView) {}

  /** @param typed the text to begin with */
  edit(id: string | undefined, column: DataColumn, typed?: string) {
    const { view } = this;
    const row = id ? view.rows.byId(id) : undefined;
    if (!row || (view.editing?.id === id && view.editing?.column === column)) return;
    if (view.editing) this.save();
    if (view.locked()) return;
    const before = view.edits.cell("pairs", row.pair_id, column);
    const n = view.rows.indexOf(row.pair_id) + 1;
    const label = `${column[0].toUpperCase()}${column.slice(1)} of pair ${n}`;
    const held = before ? before.value : row[column];
    const words = column === "instruction" ? held : (view.images.byId(held)?.name ?? (before ? held : ""));
    const field =
      column === "instruction"
        ? h("textarea", "nbt-input nbt-field", {
            "aria-label": label,
            rows: "2",
            placeholder: "What should happen",
            dir: "auto",
          })
        : h("input", "nbt-input nbt-field", { "aria-label": label, placeholder: "Image name" });
    field.value = words;
    const chooser = field instanceof HTMLInputElement ? new Chooser(view, field, () => this.imageChosen()) : null;
    const offered = view.edits.refused("pairs", row.pair_id, column);
    const was = before && !offered ? before.value : row[column];
    const base = view.edits.seen(view.rows, row.pair_id, column);
    const end = keepTypedText(
      view,
      field,
      { table: "pairs", row: row.pair_id, column },
      () => view.editing?.field === field && this.save(),
    );
    view.editing = { id: row.pair_id, column, field, chooser, base, was, offered, end };
    if (typed !== undefined) {
      field.value = typed;
      field.dispatchEvent(new Event("input"));
    }
    field.addEventListener("blur", () => !this.moving && view.editing?.field === field && this.save());
    view.paintNow(); // the line of a new table's first pair exists only after that
    view.focus.go(n - 1, COLUMNS.indexOf(column));
    this.place();
    field.focus({ preventScroll: true });
    // If it is not changed, the same image stays, also where several share the name.
    if (chooser && typed === undefined && view.images.byId(held)) chooser.id = held;
    if (typed === undefined && chooser) field.select();
    else field.setSelectionRange(field.value.length, field.value.length);
    chooser?.open();
  }

  /** Move the field to the cell that shows its pair now. */
  place() {
    const { view } = this;
    if (!view.editing) return;
    const { id, column, field, chooser } = view.editing;
    const line = view.lines.scroll.shown.get(view.rows.indexOf(id));
    if (!line) {
      // The pair is gone. Send the text all the same: it is refused and then offered for copying.
      if (view.rows.complete && !view.rows.byId(id)) this.save();
      return;
    }
    const cell = view.lines.cellOf(line, column);
    if (field.parentNode === cell) return;
    const had = document.activeElement === field;
    this.moving = true;
    cell.append(field);
    if (had) field.focus({ preventScroll: true });
    this.moving = false;
    if (chooser?.isOpen) chooser.place();
  }

  /** @param sent whether an edit carries the text now */
  close(sent?: boolean) {
    const { view } = this;
    const { editing } = view;
    view.editing = null;
    editing?.end(sent);
    editing?.chooser?.remove();
    editing?.field.remove();
    view.paint();
  }

  save() {
    const { view } = this;
    if (!view.editing) return;
    const { id, column, field, chooser, base, was, offered } = view.editing;
    const before = view.edits.cell("pairs", id, column);
    // The kernel resolves a name that matches no image here, or suggests a similar one.
    const value = chooser ? chooser.value || field.value.trim() : field.value;
    const refocus = document.activeElement === field;
    // Correcting the wrong cell of a refused line to its old value counts as a change: the line's other cells wait for it.
    const mended = before?.phase === "refused" && typeof before.line === "number" && value !== before.value;
    const changed = Boolean(value || !chooser) && (value !== was || mended);
    this.close(changed);
    if (changed) this.send({ table: "pairs", row: id, column, value, base }, before);
    else forgetRefused(view, offered);
    if (refocus) view.focus.go(view.focus.at.index, view.focus.at.column);
  }

  /** Send a cell, together with the other cells of the line that was refused with it. */
  send(
    { table, row, column, value, base }: { table: string; row: string; column: string; value: string; base: number },
    before: CellEdit | undefined,
  ) {
    const { edits, rows } = this.view;
    const line = before?.phase === "refused" ? before.line : undefined;
    if (typeof line !== "number") return edits.set(table, row, column, value, base);
    const others = DATA.map((one) => edits.cell(table, row, one)).filter(
      (one) => one !== before && one?.phase === "refused" && one.line === line,
    );
    const cells = [
      { column, value },
      ...others.flatMap((one) => (one ? [{ column: one.column, value: one.value }] : [])),
    ];
    const ops = cells.map((one) => ({ op: "set" as const, table, row, ...one, line }));
    void edits.run(ops, (op) => (op.column === column ? base : edits.seen(rows, row, op.column)));
  }

  /** An image was chosen: go on to what the pair still lacks. */
  imageChosen() {
    const { view } = this;
    if (!view.editing) return;
    const { id, column } = view.editing;
    const row = view.rows.byId(id);
    const lacked = SIDES.filter((side) => !row?.[side] && !view.edits.cell("pairs", id, side));
    this.save();
    const next = lacked.find((side) => side !== column);
    if (next) this.edit(id, next);
    else if (lacked.length > 0) this.edit(id, "instruction");
  }

  key(event: KeyboardEvent) {
    const { view } = this;
    const { editing } = view;
    if (event.isComposing || !editing || editing.chooser?.key(event)) return;
    const { id, column } = editing;
    const index = view.rows.indexOf(id);
    const place = COLUMNS.indexOf(column);
    if (event.key === "Enter" && !event.shiftKey) {
      this.save();
      view.focus.go(column === "instruction" ? index + 1 : index, place);
    } else if (event.key === "Tab" && DATA[DATA.indexOf(column) + (event.shiftKey ? -1 : 1)]) {
      this.save();
      view.focus.go(index, place + (event.shiftKey ? -1 : 1));
    } else if (event.key === "Escape") {
      this.close();
      forgetRefused(view, editing.offered);
      view.focus.go(index, place);
    } else return;
    event.preventDefault();
  }
}
