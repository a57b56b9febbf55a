// The focus in the pair table and the keys that move it.

import { COLUMNS, type Column } from "./columns";
import type { PairView } from "./pairs";
import type { Line } from "./row_rendering";

export class PairFocus {
  /** The row and column that have, or last had, the focus. */
  readonly at = { id: "", index: 0, column: COLUMNS.indexOf("source") };

  constructor(readonly view: PairView) {}

  listen() {
    const { view } = this;
    const { grid } = view.lines;
    grid.addEventListener("click", (event) => view.withInput((input) => input.clicked(event)));
    grid.addEventListener("pointerdown", (event) => view.input?.pointerDown(event));
    grid.addEventListener("pointerover", (event) => view.input?.pointerOver(event));
    grid.addEventListener("keydown", (event) => this.key(event));
    grid.addEventListener("focusin", (event) => {
      const place = this.placeOf(event.target);
      if (!place || view.editing) return;
      this.put(place.index, Math.max(0, place.column));
      view.paint();
    });
  }

  put(index: number, column: number) {
    const last = this.view.rows.total - 1;
    this.at.index = Math.max(0, Math.min(index, last));
    this.at.column = column;
    this.at.id = this.view.rows.at(this.at.index)?.pair_id ?? "";
  }

  /** Follow the focused row if it was moved; return whether it was. */
  follow() {
    const { rows } = this.view;
    const now = rows.indexOf(this.at.id);
    const moved = now >= 0 && now !== this.at.index;
    this.put(moved ? now : this.at.index, this.at.column);
    return moved;
  }

  /** @returns the place; its column is -1 beside the cells */
  placeOf(target: EventTarget | null): { index: number; column: number } | null {
    if (!(target instanceof Node)) return null;
    const { lines } = this.view;
    for (const line of lines.scroll.shown.values()) {
      if (!line.row.contains(target)) continue;
      const columns = COLUMNS.map((column) => lines.cellOf(line, column).contains(target));
      return { index: line.index, column: columns.lastIndexOf(true) };
    }
    return null;
  }

  /** The column that can take the focus in a line: the state, where the focused column's button is hidden. */
  columnOf(line: Line): Column {
    const column = COLUMNS[this.at.column];
    return this.canTake(line, column) ? column : "state";
  }

  canTake(line: Line, column: Column) {
    const cell = this.view.lines.cellOf(line, column);
    return !cell.hidden && !(cell instanceof HTMLButtonElement && cell.disabled);
  }

  go(index: number, column: number) {
    this.put(index, column);
    this.view.lines.scroll.reveal(this.at.index);
    this.view.lines.layout();
    this.take();
  }

  /** Take the focus. */
  take() {
    const line = this.view.lines.scroll.shown.get(this.at.index);
    if (line) this.view.lines.cellOf(line, this.columnOf(line)).focus({ preventScroll: true });
  }

  key(event: KeyboardEvent) {
    const { view } = this;
    const typing = view.editing && event.target === view.editing.field;
    if (!event.isComposing && !typing && this.move(event)) event.preventDefault();
    else view.input?.key(event);
  }

  /** @returns whether the key moves the focus */
  move(event: KeyboardEvent): boolean {
    if (event.altKey) return false;
    const { view } = this;
    const { index, column } = this.at;
    const command = event.ctrlKey || event.metaKey;
    const last = view.rows.total - 1;
    const steps: { [key: string]: [number, number] | undefined } = {
      ArrowUp: [command ? 0 : index - 1, column],
      ArrowDown: [command ? last : index + 1, column],
      ArrowLeft: [index, this.beside(-1)],
      ArrowRight: [index, this.beside(1)],
      PageUp: [Math.max(0, index - view.lines.scroll.page), column],
      PageDown: [Math.min(last, index + view.lines.scroll.page), column],
      Home: command ? [0, column] : [index, 0],
      End: command ? [last, column] : [index, COLUMNS.length - 1],
    };
    const step = steps[event.key];
    if (!step) return false;
    if (step[0] < 0 || step[0] > last || !COLUMNS[step[1]]) return true;
    const before = { ...this.at };
    this.go(...step);
    if (event.shiftKey) {
      view.selection.anchor ??= before;
      void view.selection.span(this.at.index, this.at.column);
    } else if (!command) view.selection.clear();
    return true;
  }

  /** The next column that can take the focus. */
  beside(by: 1 | -1) {
    const line = this.view.lines.scroll.shown.get(this.at.index);
    let column = this.at.column + by;
    while (line && COLUMNS[column] && !this.canTake(line, COLUMNS[column])) column += by;
    return column;
  }
}
