// The image grid.

import { Channel, Revision } from "../common/channel";
import { h, perFrame, setAttribute } from "../common/dom";
import { Edits, showOutcome, showTextsOfGoneRows, undoOrRedo } from "../common/edits";
import { Frame, watchSummary } from "../common/frame";
import type { ImageRow, Model } from "../common/messages";
import { Parts } from "../common/parts";
import { Rows } from "../common/rows";
import { pxFor, Thumbnails, type Wanted } from "../common/thumbnails";
import { viewOf } from "../common/view";
import { VirtualScroll } from "../common/virtual_scroll";
import type bulkActions from "./bulk_actions";
import type captionEditor from "./caption_editor";
import type { CaptionEditor } from "./caption_editor";
import type captionsDialog from "./captions_dialog";
import type replaceDialog from "./replace_dialog";
import { ImageSelection } from "./selection";
import type shortcutsHelp from "./shortcuts_help";
import * as tiles from "./tiles";
import { newTile, paintTile, type Tile } from "./tiles";
import { Toolbar } from "./toolbar";
import * as undoNotice from "./undo_notice";
import type viewer from "./viewer";

const GAP = 12;
const DRAG = 6;
const PAGES_KEPT = 20;
/** By density: the minimum width of a tile, the height of the text below it, the minimum number of columns. */
const SIZES = { small: [92, 46, 3], medium: [140, 64, 2], large: [224, 80, 1] } as const;
type Density = keyof typeof SIZES;

/** Parts, which the kernel sends when they are first used. */
interface GridParts {
  bulk_actions: typeof bulkActions;
  caption_editor: typeof captionEditor;
  captions_dialog: typeof captionsDialog;
  replace_dialog: typeof replaceDialog;
  shortcuts_help: typeof shortcutsHelp;
  viewer: typeof viewer;
}

interface TileRow {
  row: HTMLElement;
  tiles: Tile[];
}

export class Grid {
  readonly paint: () => void;
  readonly frame: Frame;
  readonly channel: Channel;
  readonly revision = new Revision();
  readonly rows: Rows<"images">;
  readonly edits: Edits;
  readonly thumbnails: Thumbnails;
  readonly selection: ImageSelection;
  /** Once it is loaded. */
  captionEditor: CaptionEditor | null = null;
  loadingCaptionEditor: Promise<CaptionEditor | null> | null = null;
  readonly parts: Parts<GridParts>;
  /** Called after each paint. */
  readonly watchers = new Set<{ painted(): void }>();
  /** The kernel that this view talks to, and the cells that were edited in it (`common/typing.ts`). */
  kernel: string | undefined;
  typedHere: Map<string, string> | undefined;
  density: Density;
  focus = 0;
  columns = 0;
  version: number | undefined = -1;
  readonly scroll: VirtualScroll<TileRow>;
  readonly toolbar: Toolbar;
  readonly grid: HTMLDivElement;

  constructor(
    readonly model: Model,
    el: HTMLElement,
    readonly signal: AbortSignal,
  ) {
    this.paint = perFrame(signal, () => this.paintNow());
    this.frame = new Frame(model, el, signal, "nbt-images");
    this.channel = new Channel(model, signal, this.paint);
    this.rows = new Rows(this.channel, "images", this.revision, this.paint, PAGES_KEPT);
    this.edits = new Edits(this.channel, this.revision, this.paint, (cell) => showOutcome(this, cell));
    this.thumbnails = new Thumbnails(this.channel, signal, 192, this.paint);
    this.selection = new ImageSelection(model, this.channel, this.rows, this.paint);
    this.parts = new Parts(this.frame, this.channel, { "grid/tiles": tiles, "grid/undo_notice": undoNotice });
    this.density = model.get("density") ?? "medium";

    const f = this.frame;
    this.toolbar = new Toolbar(this);
    f.onUndoRedo = (kind, of) => void undoOrRedo(kind, f, this.edits, [this.rows], this.paint, of);
    this.grid = h("div", "nbt-scroll", { role: "grid", "aria-label": "Images", "aria-multiselectable": "true" });
    this.scroll = new VirtualScroll(this.grid, () => this.newLine());
    f.body.append(this.grid);
    this.listen();
    this.refreshed();
    void this.rows.want(0, 1);
  }

  listen() {
    const { signal, model } = this;
    this.grid.addEventListener("scroll", this.paint, { passive: true });
    this.grid.addEventListener("click", (event) => this.clicked(event));
    this.grid.addEventListener("dblclick", (event) => {
      const tile = this.tileOf(event.target);
      if (tile?.id && tile.pic.contains(event.target as Node)) this.open(tile.index);
    });
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.grid.addEventListener("focusin", (event) => {
      const tile = this.tileOf(event.target);
      if (!tile || tile.index === this.focus) return;
      this.focus = tile.index;
      this.paint();
    });
    this.grid.addEventListener("mousedown", (event) => {
      if (event.shiftKey && !this.writing(event.target)) event.preventDefault(); // no text selection
    });
    this.grid.addEventListener("dragstart", (event) =>
      this.captionEditor ? this.captionEditor.drag(event) : event.preventDefault(),
    );
    const size = new ResizeObserver(this.paint);
    size.observe(this.grid);
    const selected = () => this.selection.heard();
    const density = () => this.showDensity(model.get("density"));
    model.on("change:selected", selected);
    model.on("change:density", density);
    watchSummary(this.frame, this.channel, () => this.refreshed());
    signal.addEventListener("abort", () => {
      size.disconnect();
      model.off("change:selected", selected);
      model.off("change:density", density);
    });
  }

  refreshed() {
    const { summary } = this;
    this.revision.see(summary.revision ?? 0);
    if (summary.version !== this.version) {
      this.version = summary.version;
      this.rows.refresh(summary.total ?? 0);
      if (this.count === 0 || this.rows.problem) void this.rows.want(0, 1);
    }
    this.paint();
  }

  // -- what is shown ------------------------------------------------------------------------------

  get summary() {
    return this.frame.summary;
  }

  get root() {
    return this.frame.root;
  }

  /** Whether the images cannot be changed now. */
  get locked() {
    return Boolean(this.summary.training || this.summary.picking);
  }

  get count() {
    return this.rows.total;
  }

  caption(row: ImageRow) {
    const edit = this.edits.cell("images", row.image_id, "caption");
    return edit?.phase === "pending" ? edit.value : row.caption;
  }

  top() {
    this.grid.scrollTop = 0;
    this.focus = this.selection.anchor = 0;
  }

  setDensity(density: Density) {
    this.showDensity(density);
    void this.channel.ask({ kind: "density", density });
  }

  /** Change the size of the tiles and keep the same images in view. */
  showDensity(density: Density) {
    if (density === this.density || !(density in SIZES)) return;
    const first = Math.floor(this.grid.scrollTop / this.scroll.pitch) * this.columns;
    this.density = density;
    this.columns = 0;
    this.layout();
    this.grid.scrollTop = Math.floor(first / this.columns) * this.scroll.pitch;
    this.paint();
  }

  // -- painting -----------------------------------------------------------------------------------

  paintNow() {
    void showTextsOfGoneRows(this);
    this.frame.paint(this.edits, this.channel, this.rows.known);
    this.toolbar.paint();
    this.paintEmpty();
    this.layout();
    for (const watcher of this.watchers) watcher.painted();
    if (this.thumbnails.kept.size && !this.thumbnails.flights.size) void this.loadCaptionEditor();
  }

  paintEmpty() {
    const { empty } = this.frame;
    const nothing = this.count === 0 && (this.rows.known || this.summary.total === 0 || this.rows.problem !== "");
    empty.hidden = !nothing;
    if (nothing && this.grid.contains(document.activeElement)) this.frame.undo.focus();
    this.grid.hidden = nothing;
    if (!nothing) return;
    if (this.rows.problem) this.frame.explain(["", this.rows.problem, ""]);
    else if (this.toolbar.filtered) this.frame.explain(["", "No images match.", ""]);
    else if (this.summary.empty) this.frame.explain(this.summary.empty);
  }

  layout() {
    const width = this.grid.clientWidth - 2 * DRAG;
    if (this.grid.hidden || width <= 0) return;
    const [least, text, fewest] = SIZES[this.density as keyof typeof SIZES];
    const columns = Math.max(fewest, Math.floor((width + GAP) / (least + GAP)));
    const side = Math.floor((width - (columns - 1) * GAP) / columns);
    const pitch = side + text + GAP;
    const lines = Math.ceil(this.count / columns);
    if (columns !== this.columns) this.rebuild(columns);
    setAttribute(this.root, "data-density", this.density);
    setAttribute(this.grid, "aria-rowcount", String(lines));
    setAttribute(this.grid, "aria-colcount", String(columns));
    this.grid.style.setProperty("--nbt-side", `${side}px`);
    this.scroll.space.style.height = `${Math.max(0, lines * pitch - GAP + DRAG * 2)}px`;
    this.scroll.pitch = pitch;
    this.thumbnails.px = pxFor(side);

    this.focus = Math.max(0, Math.min(this.focus, this.count - 1));
    const top = Math.floor(this.grid.scrollTop / pitch);
    const bottom = Math.min(lines - 1, Math.floor((this.grid.scrollTop + this.grid.clientHeight - DRAG) / pitch));
    const keep = new Set<number>();
    for (let n = Math.max(0, top - 1); n <= Math.min(lines - 1, bottom + 1); n += 1) keep.add(n);
    // The line with the focus or the editor stays in the page, however far away one scrolls.
    if (this.captionEditor?.open) keep.add(Math.floor(this.rows.indexOf(this.captionEditor.open.id) / columns));
    const held =
      document.activeElement && this.root.contains(document.activeElement) ? this.tileOf(document.activeElement) : null;
    if (held) keep.add(Math.floor(held.index / columns)).add(Math.floor(this.focus / columns));
    const seen: Wanted[] = [];
    const ahead: Wanted[] = [];
    this.scroll.show(keep, lines, (line, n) => this.paintLine(line, n, n >= top && n <= bottom ? seen : ahead));
    // The focus must not fall back to the notebook, where "d d" deletes the cell.
    if (held && held.index >= this.count) this.tileAt(this.focus)?.cell.focus({ preventScroll: true });
    void this.rows.want(Math.max(0, top - 1) * columns, (bottom + 2) * columns);
    this.thumbnails.want(seen, ahead);
    this.captionEditor?.place();
  }

  rebuild(columns: number) {
    this.columns = columns;
    const focused = this.captionEditor?.open ? null : this.tileOf(document.activeElement);
    this.captionEditor?.lift();
    this.scroll.clear();
    this.captionEditor?.land();
    if (focused) window.setTimeout(() => this.focusOn(this.focus), 0);
  }

  newLine(): TileRow {
    const row = h("div", "nbt-line", { role: "row" });
    const tiles = Array.from({ length: this.columns }, () => newTile(this));
    row.append(...tiles.map((tile) => tile.cell));
    return { row, tiles };
  }

  paintLine(line: TileRow, n: number, near: Wanted[]) {
    line.row.style.transform = `translateY(${n * this.scroll.pitch}px)`;
    setAttribute(line.row, "aria-rowindex", String(n + 1));
    line.tiles.forEach((tile, column) => {
      const index = n * this.columns + column;
      tile.cell.hidden = index >= this.count;
      tile.index = index;
      setAttribute(tile.cell, "aria-colindex", String(column + 1));
      setAttribute(tile.cell, "tabindex", index === this.focus ? "0" : "-1");
      if (index >= this.count) return;
      const row = this.rows.at(index);
      paintTile(this, tile, row);
      if (row) near.push({ id: row.image_id, version: row.version });
    });
  }

  // -- focus and keys -----------------------------------------------------------------------------

  tiles() {
    return [...this.scroll.shown.values()].flatMap((line) => line.tiles);
  }

  tileOf(target: EventTarget | null): Tile | null {
    if (!(target instanceof Node) || !this.scroll.space.contains(target)) return null;
    return this.tiles().find((tile) => tile.cell.contains(target)) ?? null;
  }

  tileAt(index: number) {
    return this.scroll.shown.get(Math.floor(index / this.columns))?.tiles[index % this.columns];
  }

  focusOn(index: number) {
    this.focus = Math.max(0, Math.min(index, this.count - 1));
    this.intoView(this.focus);
    this.layout();
    this.tileAt(this.focus)?.cell.focus({ preventScroll: true });
  }

  intoView(index: number) {
    this.scroll.reveal(Math.floor(index / this.columns));
  }

  clicked(event: MouseEvent) {
    const tile = this.tileOf(event.target);
    // The second click of a double click opens the image, and must not undo the selection of the first.
    if (!tile?.id || event.target instanceof HTMLButtonElement || event.detail > 1 || this.writing(event.target))
      return;
    const onText = event.target instanceof Node && (tile.cap.contains(event.target) || tile.why.contains(event.target));
    this.focus = tile.index;
    const { picking } = this.summary;
    if (onText && !picking && !event.shiftKey && !event.ctrlKey && !event.metaKey) void this.edit(tile.id);
    else {
      // A plain click must not replace a large selection from a folder.
      this.pick(tile.index, event.shiftKey ? "range" : event.ctrlKey || event.metaKey || picking ? "toggle" : "only");
      this.focusOn(tile.index);
    }
  }

  async pick(index: number, how: "only" | "toggle" | "range") {
    await this.selection.pick(index, how);
    this.frame.announce(`${this.selection.size.toLocaleString("en")} selected`);
  }

  key(event: KeyboardEvent) {
    if (this.writing(event.target)) return this.captionEditor?.key(event);
    const page = this.columns * this.scroll.page;
    const steps: { [key: string]: number } = {
      ArrowLeft: this.focus - 1,
      ArrowRight: this.focus + 1,
      ArrowUp: this.focus - this.columns,
      ArrowDown: this.focus + this.columns,
      PageUp: this.focus - page,
      PageDown: this.focus + page,
      Home: 0,
      End: this.count - 1,
    };
    const command = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    const to = steps[event.key];
    if (to !== undefined) {
      const far = event.key.startsWith("Page") ? Math.max(0, Math.min(to, this.count - 1)) : to;
      if (far >= 0 && far < this.count) {
        this.focusOn(far);
        if (event.shiftKey) void this.pick(far, "range");
        else if (!command) this.selection.anchor = far;
      }
    } else if (event.key === " ") void this.pick(this.focus, event.shiftKey ? "range" : "toggle");
    else if ((command && event.key === "Enter") || (!command && letter === "o")) this.open(this.focus);
    else if (event.key === "Enter" || event.key === "F2") void this.edit(this.rows.at(this.focus)?.image_id);
    else if (event.key === "Delete") this.bulkAction("remove");
    else if (!command && letter === "c") this.recaption();
    else if (!command && (letter === "m" || letter === "t"))
      this.bulkAction(letter === "m" ? "mine" : "theirs", [this.rows.idAt(this.focus) ?? ""]);
    else if (!command && letter === "p") this.bulkAction("pair");
    else if (event.key === "?") void this.parts.run("shortcuts_help", this);
    else if (event.key === "Escape") this.selection.set([]);
    else if (event.key === "/") this.toolbar.search.focus();
    else if (command && letter === "a") void this.selection.all();
    else if (command && letter === "z") this.frame.onUndoRedo(event.shiftKey ? "redo" : "undo");
    else if (command && letter === "y") this.frame.onUndoRedo("redo");
    else return;
    event.preventDefault();
  }

  writing(target: EventTarget | null) {
    return Boolean(this.captionEditor?.holds(target));
  }

  /** Load the editor before it is needed, because a kernel that is busy then could not send it. */
  loadCaptionEditor() {
    return (this.loadingCaptionEditor ??= this.parts
      .run("caption_editor", this)
      .then((editor) => (this.captionEditor = editor ?? null)));
  }

  async edit(id: string | undefined) {
    if (!this.captionEditor && !(await this.loadCaptionEditor())) this.loadingCaptionEditor = null; // it failed, and is tried again next time
    this.captionEditor?.edit(id);
  }

  // -- commands -----------------------------------------------------------------------------------

  /**
   * @param what "mine" and "theirs" choose between two versions of a caption
   * @param ids by default, the selected images
   */
  bulkAction(what: "remove" | "pair" | "mine" | "theirs", ids?: string[]) {
    void this.parts.run("bulk_actions", this, what, ids);
  }

  /** Change the captions of the selected images, or of the focused one. */
  recaption() {
    const ids = this.selection.size ? [...this.selection.ids] : [this.rows.idAt(this.focus)];
    void this.parts.run(
      "captions_dialog",
      this,
      ids.filter((id) => id !== undefined),
    );
  }

  /** @param index by default, the first of the selected images */
  open(index?: number) {
    void this.parts.run("viewer", this, index);
  }
}

export default viewOf((model, el, signal) => new Grid(model, el, signal));
