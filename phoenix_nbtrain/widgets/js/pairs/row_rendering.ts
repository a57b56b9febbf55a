// The lines of the pair table.

import { button, h, paintDot, paintName, printable, setAttribute, setText } from "../common/dom";
import type { PairRow } from "../common/messages";
import { paintThumbnail } from "../common/thumbnails";
import { VirtualScroll } from "../common/virtual_scroll";
import { COLUMNS, type Column, DATA, SIDES } from "./columns";
import type { PairView } from "./pairs";

const WIDE = 60;
const NARROW = 132;
const NARROW_BELOW = 640;

interface Side {
  box: HTMLElement;
  holder: HTMLElement;
  img: HTMLImageElement;
  name: HTMLElement;
}
export interface Line {
  row: HTMLElement;
  number: HTMLElement;
  source: Side;
  target: Side;
  instruction: HTMLElement;
  text: HTMLElement;
  other: HTMLElement;
  state: HTMLElement;
  dot: HTMLElement;
  word: HTMLElement;
  mine: HTMLButtonElement;
  theirs: HTMLButtonElement;
  look: HTMLButtonElement;
  swap: HTMLButtonElement;
  delete: HTMLButtonElement;
  index: number;
  id: string;
}

export class PairLines {
  imagesInView: { id: string; version: string }[] = [];
  readonly grid: HTMLDivElement;
  readonly scroll: VirtualScroll<Line>;

  constructor(readonly view: PairView) {
    const names = ["Number", "Source", "Target", "Instruction", "State", "Actions"];
    const head = h(
      "div",
      "nbt-hidden",
      { role: "row", "aria-rowindex": "1" },
      ...names.map((n) => h("span", "", { role: "columnheader" }, n)),
    );
    this.grid = h(
      "div",
      "nbt-scroll",
      {
        role: "grid",
        "aria-label": "Pairs",
        "aria-colcount": "6",
        "aria-multiselectable": "true",
      },
      head,
    );
    this.scroll = new VirtualScroll(this.grid, () => this.newLine());
  }

  layout() {
    const { view, grid, scroll } = this;
    const width = grid.clientWidth;
    if (grid.hidden || width <= 0) return;
    const narrow = width < NARROW_BELOW;
    const pitch = narrow ? NARROW : WIDE;
    scroll.pitch = pitch;
    view.frame.root.classList.toggle("nbt-narrow", narrow);
    const count = view.rows.total;
    setAttribute(grid, "aria-rowcount", String(count + 1));
    scroll.space.style.height = `${count * pitch}px`;
    const { at } = view.focus;
    const moved = view.focus.follow();
    const first = Math.max(0, Math.floor(grid.scrollTop / pitch) - 2);
    const last = Math.min(count - 1, Math.floor((grid.scrollTop + grid.clientHeight) / pitch) + 2);
    const keep = new Set<number>();
    for (let n = first; n <= last; n += 1) keep.add(n);
    // The line with the focus or the editor stays in the page, however far away one scrolls.
    if (view.editing) keep.add(view.rows.indexOf(view.editing.id));
    const held = view.focus.placeOf(document.activeElement);
    if (held) keep.add(held.index).add(at.index);
    this.imagesInView = [];
    scroll.show(keep, count, (line, n) => this.paint(line, n));
    const line = scroll.shown.get(at.index);
    const lost = held && line && (moved || held.index >= count || !view.focus.canTake(line, COLUMNS[at.column]));
    // The focus must not fall back to the notebook, where "d d" deletes the cell.
    if (lost && !view.editing) view.focus.take();
    void view.rows.want(first, last + 1);
    if (!view.editing?.chooser?.isOpen) view.thumbnails.want(this.imagesInView);
    view.input?.editor.place();
  }

  newLine(): Line {
    const { view } = this;
    const cell = (name: string, ...children: Node[]) =>
      h("div", name, { role: "gridcell", "data-lm-suppress-shortcuts": "" }, ...children);
    const side = () => {
      const img = h("img", "", { alt: "", draggable: "false" });
      const holder = h("span", "nbt-thumb", { draggable: "true" }, img);
      const name = h("span", "nbt-name");
      return { box: cell("nbt-side", holder, name), holder, img, name };
    };
    const [source, target] = [side(), side()];
    const number = cell("nbt-number");
    const text = h("span", "nbt-text", { dir: "auto" });
    const other = h("span", "nbt-other", { dir: "auto" });
    const instruction = cell("nbt-instruction", text, other);
    const dot = h("span", "nbt-dot", { role: "img" });
    const word = h("span", "nbt-word");
    const id = () => view.lines.lineOf(row)?.id ?? "";
    const mine = button("Keep mine", "nbt-btn nbt-tiny", () =>
      view.withInput((input) => input.commands.keep(id(), "mine")),
    );
    const theirs = button("Take theirs", "nbt-btn nbt-tiny", () =>
      view.withInput((input) => input.commands.keep(id(), "theirs")),
    );
    const state = cell("nbt-state", dot, word, mine, theirs);
    const icon = (sign: string, title: string, act: () => void) =>
      button(sign, "nbt-btn nbt-quiet nbt-icon", act, { title });
    const look = icon("", "Compare the two images (Space)", () => view.look(id()));
    look.append(h("span", "nbt-wipe", { "aria-hidden": "true" }));
    const swap = icon("⇄", "Swap source and target (Alt+→)", () =>
      view.withInput((input) => input.commands.swap([id()])),
    );
    const remove = icon("✕", "Delete the pair (Ctrl+Delete)", () =>
      view.withInput((input) => input.commands.remove([id()])),
    );
    const actions = h("div", "nbt-actions", { role: "gridcell" }, look, swap, remove);
    const arrow = h("span", "nbt-arrow", { "aria-hidden": "true" }, "→");
    const grip = h(
      "span",
      "nbt-grip",
      { draggable: "true", "aria-hidden": "true", title: "Drag to move (Alt+↑, Alt+↓)" },
      "⠿",
    );
    const row = h(
      "div",
      "nbt-line nbt-pair",
      { role: "row" },
      grip,
      number,
      source.box,
      arrow,
      target.box,
      instruction,
      state,
      actions,
    );
    return {
      row,
      number,
      source,
      target,
      instruction,
      text,
      other,
      state,
      dot,
      word,
      mine,
      theirs,
      look,
      swap,
      delete: remove,
      index: -1,
      id: "",
    };
  }

  // -- painting -----------------------------------------------------------------------------------

  paint(line: Line, n: number) {
    const { view } = this;
    const row = view.rows.at(n);
    line.index = n;
    line.id = row?.pair_id ?? "";
    line.row.style.transform = `translateY(${n * this.scroll.pitch}px)`;
    setAttribute(line.row, "aria-rowindex", String(n + 2));
    setText(line.number, String(n + 1));
    for (const side of SIDES) this.paintSide(line, row, side);
    this.paintInstruction(line, row);
    this.paintState(line, row);
    const locked = Boolean(view.frame.summary.training);
    line.look.disabled = !row || !SIDES.every((side) => view.images.byId(row[side]));
    line.swap.disabled = line.delete.disabled = locked || !row;
    line.mine.disabled = line.theirs.disabled = locked;
    setAttribute(line.look, "aria-label", `Compare the images of pair ${n + 1}`);
    setAttribute(line.swap, "aria-label", `Swap source and target of pair ${n + 1}`);
    setAttribute(line.delete, "aria-label", `Delete pair ${n + 1}`);
    const at = n === view.focus.at.index ? view.focus.columnOf(line) : "";
    for (const column of COLUMNS) setAttribute(this.cellOf(line, column), "tabindex", column === at ? "0" : "-1");
    this.paintChosen(line);
  }

  paintChosen(line: Line) {
    const { selection } = this.view;
    const whole = selection.whole && selection.has(line.id);
    line.row.classList.toggle("nbt-on", whole);
    setAttribute(line.row, "aria-selected", String(whole));
    setAttribute(line.number, "aria-selected", String(whole));
    for (const column of DATA) {
      const on = selection.holds(line.id, column);
      const cell = this.cellOf(line, column);
      cell.classList.toggle("nbt-in", on && !whole);
      setAttribute(cell, "aria-selected", String(on));
    }
  }

  paintSide(line: Line, row: PairRow | undefined, column: "source" | "target") {
    const { view } = this;
    const edit = view.edits.cell("pairs", line.id, column);
    const id = edit?.phase === "pending" ? edit.value : (row?.[column] ?? "");
    const image = view.images.byId(id);
    // A pending value may be a name, which the kernel resolves.
    const name = image?.name ?? (id !== row?.[column] ? id : row?.[`${column}_name`]);
    const side = line[column];
    paintName(side.name, name || (!row ? " " : id ? "(removed)" : `choose a ${column}`));
    setAttribute(side.name, "title", name ? printable(name) : null);
    side.box.classList.toggle("nbt-gone", Boolean(row) && !name && id !== "");
    side.box.classList.toggle("nbt-open", Boolean(row) && !name && id === "");
    side.holder.style.setProperty("--nbt-colour", image?.colour || null);
    paintThumbnail(side.holder, side.img, image ? view.thumbnails.get(id, image.version) : undefined);
    if (image) this.imagesInView.push({ id, version: image.version });
    setAttribute(side.box, "aria-invalid", edit?.phase === "refused" || (row && !name) ? "true" : null);
  }

  paintInstruction(line: Line, row: PairRow | undefined) {
    const edit = this.view.edits.cell("pairs", line.id, "instruction");
    const text = edit?.phase === "pending" ? edit.value : (row?.instruction ?? "");
    setText(line.text, text || (row ? "instruction" : " "));
    setAttribute(line.instruction, "title", text.length > 60 ? text : null);
    line.text.classList.toggle("nbt-ghost", !text);
    line.instruction.classList.toggle("nbt-missing", Boolean(row) && !text && !edit);
    setAttribute(line.instruction, "aria-invalid", edit?.phase === "refused" ? "true" : null);
    const theirs = row?.theirs ?? null;
    line.instruction.classList.toggle("nbt-both", theirs !== null);
    line.other.hidden = theirs === null;
    setText(line.other, theirs === null ? "" : `theirs: ${theirs || "(empty)"}`);
  }

  paintState(line: Line, row: PairRow | undefined) {
    const edits = DATA.map((column) => this.view.edits.cell("pairs", line.id, column));
    const refused = edits.find((edit) => edit?.phase === "refused");
    const pending = edits.some((edit) => edit?.phase === "pending");
    const both = row?.theirs !== null && row?.theirs !== undefined;
    const need = row?.need ?? null;
    let [state, text, why]: string[] = [row?.state ?? "kept", "", need?.why ?? row?.reason ?? ""];
    if (pending) [state, text] = ["sending", "sending"];
    else if (refused)
      [state, text, why] = ["refused", refused.reason, `${refused.reason} What you typed is kept: click to continue.`];
    else if (need) [state, text] = [need.tone === "warn" ? "missing" : "refused", need.text];
    else text = state === "kept" ? "saved locally" : state;
    line.dot.hidden = !row;
    paintDot(line.dot, state, why);
    setText(line.word, text);
    line.word.hidden = !row || both;
    line.mine.hidden = line.theirs.hidden = !both;
    setAttribute(line.word, "title", why || null);
    setAttribute(line.state, "data-state", state);
  }

  // -- places -------------------------------------------------------------------------------------

  lineOf(row: Node) {
    for (const line of this.scroll.shown.values()) if (line.row === row) return line;
    return undefined;
  }

  cellOf(line: Line, column: Column): HTMLElement {
    return column === "source" || column === "target" ? line[column].box : line[column];
  }
}
