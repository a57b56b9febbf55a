// A cell of the pair table while somebody types in it.

import { h } from "../common/dom";
import type { CellEdit } from "../common/edits";
import { keepTyped, letGo } from "../common/typing";
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
  end: (sent?: boolean) => void;
}

export class PairEditor {
  moving = false;

  constructor(readonly view: PairView) {}

  /** @param typed what it begins with */
  edit(id: string | undefined, column: DataColumn, typed?: string) {
    const { view } = this;
    const row = id ? view.rows.byId(id) : undefined;
    if (!row || (view.open?.id === id && view.open?.column === column)) return;
    if (view.open) this.save();
    if (view.locked()) return;
    const before = view.edits.of("pairs", row.pair_id, column);
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
    const chooser = field instanceof HTMLInputElement ? new Chooser(view, field, () => this.chose()) : null;
    const was = before?.phase === "pending" ? before.value : row[column];
    const base = view.edits.seen(view.rows, row.pair_id, column);
    const end = keepTyped(
      view,
      field,
      { table: "pairs", row: row.pair_id, column },
      () => view.open?.field === field && this.save(),
    );
    view.open = { id: row.pair_id, column, field, chooser, base, was, end };
    if (typed !== undefined) {
      field.value = typed;
      field.dispatchEvent(new Event("input"));
    }
    field.addEventListener("blur", () => !this.moving && view.open?.field === field && this.save());
    view.paintNow(); // the first pair of all has no line before the next frame: keys would go elsewhere
    view.cells.go(n - 1, COLUMNS.indexOf(column));
    this.place();
    field.focus({ preventScroll: true });
    // Left as it was it stays, also where several images share the name.
    if (chooser && typed === undefined && view.images.byId(held)) chooser.id = held;
    if (typed === undefined && chooser) field.select();
    else field.setSelectionRange(field.value.length, field.value.length);
    chooser?.open();
  }

  /** Keep the field in the cell of its pair, wherever that is now. */
  place() {
    const { view } = this;
    if (!view.open) return;
    const { id, column, field, chooser } = view.open;
    const line = view.lines.scroll.shown.get(view.rows.indexOf(id));
    if (!line) {
      // The pair is gone. The words are sent all the same: the refusal input them back.
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

  /** @param sent whether an edit has the words now */
  close(sent?: boolean) {
    const { view } = this;
    const { open } = view;
    view.open = null;
    open?.end(sent);
    open?.chooser?.remove();
    open?.field.remove();
    view.paint();
  }

  save() {
    const { view } = this;
    if (!view.open) return;
    const { id, column, field, chooser, base, was } = view.open;
    const before = view.edits.of("pairs", id, column);
    // A name that nothing here has is the kernel's to understand, or to answer with one that is near.
    const value = chooser ? chooser.value || field.value.trim() : field.value;
    const refocus = document.activeElement === field;
    // The wrong cell of a refused line may be mended to what is there already: the others still wait for it.
    const mended = before?.phase === "refused" && typeof before.line === "number" && value !== before.value;
    const changed = Boolean(value || !chooser) && (value !== was || mended);
    this.close(changed);
    if (changed) this.send({ table: "pairs", row: id, column, value, base }, before);
    else if (before?.phase === "refused") letGo(view, before);
    if (refocus) view.cells.go(view.cells.at.index, view.cells.at.column);
  }

  /** Send a cell; with it, the others of the line that was refused as a whole. */
  send(
    { table, row, column, value, base }: { table: string; row: string; column: string; value: string; base: number },
    before: CellEdit | undefined,
  ) {
    const { edits, rows } = this.view;
    const line = before?.phase === "refused" ? before.line : undefined;
    if (typeof line !== "number") return edits.set(table, row, column, value, base);
    const others = DATA.map((one) => edits.of(table, row, one)).filter(
      (one) => one !== before && one?.phase === "refused" && one.line === line,
    );
    const cells = [
      { column, value },
      ...others.flatMap((one) => (one ? [{ column: one.column, value: one.value }] : [])),
    ];
    const ops = cells.map((one) => ({ op: "set" as const, table, row, ...one, line }));
    void edits.run(ops, (op) => (op.column === column ? base : edits.seen(rows, row, op.column)));
  }

  /** A picture was chosen: go on to what the pair still lacks. */
  chose() {
    const { view } = this;
    if (!view.open) return;
    const { id, column } = view.open;
    const row = view.rows.byId(id);
    const lacked = SIDES.filter((side) => !row?.[side] && !view.edits.of("pairs", id, side));
    this.save();
    const next = lacked.find((side) => side !== column);
    if (next) this.edit(id, next);
    else if (lacked.length > 0) this.edit(id, "instruction");
  }

  key(event: KeyboardEvent) {
    const { view } = this;
    const { open } = view;
    if (event.isComposing || !open || open.chooser?.key(event)) return;
    const { id, column } = open;
    const index = view.rows.indexOf(id);
    const place = COLUMNS.indexOf(column);
    if (event.key === "Enter" && !event.shiftKey) {
      this.save();
      view.cells.go(column === "instruction" ? index + 1 : index, place);
    } else if (event.key === "Tab" && DATA[DATA.indexOf(column) + (event.shiftKey ? -1 : 1)]) {
      this.save();
      view.cells.go(index, place + (event.shiftKey ? -1 : 1));
    } else if (event.key === "Escape") {
      const refused = view.edits.of("pairs", id, column);
      this.close();
      if (refused?.phase === "refused") letGo(view, refused);
      view.cells.go(index, place);
    } else return;
    event.preventDefault();
  }
}
