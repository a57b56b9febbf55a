// The caption editor inside a tile. It is loaded once the first thumbnails are there.

import { h, printable } from "../common/dom";
import type { CellEdit } from "../common/edits";
import { forgetRefused, keepTypedText, offerKeptTexts } from "../common/typing";
import type { Grid } from "./grid";

export class CaptionEditor {
  open: {
    id: string;
    area: HTMLTextAreaElement;
    base: number;
    was: string;
    offered?: CellEdit;
    end: (sent?: boolean) => void;
  } | null = null;
  moving = false;
  refocus = false;

  constructor(readonly grid: Grid) {
    if (!grid.summary.picking)
      void offerKeptTexts(
        grid,
        (row) => this.goOn(row),
        () => grid.focusOn(grid.focus),
      );
  }

  /** Open the caption of an image, wherever it is in the list; return whether it is open. */
  async goOn(id: string) {
    const { grid } = this;
    let index = grid.rows.indexOf(id);
    if (index < 0) {
      index = (await grid.rows.ids(0, grid.rows.total)).indexOf(id);
      if (index < 0) return false;
      grid.focusOn(index);
      for (let tries = 0; tries < 5 && grid.rows.indexOf(id) < 0; tries += 1) await grid.rows.want(index, index + 1);
    }
    this.edit(id);
    return this.open?.id === id;
  }

  holds(target: EventTarget | null) {
    return this.open !== null && target === this.open.area;
  }

  edit(id: string | undefined) {
    const { grid } = this;
    const row = id ? grid.rows.byId(id) : undefined;
    if (!row || this.open?.id === id || grid.summary.picking) return;
    if (this.open) this.save();
    if (grid.summary.training) {
      grid.frame.announce("Training is running; captions can be changed when it has ended.");
      return;
    }
    const offered = grid.edits.refused("images", row.image_id, "caption");
    const area = h("textarea", "nbt-input nbt-area", {
      "aria-label": `Caption of ${printable(row.name)}`,
      placeholder: row.automatic_caption || "What the image shows",
      rows: "3",
      dir: "auto",
    });
    const was = grid.caption(row);
    area.value = offered?.value ?? was;
    const base = grid.edits.seen(grid.rows, row.image_id, "caption");
    const end = keepTypedText(
      grid,
      area,
      { table: "images", row: row.image_id, column: "caption" },
      () => this.open?.area === area && this.save(),
    );
    this.open = { id: row.image_id, area, base, was, offered, end };
    area.addEventListener("blur", () => !this.moving && this.open?.area === area && this.save());
    area.addEventListener("input", () => this.grow());
    grid.rows.hold(row.image_id);
    grid.focus = grid.rows.indexOf(row.image_id);
    grid.intoView(grid.focus);
    grid.layout();
    area.focus({ preventScroll: true });
    area.setSelectionRange(area.value.length, area.value.length);
    this.grow();
  }

  /** Let an image be dragged into the pair table. */
  drag(event: DragEvent) {
    const { grid } = this;
    const tile = grid.tileOf(event.target);
    if (!tile?.id || !event.dataTransfer || this.open || grid.locked) return event.preventDefault();
    event.dataTransfer.setData("application/x-nbtrain-image", `${tile.id} ${grid.summary.model_id}`);
    event.dataTransfer.setData("text/plain", grid.rows.byId(tile.id)?.name ?? "");
    event.dataTransfer.effectAllowed = "copy";
    event.dataTransfer.setDragImage(tile.pic, 20, 20);
  }

  /** Move the editor to the tile that shows its image now. */
  place() {
    if (!this.open) return;
    const { grid } = this;
    const { id, area } = this.open;
    const index = grid.rows.indexOf(id);
    const tile = index < 0 ? undefined : grid.tileAt(index);
    if (!tile) return void this.rescue(id);
    for (const other of grid.tiles()) other.cell.classList.toggle("nbt-editing", other === tile);
    if (area.parentNode === tile.cell) return;
    const had = this.refocus || document.activeElement === area;
    this.refocus = false;
    const at = area.selectionStart;
    this.moving = true;
    tile.cell.append(area);
    if (had) {
      area.focus({ preventScroll: true });
      area.setSelectionRange(at, at);
    }
    this.moving = false;
  }

  /** If the image no longer exists, send the text all the same: it is refused and then offered for copying. */
  async rescue(id: string) {
    if ((await this.grid.rows.gone([id])).has(id) && this.open?.id === id) this.save();
  }

  /** All tiles are about to be replaced. */
  lift() {
    this.refocus = document.activeElement === this.open?.area;
    this.moving = true;
  }

  /** All tiles have been replaced. */
  land() {
    this.moving = false;
  }

  grow() {
    const area = this.open?.area;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight + 2, 220)}px`;
  }

  /** @param sent whether an edit carries the text now */
  close(sent?: boolean) {
    const { open } = this;
    this.open = null;
    open?.end(sent);
    open?.area.parentElement?.classList.remove("nbt-editing");
    open?.area.remove();
    this.grid.paint();
  }

  save() {
    if (!this.open) return;
    const { edits } = this.grid;
    const { id, area, base, was, offered } = this.open;
    const changed = area.value !== was;
    this.close(changed);
    if (changed) edits.set("images", id, "caption", area.value, base);
    else forgetRefused(this.grid, offered);
  }

  key(event: KeyboardEvent) {
    if (event.isComposing || !this.open) return;
    const { grid } = this;
    const { id, offered } = this.open;
    const onward = (event.key === "Enter" && !event.shiftKey) || (event.key === "Tab" && !event.shiftKey);
    const next = grid.rows.indexOf(id) + (onward ? 1 : -1);
    const inside = next >= 0 && next < grid.count;
    if (event.key === "Enter" && !event.shiftKey && !inside) {
      event.preventDefault();
      this.save();
      grid.focusOn(grid.focus);
    } else if ((onward || event.key === "Tab") && inside) {
      event.preventDefault();
      this.save();
      grid.focusOn(next);
      this.edit(grid.rows.at(next)?.image_id);
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.close();
      forgetRefused(grid, offered);
      grid.focusOn(grid.focus);
    }
  }
}

export default function (grid: Grid) {
  return new CaptionEditor(grid);
}
