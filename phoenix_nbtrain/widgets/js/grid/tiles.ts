// One tile of the grid.

import { button, h, paintDot, paintName, printable, setAttribute, setText } from "../common/dom";
import type { CellEdit } from "../common/edits";
import type { Badge, ImageRow } from "../common/messages";
import { paintThumbnail } from "../common/thumbnails";
import type { Grid } from "./grid";

export interface Tile {
  cell: HTMLElement;
  pic: HTMLElement;
  img: HTMLImageElement;
  badges: HTMLElement;
  name: HTMLElement;
  dot: HTMLElement;
  cap: HTMLElement;
  size: HTMLElement;
  why: HTMLElement;
  choice: HTMLElement;
  id: string;
  index: number;
}
export function newTile(grid: Grid): Tile {
  const img = h("img", "", { alt: "", decoding: "async", draggable: "false" });
  const badges = h("span", "nbt-badges");
  const tick = h("span", "nbt-tick", { "aria-hidden": "true" }, "✓");
  const side = (which: "mine" | "theirs", text: string) =>
    button(text, "nbt-btn nbt-tiny", () => grid.bulkAction(which, [tile.id]), {
      tabindex: "-1",
      title: `${text} (${which[0].toUpperCase()})`,
    });
  const choice = h("span", "nbt-choice", {}, side("mine", "Keep mine"), side("theirs", "Take theirs"));
  const pic = h("div", "nbt-pic", {}, img, tick, badges, choice);
  const name = h("span", "nbt-name");
  const dot = h("span", "nbt-dot", { role: "img" });
  const cap = h("div", "nbt-cap", { dir: "auto" });
  const size = h("span", "nbt-size");
  const why = h("div", "nbt-reason");
  const cell = h(
    "div",
    "nbt-tile",
    { role: "gridcell", tabindex: "-1", draggable: "true", "data-lm-suppress-shortcuts": "" },
    pic,
    h("div", "nbt-meta", {}, name, size, dot),
    cap,
    why,
  );
  const tile: Tile = { cell, pic, img, badges, name, dot, cap, size, why, choice, id: "", index: -1 };
  return tile;
}

export function paintTile(grid: Grid, tile: Tile, row: ImageRow | undefined) {
  tile.id = row?.image_id ?? "";
  const edit = row ? grid.edits.cell("images", row.image_id, "caption") : undefined;
  const caption = row ? grid.caption(row) : "";
  const ghost = row && !caption ? row.automatic_caption || "no caption" : "";
  paintName(tile.name, row?.name ?? " ");
  setAttribute(tile.name, "title", row ? `${printable(row.name)} · ${measures(row)}` : null);
  setText(tile.cap, caption || ghost);
  tile.cap.classList.toggle("nbt-ghost", ghost !== "");
  setText(tile.size, row ? measures(row) : "");
  setAttribute(tile.img, "alt", row ? printable(row.name) : "");
  paintBadges(tile.badges, row ? badgesOf(row, caption) : []);
  paintThumbnail(tile.pic, tile.img, row ? grid.thumbnails.get(row.image_id, row.version) : undefined, row?.colour);
  const [state, reason] = cellState(edit, row);
  tile.dot.hidden = !row;
  paintDot(tile.dot, state, reason);
  setAttribute(tile.cell, "data-state", row ? state : null);
  setAttribute(tile.cell, "aria-selected", String(grid.selection.has(tile.id)));
  setAttribute(tile.cell, "aria-busy", row ? null : "true");
  const refused = edit?.phase === "refused";
  setAttribute(tile.cell, "aria-invalid", refused || row?.reason ? "true" : null);
  // A refused text is offered again in its own place.
  const both = !edit && row ? twoSaid(row) : "";
  setText(tile.why, refused ? `${edit.reason} Your text is kept: click to continue.` : both || (row?.reason ?? ""));
  tile.choice.hidden = !both;
  tile.badges.hidden = Boolean(both);
  tile.why.hidden = tile.why.textContent === "";
  setAttribute(tile.why, "title", tile.why.textContent);
}

/** What somebody else changed about an image that was changed here as well; empty if nobody did. */
export function twoSaid(row: ImageRow | undefined) {
  if (row?.gone) return "They removed it.";
  return typeof row?.theirs === "string" ? `Theirs: ${row.theirs || "(no caption)"}` : "";
}

/** The badges of an image, without the one about a missing caption if a caption is pending. */
export function badgesOf(row: ImageRow, caption: string): Badge[] {
  return caption.trim() ? row.badges.filter((badge: Badge) => badge.text !== "caption") : row.badges;
}

function paintBadges(holder: HTMLElement, badges: Badge[]) {
  const says = JSON.stringify(badges);
  if (holder.dataset.says === says) return;
  holder.dataset.says = says;
  holder.replaceChildren(
    ...badges.map(({ text, tone, why }) => h("span", `nbt-badge nbt-${tone}`, { title: why }, text)),
  );
}

export function cellState(edit: CellEdit | undefined, row: ImageRow | undefined): [string, string] {
  if (edit) return edit.phase === "pending" ? ["sending", ""] : ["refused", edit.reason];
  return [row?.state ?? "kept", row?.reason ?? ""];
}

/** The size of an image in pixels and bytes, as far as known. */
export function measures(row: ImageRow) {
  const { bytes } = row;
  const pixels = row.width && row.height ? `${row.width} × ${row.height}` : "";
  const weight = bytes ? (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`) : "";
  return [pixels, weight].filter(Boolean).join(" · ") || "size unknown";
}
