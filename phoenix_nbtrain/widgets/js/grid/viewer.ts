// The viewer: a large image with its caption beside it.

import { newId } from "../common/channel";
import { openDialog } from "../common/dialog";
import { button, h, paintDot, paintName, printable, setAttribute, setText } from "../common/dom";
import type { CellEdit } from "../common/edits";
import type { ImageRow } from "../common/messages";
import { Thumbnails } from "../common/thumbnails";
import { forgetRefused, keepTypedText } from "../common/typing";
import type { Grid } from "./grid";
import { badgesOf, cellState, measures, twoSaid } from "./tiles";
import { ZOOM_STEP, Zoom } from "./zoom";

const LARGE_PX = [1024, 1536, 2048];
const LARGE_KEPT = 6;

class Viewer {
  id: string;
  /** The caption that is being edited, as it was before. */
  typing: { id: string; base: number; was: string; offered?: CellEdit; end: (sent?: boolean) => void } | null = null;
  readonly signal: AbortSignal;
  readonly large: Thumbnails;
  readonly zoom: Zoom;
  readonly dialog: HTMLDialogElement;
  readonly heading: HTMLElement;
  readonly close: () => void;
  readonly count = h("span", "nbt-mute", { "aria-live": "polite" });
  readonly percent = button("", "nbt-btn nbt-quiet nbt-percent", () => this.zoom.toggle(), {
    title: "Fit, or 100 % (0, 1)",
  });
  readonly pick = button("Select", "nbt-btn nbt-quiet", () => this.select(), { title: "Select (Space)" });
  readonly img = h("img", "nbt-sight", { alt: "", draggable: "false" });
  readonly problem = h("div", "nbt-empty");
  readonly back = button("‹", "nbt-turn nbt-back", () => this.show(this.index - 1), {
    "aria-label": "Previous image (←)",
  });
  readonly on = button("›", "nbt-turn nbt-on", () => this.show(this.index + 1), { "aria-label": "Next image (→)" });
  readonly stage = h(
    "div",
    "nbt-stage",
    { tabindex: "0", role: "group", "aria-label": "Image", "data-lm-suppress-shortcuts": "" },
    this.img,
    this.problem,
    this.back,
    this.on,
  );
  readonly area = h("textarea", "nbt-input", { id: `nbt-${newId()}`, rows: "6", dir: "auto" });
  readonly label = h("label", "nbt-label", { for: this.area.id }, "Caption");
  readonly why = h("div", "nbt-reason", { id: `${this.area.id}-why`, role: "status" });
  readonly theirs = h("div", "nbt-why", { dir: "auto" });
  readonly choice = h("div", "nbt-both", {}, this.theirs);
  readonly facts = h("dl", "nbt-facts");

  constructor(
    readonly grid: Grid,
    public index: number,
  ) {
    this.id = grid.rows.at(index)?.image_id ?? "";
    const end = new AbortController();
    this.signal = end.signal;
    grid.signal.addEventListener("abort", () => end.abort(), { signal: end.signal });
    const { dialog, heading, body, close } = openDialog(grid.root, { title: "Image", className: "nbt-viewer" });
    this.dialog = dialog;
    this.heading = heading;
    this.close = close;
    const icon = (text: string, label: string, act: () => void) =>
      button(text, "nbt-btn nbt-quiet nbt-icon", act, { "aria-label": label, title: label });
    heading.nextElementSibling?.after(
      this.pick,
      icon("−", "Smaller (−)", () => this.zoom.by(1 / ZOOM_STEP)),
      this.percent,
      icon("+", "Larger (+)", () => this.zoom.by(ZOOM_STEP)),
    );
    heading.after(this.count);
    const keep = (side: "mine" | "theirs", text: string) =>
      button(text, "nbt-btn", () => grid.bulkAction(side, [this.id]));
    this.choice.append(h("div", "nbt-group", {}, keep("mine", "Keep mine"), keep("theirs", "Take theirs")));
    setAttribute(this.area, "aria-describedby", this.why.id);
    this.area.addEventListener("focus", () => this.paint());
    this.area.addEventListener("blur", () => this.save());
    body.append(this.stage, h("div", "nbt-beside", {}, this.label, this.area, this.why, this.choice, this.facts));
    this.large = new Thumbnails(grid.channel, end.signal, LARGE_PX[0], () => this.paint());
    this.large.most = LARGE_KEPT;
    this.zoom = new Zoom(this.stage, this.img, end.signal, () => this.paint());
    grid.watchers.add(this);
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("close", () => {
      this.save();
      grid.watchers.delete(this);
      end.abort();
      grid.focusOn(this.index);
    });
    this.show(index);
    this.stage.focus();
  }

  get row() {
    return this.grid.rows.byId(this.id) ?? this.grid.rows.at(this.index);
  }

  show(index: number) {
    const { grid } = this;
    if (index < 0 || index >= grid.count) return;
    this.save();
    this.index = index;
    this.id = grid.rows.at(index)?.image_id ?? "";
    if (this.id) grid.rows.hold(this.id);
    grid.focus = index;
    grid.intoView(index);
    grid.layout(); // which requests the rows there
    this.paint();
  }

  /** Called after the grid was painted. */
  painted() {
    const { grid } = this;
    if (grid.count === 0) return this.close();
    const at = this.id ? grid.rows.indexOf(this.id) : -1;
    if (at >= 0) this.index = at;
    else if (this.id && grid.rows.at(this.index)) {
      this.save(); // it is gone: the text is refused and then offered for copying
      this.id = "";
    }
    this.index = Math.min(this.index, grid.count - 1);
    this.id ||= grid.rows.at(this.index)?.image_id ?? "";
    this.paint();
  }

  paint() {
    if (this.signal.aborted) return;
    const { grid, row } = this;
    setText(this.count, `${(this.index + 1).toLocaleString("en")} of ${grid.count.toLocaleString("en")}`);
    this.back.disabled = this.index === 0;
    this.on.disabled = this.index >= grid.count - 1;
    if (!row) {
      this.area.value = "";
      this.area.readOnly = true;
      return;
    }
    paintName(this.heading, row.name);
    setAttribute(this.dialog, "aria-label", printable(row.name));
    setAttribute(this.pick, "aria-pressed", String(grid.selection.has(row.image_id)));
    this.paintThumbnail(row);
    this.paintCaption(row);
    this.paintFacts(row);
  }

  paintThumbnail(row: ImageRow) {
    const { grid, large, zoom } = this;
    const entry = large.get(row.image_id, row.version);
    const url = entry?.url || grid.thumbnails.get(row.image_id, row.version)?.url || "";
    if (this.img.getAttribute("src") !== url) url ? (this.img.src = url) : this.img.removeAttribute("src");
    this.img.hidden = !url;
    setAttribute(this.img, "alt", printable(row.name));
    setAttribute(this.stage, "aria-busy", String(!entry));
    this.problem.hidden = !entry?.error;
    setText(this.problem, entry?.error ?? "");
    if (row.width && row.height) zoom.of(row.width, row.height);
    else this.img.onload = () => zoom.of(this.img.naturalWidth, this.img.naturalHeight);
    setText(this.percent, zoom.chosen ? `${Math.round(zoom.scale * 100)} %` : "Fit");
    const side = Math.max(
      this.stage.clientWidth,
      this.stage.clientHeight,
      Math.max(zoom.width, zoom.height) * zoom.scale,
    );
    const px = side * (window.devicePixelRatio || 1);
    large.px = Math.max(zoom.chosen ? large.px : 0, LARGE_PX.find((size) => size >= px) ?? 2048);
    const near = [this.index + 1, this.index - 1].map((i) => grid.rows.at(i)).filter((row) => row !== undefined);
    const wanted = (one: ImageRow) => ({ id: one.image_id, version: one.version });
    large.want([wanted(row)], near.map(wanted));
  }

  paintCaption(row: ImageRow) {
    const { grid, area } = this;
    const edit = grid.edits.cell("images", row.image_id, "caption");
    const refused = edit?.phase === "refused";
    area.readOnly = grid.locked;
    if (!this.typing) {
      const was = grid.caption(row);
      const text = refused ? edit.value : was;
      if (area.value !== text) area.value = text;
      if (document.activeElement === area && !area.readOnly) {
        const end = keepTypedText(grid, area, { table: "images", row: row.image_id, column: "caption" }, () =>
          this.save(),
        );
        const base = grid.edits.seen(grid.rows, row.image_id, "caption");
        this.typing = { id: row.image_id, base, was, offered: refused ? edit : undefined, end };
      }
    }
    this.label.hidden = area.hidden = Boolean(grid.summary.picking);
    const both = edit ? "" : twoSaid(row);
    this.choice.hidden = !both;
    setText(this.theirs, both);
    setAttribute(area, "placeholder", row.automatic_caption || "What the image shows");
    setAttribute(area, "aria-invalid", refused || row.reason ? "true" : null);
    setText(this.why, refused ? `${edit.reason} Your text is kept.` : row.reason);
  }

  paintFacts(row: ImageRow) {
    const { grid } = this;
    const [state] = cellState(grid.edits.cell("images", row.image_id, "caption"), row);
    const badges = badgesOf(row, grid.caption(row));
    const says = JSON.stringify([measures(row), state, badges]);
    if (this.facts.dataset.says === says) return;
    this.facts.dataset.says = says;
    const dot = h("span", "nbt-dot", { role: "img" });
    paintDot(dot, state, ""); // the reason is shown under the caption
    const lines = [
      h("dt", "", {}, "Size"),
      h("dd", "", {}, measures(row)),
      h("dt", "", {}, "State"),
      h("dd", "", {}, dot, " ", dot.title),
    ];
    for (const { text, tone, why } of badges) {
      // A badge whose text says it all needs a label only.
      const term = text === why ? "Pair" : h("span", `nbt-badge nbt-${tone}`, {}, text);
      lines.push(h("dt", "", {}, term), h("dd", "", {}, why));
    }
    this.facts.replaceChildren(...lines);
  }

  select() {
    this.grid.pick(this.index, "toggle");
  }

  save() {
    const { typing } = this;
    this.typing = null;
    if (!typing) return;
    const { edits } = this.grid;
    const changed = this.area.value !== typing.was;
    typing.end(changed);
    if (changed) edits.set("images", typing.id, "caption", this.area.value, typing.base);
    else forgetRefused(this.grid, typing.offered);
  }

  key(event: KeyboardEvent) {
    if (event.isComposing) return;
    const writing = event.target === this.area;
    const command = event.ctrlKey || event.metaKey;
    const steps = {
      PageUp: -1,
      PageDown: 1,
      ...(!writing && { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }),
    };
    const step = steps[event.key as keyof typeof steps];
    if (step) this.show(this.index + step);
    else if (writing) {
      if (event.key === "Enter" && !event.shiftKey) {
        this.save();
        this.show(this.index + 1);
        this.area.select();
      } else if (event.key === "Escape") {
        forgetRefused(this.grid, this.typing?.offered);
        this.typing?.end();
        this.typing = null;
        this.stage.focus(); // before the paint, which begins to edit where the field has the focus
        this.paint();
      } else return;
    } else if (event.key === "Home") this.show(0);
    else if (event.key === "End") this.show(this.grid.count - 1);
    else if (event.key === " " && !(event.target instanceof HTMLButtonElement)) this.select();
    else if ((event.key === "Enter" && !(event.target instanceof HTMLButtonElement)) || event.key === "F2")
      this.area.focus();
    else if (command && event.key.toLowerCase() === "z") this.grid.frame.onUndoRedo(event.shiftKey ? "redo" : "undo");
    else if (command && event.key.toLowerCase() === "y") this.grid.frame.onUndoRedo("redo");
    else if (command || !this.zoom.key(event)) return;
    event.preventDefault();
  }
}

/**
 * @param index by default, the first of the selected images if it has been read, else the focused one
 */
export default function (grid: Grid, index?: number) {
  const selected = grid.rows.indexOf([...grid.selection.ids][0]);
  return new Viewer(grid, index ?? (selected >= 0 ? selected : grid.focus));
}
