// How the pair table is changed: keys, clicks, drops, editor, commands and clipboard. This part is loaded right after the
// table itself.

import { offerKeptTexts } from "../common/typing";
import { PairClipboard } from "./clipboard";
import { COLUMNS, type Column, type DataColumn, isData } from "./columns";
import { PairCommands } from "./commands";
import { PairDrop } from "./drop";
import { PairEditor } from "./editor";
import type { PairView } from "./pairs";

const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

export class PairInput {
  readonly editor: PairEditor;
  readonly commands: PairCommands;
  /** Where the pointer went down, while it may select a range. */
  from: { index: number; column: number } | null = null;

  constructor(readonly view: PairView) {
    this.editor = new PairEditor(view);
    this.commands = new PairCommands(view);
    new PairClipboard(view);
    new PairDrop(view, this.commands);
    for (const kind of ["pointerdown", "pointerup", "pointercancel"]) {
      // On the document: a button that is held down elsewhere selects nothing here.
      document.addEventListener(kind, () => (this.from = null), { capture: true, signal: view.signal });
    }
    void offerKeptTexts(
      view,
      (row, column) => this.goOn(row, column as DataColumn),
      () => view.focus.take(),
    );
  }

  /** Go to the next pair that lacks something. */
  jump({ kind, places }: { kind: string; places: number[] }) {
    const { focus } = this.view;
    const next = places.find((place) => place > focus.at.index) ?? places[0];
    const column = (
      { "no-source": "source", "no-target": "target", "no-instruction": "instruction" } as { [kind: string]: Column }
    )[kind];
    focus.go(next, COLUMNS.indexOf(column ?? "state"));
  }

  /** Open the field of a cell, wherever its pair is in the table. */
  async goOn(row: string, column: DataColumn) {
    const { rows, focus } = this.view;
    const index = (await rows.ids(0, rows.total)).indexOf(row);
    focus.go(index, COLUMNS.indexOf(column));
    await this.view.arrived(row, index);
    this.editor.edit(row, column);
    return this.view.editing?.id === row;
  }

  pointerDown(event: PointerEvent) {
    const place = this.view.focus.placeOf(event.target);
    this.from = null;
    if (!place || place.column < 0 || event.button !== 0) return;
    const { selection } = this.view;
    if (event.shiftKey) {
      event.preventDefault(); // no text selection
      return;
    }
    if (event.ctrlKey || event.metaKey) return;
    selection.anchor = { id: this.view.rows.at(place.index)?.pair_id ?? "", ...place };
    if (event.pointerType === "mouse") this.from = place;
  }

  pointerOver(event: PointerEvent) {
    const place = this.view.focus.placeOf(event.target);
    if (!(event.buttons & 1)) this.from = null;
    if (!this.from || !place || place.column < 0) return;
    if (place.index === this.from.index && place.column === this.from.column && this.view.selection.size === 0) return;
    if (this.view.editing) this.editor.save();
    void this.view.selection.span(place.index, this.from.column === 0 ? 0 : place.column);
  }

  clicked(event: MouseEvent) {
    const { view, editor } = this;
    const { selection, rows } = view;
    const place = this.view.focus.placeOf(event.target);
    if (!place || place.column < 0 || (event.target instanceof Element && event.target.closest("button"))) return;
    if (event.target === view.editing?.field) return;
    const column = COLUMNS[place.column];
    const id = rows.at(place.index)?.pair_id ?? "";
    const alone = selection.whole && selection.size === 1 && selection.has(id);
    if (event.shiftKey) void selection.span(place.index, place.column);
    else if (event.ctrlKey || event.metaKey) selection.toggle(place.index);
    else if (column === "number" && alone) selection.clear();
    else if (column === "number") selection.take([id], true);
    else {
      selection.clear();
      if (isData(column)) editor.edit(id, column);
    }
  }

  key(event: KeyboardEvent) {
    const { editing } = this.view;
    if (editing && event.target === editing.field) this.editor.key(event);
    else if (!event.isComposing && this.act(event)) event.preventDefault();
  }

  /** @returns whether the key was a command */
  act(event: KeyboardEvent): boolean {
    const { view, editor } = this;
    const { at } = view.focus;
    const { selection } = view;
    const name = COLUMNS[at.column];
    const command = MAC ? event.metaKey : event.ctrlKey;
    const typed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const onButton = event.target instanceof HTMLButtonElement;
    const erase = typed === "Delete" || typed === "Backspace";
    if (onButton && (typed === "Enter" || typed === " ")) return false;

    if (event.altKey && (typed === "ArrowUp" || typed === "ArrowDown"))
      void this.commands.move(typed === "ArrowUp" ? -1 : 1);
    else if (event.altKey && (typed === "ArrowLeft" || typed === "ArrowRight")) void this.commands.swap();
    else if (event.altKey && typed === "Enter") void this.commands.insert(at.index + (event.shiftKey ? 0 : 1));
    else if (typed === "Insert" && !event.shiftKey && !command) void this.commands.insert(at.index + 1);
    else if (erase && (command || selection.whole || (selection.size === 0 && !isData(name))))
      void this.commands.remove();
    else if (erase) void this.commands.clear();
    else if (command && typed === "z") view.frame.onUndoRedo(event.shiftKey ? "redo" : "undo");
    else if (command && typed === "y") view.frame.onUndoRedo("redo");
    else if (command && typed === "a") void selection.all();
    else if (command && typed === "d") void this.commands.fillDown();
    else if (command && typed === "/") view.help();
    else if (typed === " " && event.shiftKey) selection.take([at.id], true);
    else if (typed === " " && (event.ctrlKey || event.metaKey || name === "number")) selection.toggle(at.index);
    else if (typed === " " && isData(name)) view.look(at.id);
    else if (typed === "Escape" && selection.size > 0) selection.clear();
    else if (!isData(name)) {
      if (typed !== "?") return false;
      view.help();
    } else if (typed === "Enter" || typed === "F2") editor.edit(at.id, name);
    else if (!event.ctrlKey && !event.metaKey && !event.altKey && typed.length === 1 && typed !== " ")
      editor.edit(at.id, name, event.key);
    else return false;
    return true;
  }
}

export default function input(view: PairView) {
  return new PairInput(view);
}
