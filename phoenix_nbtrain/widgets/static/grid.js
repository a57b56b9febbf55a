// @ts-check
// The image grid. Only the rows in view exist in the page; they are recycled while scrolling.

const GAP = 12;
const TILE_LEAST = 140;
const TILE_TEXT = 64; // the name, and two lines of caption
const DRAG = 6;

/**
 * @typedef {{
 *   cell: HTMLElement, pic: HTMLElement, img: HTMLImageElement, missing: HTMLElement, uses: HTMLElement,
 *   name: HTMLElement, dot: HTMLElement, cap: HTMLElement, why: HTMLElement, id: string, index: number,
 * }} Tile
 * @typedef {{ row: HTMLElement, tiles: Tile[] }} Line
 */

class Grid {
  /** @param {Model} model @param {HTMLElement} el @param {AbortSignal} signal */
  constructor(model, el, signal) {
    this.model = model;
    this.signal = signal;
    this.paint = perFrame(signal, () => this.paintNow());
    this.frame = new Frame(model, el, signal, "nbt-images");
    this.channel = new Channel(model, signal, this.paint);
    this.revision = new Revision();
    this.rows = new Rows(this.channel, "images", this.revision, () => (this.refilter(), this.paint()));
    this.edits = new Edits(this.channel, this.revision, this.paint, (cell) => settle(this, cell));
    const px = 128 * Math.min(4, Math.ceil((170 * (window.devicePixelRatio || 1)) / 128));
    this.pictures = new Pictures(this.channel, signal, px, this.paint);

    /** @type {string[] | null} ids that the search and the filter leave; null for all */
    this.found = null;
    this.terms = "";
    this.attention = false;
    /** @type {Set<string>} */
    this.selected = new Set(model.get("selected") ?? []);
    this.selecting = 0;
    this.focus = 0;
    this.anchor = 0;
    /** @type {{ id: string, area: HTMLTextAreaElement, base: number, was: string } | null} */
    this.editing = null;
    this.moving = false;
    this.refocus = false;
    this.columns = 0;
    this.pitch = 1;
    this.version = -1;
    /** @type {Map<number, Line>} */
    this.lines = new Map();
    /** @type {Line[]} */
    this.spare = [];

    const f = this.frame;
    this.search = h("input", "nbt-input nbt-search", {
      type: "search", placeholder: "Search names and captions", "aria-label": "Search names and captions",
    });
    this.chip = button("", "nbt-chip", () => this.toggleAttention(), { "aria-pressed": "false" });
    this.chosen = h("span", "nbt-mute");
    this.remove = button("Remove", "nbt-btn", () => this.removeSelected(), { title: "Remove the selected images (Delete)" });
    f.bar.append(this.search, this.chip, h("span", "nbt-grow"), this.chosen, this.remove, f.undo, f.redo);
    f.onAgain = (kind) => void again(kind, f, this.edits, [this.rows], this.paint);
    this.space = h("div", "nbt-space", { role: "presentation" });
    this.grid = h("div", "nbt-scroll", { role: "grid", "aria-label": "Images", "aria-multiselectable": "true" }, this.space);
    f.body.append(this.grid);

    this.listen();
    this.refreshed();
    void this.rows.want(0, PAGE);
  }

  listen() {
    const { signal } = this;
    let timer = 0;
    this.search.addEventListener("input", () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => this.filter(), 80);
    });
    this.grid.addEventListener("scroll", this.paint, { passive: true });
    this.grid.addEventListener("click", (event) => this.clicked(event));
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.grid.addEventListener("focusin", (event) => {
      const tile = this.tileOf(event.target);
      if (tile && tile.index !== this.focus) (this.focus = tile.index), this.paint();
    });
    this.grid.addEventListener("mousedown", (event) => {
      if (event.shiftKey && !this.inEditor(event.target)) event.preventDefault(); // no text selection
    });
    const size = new ResizeObserver(this.paint);
    size.observe(this.grid);
    const onSelected = () => {
      if (this.selecting > 0) return; // older than what is on its way
      this.selected = new Set(this.model.get("selected") ?? []);
      this.paint();
    };
    this.model.on("change:selected", onSelected);
    watchSummary(this.frame, this.channel, () => this.refreshed());
    signal.addEventListener("abort", () => {
      size.disconnect();
      clearTimeout(timer);
      this.model.off("change:selected", onSelected);
    });
  }

  refreshed() {
    const { summary } = this.frame;
    this.revision.see(summary.revision ?? 0);
    if (summary.version !== this.version) {
      this.version = summary.version;
      this.rows.refresh(summary.total ?? 0);
      if (this.found || this.rows.problem) void this.rows.want(0, this.rows.total);
    }
    this.paint();
  }

  // -- what is shown ------------------------------------------------------------------------------

  get count() {
    return this.found ? this.found.length : this.rows.total;
  }

  /** @param {number} index @returns {Row | undefined} */
  row(index) {
    return this.found ? this.rows.byId(this.found[index] ?? "") : this.rows.at(index);
  }

  /** @param {string} id */
  indexOf(id) {
    return this.found ? this.found.indexOf(id) : this.rows.indexOf(id);
  }

  /** @param {Row} row */
  caption(row) {
    const edit = this.edits.of("images", row.image_id, "caption");
    return edit?.phase === "pending" ? edit.value : row.caption;
  }

  /** @param {Row} row */
  needs(row) {
    return row.state === "refused" || !row.caption || this.edits.of("images", row.image_id, "caption")?.phase === "refused";
  }

  filter() {
    this.terms = low(this.search.value);
    this.found = null;
    this.grid.scrollTop = 0;
    this.focus = this.anchor = 0;
    this.refilter();
    this.paint();
    if (this.terms) window.setTimeout(() => this.frame.announce(counted(this.count, "image") + " found"), 400);
  }

  toggleAttention() {
    this.attention = !this.attention;
    mark(this.chip, "aria-pressed", String(this.attention));
    this.filter();
  }

  refilter() {
    if (!this.terms && !this.attention) {
      this.found = null;
      return;
    }
    void this.rows.want(0, this.rows.total);
    // What was found stays while it is worked on, although it may fit no longer.
    const before = new Set(this.found ?? []);
    const fits = (/** @type {Row} */ row) =>
      (!this.attention || this.needs(row)) &&
      (!this.terms || low(`${row.name}\n${row.caption}\n${row.automatic_caption}`).includes(this.terms));
    this.found = this.rows.loaded().filter((row) => before.has(row.image_id) || fits(row)).map((row) => row.image_id);
  }

  // -- painting -----------------------------------------------------------------------------------

  paintNow() {
    giveBackGone(this);
    const f = this.frame;
    const s = f.summary;
    f.paint(this.edits, this.channel, this.rows.known);
    const counts = s.counts ?? {};
    const todo = this.attentionCount(counts);
    say(this.chip, `${todo.toLocaleString("en")} ${todo === 1 ? "needs" : "need"} attention`);
    this.chip.hidden = todo === 0 && !this.attention;
    this.search.hidden = (s.total ?? 0) === 0;
    f.bar.hidden = (s.total ?? 0) === 0 && !s.can_undo && !s.can_redo;
    say(this.chosen, this.selected.size ? `${this.selected.size.toLocaleString("en")} selected` : "");
    this.chosen.hidden = this.remove.hidden = this.selected.size === 0;
    this.remove.disabled = Boolean(s.training);
    const captioned = (counts.images ?? 0) - (counts.uncaptioned ?? 0);
    say(f.count, s.total ? `${counted(s.total, "image")} · ${captioned.toLocaleString("en")} captioned` : "");
    this.paintEmpty();
    this.layout();
  }

  /** @param {{ [name: string]: number }} counts */
  attentionCount(counts) {
    const rows = this.rows.loaded();
    if (rows.length < this.rows.total || !this.rows.known) return (counts.uncaptioned ?? 0) + (counts.refused ?? 0);
    return rows.filter((row) => this.needs(row)).length;
  }

  paintEmpty() {
    const { empty } = this.frame;
    const nothing = this.count === 0 && (this.rows.known || this.frame.summary.total === 0 || this.rows.problem !== "");
    empty.hidden = !nothing;
    if (nothing && this.grid.contains(document.activeElement)) this.frame.undo.focus();
    this.grid.hidden = nothing;
    if (!nothing) return;
    if (this.rows.problem) this.frame.explain("", this.rows.problem, "");
    else if (this.terms || this.attention) this.frame.explain("", "No image fits.", "");
    else {
      const text = "Add a folder, files, a zip or PIL images. They appear here at once and are sent behind.";
      this.frame.explain("No images yet", text, 'training.add_images("my-pictures/")');
    }
  }

  layout() {
    const width = this.grid.clientWidth - 2 * DRAG;
    if (this.grid.hidden || width <= 0) return;
    const columns = Math.max(2, Math.floor((width + GAP) / (TILE_LEAST + GAP)));
    const side = Math.floor((width - (columns - 1) * GAP) / columns);
    const pitch = side + TILE_TEXT + GAP;
    const lines = Math.ceil(this.count / columns);
    if (columns !== this.columns) this.rebuild(columns);
    mark(this.grid, "aria-rowcount", String(lines));
    mark(this.grid, "aria-colcount", String(columns));
    this.grid.style.setProperty("--nbt-side", `${side}px`);
    this.space.style.height = `${Math.max(0, lines * pitch - GAP + DRAG * 2)}px`;
    this.pitch = pitch;

    this.focus = Math.max(0, Math.min(this.focus, this.count - 1));
    const first = Math.max(0, Math.floor(this.grid.scrollTop / pitch) - 1);
    const last = Math.min(lines - 1, Math.floor((this.grid.scrollTop + this.grid.clientHeight) / pitch) + 1);
    const keep = new Set();
    for (let n = first; n <= last; n += 1) keep.add(n);
    // The line that has the focus or the editor stays, however far away one scrolls.
    if (this.editing) keep.add(Math.floor(this.indexOf(this.editing.id) / columns));
    const held = document.activeElement && this.root.contains(document.activeElement) ? this.tileOf(document.activeElement) : null;
    if (held) keep.add(Math.floor(held.index / columns)).add(Math.floor(this.focus / columns));
    for (const [n, line] of this.lines) {
      if (keep.has(n) && n < lines) continue;
      this.lines.delete(n);
      line.row.remove();
      this.spare.push(line);
    }
    const order = [...keep].filter((n) => n >= 0 && n < lines).sort((a, b) => a - b);
    /** @type {{ id: string, picture: string }[]} */
    const near = [];
    for (const n of order) {
      let line = this.lines.get(n);
      if (!line) {
        line = this.spare.pop() ?? this.newLine();
        this.lines.set(n, line);
      }
      this.paintLine(line, n, near);
    }
    arrange(this.space, order.map((n) => /** @type {Line} */ (this.lines.get(n)).row));
    if (this.spare.length > 4) this.spare.length = 4;
    // Its image is gone: keys must not fall through to the notebook, where "d d" deletes the cell.
    if (held && held.index >= this.count) this.tileAt(this.focus)?.cell.focus({ preventScroll: true });
    void this.rows.want(...this.span(first * columns, (last + 1) * columns));
    this.pictures.want(near);
    this.placeEditor();
  }

  get root() {
    return this.frame.root;
  }

  /** The places in the table of what is in view. @param {number} start @param {number} stop @returns {[number, number]} */
  span(start, stop) {
    if (!this.found) return [start, stop];
    const places = this.found.slice(start, stop).map((id) => this.rows.indexOf(id)).filter((i) => i >= 0);
    return places.length ? [Math.min(...places), Math.max(...places) + 1] : [0, 1];
  }

  /** @param {number} columns */
  rebuild(columns) {
    this.columns = columns;
    const focused = this.editing ? null : this.tileOf(document.activeElement);
    this.moving = true;
    this.refocus = document.activeElement === this.editing?.area;
    for (const line of this.lines.values()) line.row.remove();
    this.lines.clear();
    this.spare = [];
    this.moving = false;
    if (focused) window.setTimeout(() => this.focusOn(this.focus), 0);
  }

  /** @returns {Line} */
  newLine() {
    const row = h("div", "nbt-line", { role: "row" });
    const tiles = Array.from({ length: this.columns }, () => this.newTile());
    row.append(...tiles.map((tile) => tile.cell));
    return { row, tiles };
  }

  /** @returns {Tile} */
  newTile() {
    const img = h("img", "", { alt: "", decoding: "async", draggable: "false" });
    const missing = h("span", "nbt-badge nbt-warn", {}, "caption");
    const uses = h("span", "nbt-badge nbt-hint");
    const badges = h("span", "nbt-badges", {}, missing, uses);
    const tick = h("span", "nbt-tick", { "aria-hidden": "true" }, "✓");
    const pic = h("div", "nbt-pic", {}, img, tick, badges);
    const name = h("span", "nbt-name");
    const dot = h("span", "nbt-dot", { role: "img" });
    const cap = h("div", "nbt-cap", { dir: "auto" });
    const why = h("div", "nbt-reason");
    const cell = h(
      "div", "nbt-tile", { role: "gridcell", tabindex: "-1", "data-lm-suppress-shortcuts": "" },
      pic, h("div", "nbt-meta", {}, name, dot), cap, why,
    );
    return { cell, pic, img, missing, uses, name, dot, cap, why, id: "", index: -1 };
  }

  /** @param {Line} line @param {number} n @param {{ id: string, picture: string }[]} near */
  paintLine(line, n, near) {
    line.row.style.transform = `translateY(${n * this.pitch}px)`;
    mark(line.row, "aria-rowindex", String(n + 1));
    line.tiles.forEach((tile, column) => {
      const index = n * this.columns + column;
      tile.cell.hidden = index >= this.count;
      tile.index = index;
      mark(tile.cell, "aria-colindex", String(column + 1));
      mark(tile.cell, "tabindex", index === this.focus ? "0" : "-1");
      if (index >= this.count) return;
      const row = this.row(index);
      this.paintTile(tile, row);
      if (row) near.push({ id: row.image_id, picture: row.picture });
    });
  }

  /** @param {Tile} tile @param {Row | undefined} row */
  paintTile(tile, row) {
    tile.id = row?.image_id ?? "";
    const edit = row ? this.edits.of("images", row.image_id, "caption") : undefined;
    const caption = row ? this.caption(row) : "";
    const ghost = row && !caption ? row.automatic_caption || "no caption" : "";
    paintName(tile.name, row?.name ?? " ");
    mark(tile.name, "title", row ? describe(row) : null);
    say(tile.cap, caption || ghost);
    tile.cap.classList.toggle("nbt-ghost", ghost !== "");
    mark(tile.img, "alt", row ? plain(row.name) : "");
    tile.missing.hidden = !row || caption !== "";
    tile.uses.hidden = !row?.pairs;
    say(tile.uses, row?.pairs ? counted(row.pairs, "pair") : "");
    paintPicture(tile.pic, tile.img, row ? this.pictures.get(row.image_id, row.picture) : undefined);
    const [state, reason] = cellState(edit, row);
    tile.dot.hidden = !row;
    paintDot(tile.dot, state, reason);
    const on = this.selected.has(tile.id);
    mark(tile.cell, "aria-selected", String(on));
    const refused = edit?.phase === "refused";
    mark(tile.cell, "aria-invalid", refused || row?.reason ? "true" : null);
    // What was typed and not taken is offered again where it would have stood.
    say(tile.why, refused ? `${edit.reason} Your text is kept: click to go on.` : row?.reason ?? "");
    tile.why.hidden = tile.why.textContent === "";
    mark(tile.why, "title", tile.why.textContent);
  }

  // -- selection and focus ------------------------------------------------------------------------

  /** @param {EventTarget | null} target @returns {Tile | null} */
  tileOf(target) {
    if (!(target instanceof Node)) return null;
    for (const line of this.lines.values()) {
      if (!line.row.contains(target)) continue;
      return line.tiles.find((tile) => tile.cell.contains(target)) ?? null;
    }
    return null;
  }

  /** @param {EventTarget | null} target */
  inEditor(target) {
    return this.editing !== null && target === this.editing.area;
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const tile = this.tileOf(event.target);
    if (!tile || !tile.id || this.inEditor(event.target)) return;
    const onText = event.target instanceof Node && (tile.cap.contains(event.target) || tile.why.contains(event.target));
    this.focus = tile.index;
    if (onText && !event.shiftKey && !event.ctrlKey && !event.metaKey) this.edit(tile.id);
    else {
      this.pick(tile.index, event.shiftKey ? "range" : event.ctrlKey || event.metaKey ? "toggle" : "only");
      this.focusOn(tile.index);
    }
  }

  /** @param {number} index @param {"only" | "toggle" | "range"} how */
  pick(index, how) {
    const id = this.row(index)?.image_id;
    if (!id) return;
    if (how === "range") {
      const [from, to] = [Math.min(this.anchor, index), Math.max(this.anchor, index)];
      this.selected = new Set();
      for (let i = from; i <= to; i += 1) {
        const row = this.row(i);
        if (row) this.selected.add(row.image_id);
      }
    } else {
      if (how === "toggle") this.selected.has(id) ? this.selected.delete(id) : this.selected.add(id);
      else this.selected = this.selected.size === 1 && this.selected.has(id) ? new Set() : new Set([id]);
      this.anchor = index;
    }
    this.told();
  }

  async told() {
    this.paint();
    this.frame.announce(`${this.selected.size} selected`);
    this.selecting += 1;
    if (this.selecting > 1) return; // the one on its way sends the newest when it is back
    for (let sent = -1; sent !== this.selecting; ) {
      sent = this.selecting;
      await this.channel.ask({ kind: "select", ids: [...this.selected] });
    }
    this.selecting = 0;
    this.selected = new Set(this.model.get("selected") ?? []);
    this.paint();
  }

  async selectAll() {
    if (this.rows.loaded().length < this.rows.total) await this.rows.want(0, this.rows.total);
    const rows = this.found ?? this.rows.loaded().map((row) => row.image_id);
    this.selected = new Set(rows);
    void this.told();
  }

  /** @param {number} index */
  focusOn(index) {
    this.focus = Math.max(0, Math.min(index, this.count - 1));
    this.intoView(this.focus);
    this.layout();
    this.tileAt(this.focus)?.cell.focus({ preventScroll: true });
  }

  /** @param {number} index */
  tileAt(index) {
    return this.lines.get(Math.floor(index / this.columns))?.tiles[index % this.columns];
  }

  /** @param {number} index */
  intoView(index) {
    const top = Math.floor(index / this.columns) * this.pitch;
    const bottom = top + this.pitch;
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (bottom > this.grid.scrollTop + this.grid.clientHeight) this.grid.scrollTop = bottom - this.grid.clientHeight;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (this.inEditor(event.target)) return this.editorKey(event);
    const page = this.columns * Math.max(1, Math.floor(this.grid.clientHeight / this.pitch));
    /** @type {{ [key: string]: number }} */
    const steps = {
      ArrowLeft: this.focus - 1, ArrowRight: this.focus + 1,
      ArrowUp: this.focus - this.columns, ArrowDown: this.focus + this.columns,
      PageUp: this.focus - page, PageDown: this.focus + page, Home: 0, End: this.count - 1,
    };
    const command = event.ctrlKey || event.metaKey;
    const to = steps[event.key];
    if (to !== undefined) {
      const far = event.key.startsWith("Page") ? Math.max(0, Math.min(to, this.count - 1)) : to;
      if (far >= 0 && far < this.count) {
        this.focusOn(far);
        if (event.shiftKey) this.pick(far, "range");
        else if (!command) this.anchor = far;
      }
    } else if (event.key === " ") this.pick(this.focus, event.shiftKey ? "range" : "toggle");
    else if (event.key === "Enter" || event.key === "F2") this.edit(this.row(this.focus)?.image_id);
    else if (event.key === "Delete") this.removeSelected();
    else if (event.key === "Escape") (this.selected = new Set()), void this.told();
    else if (command && event.key.toLowerCase() === "a") void this.selectAll();
    else if (command && event.key.toLowerCase() === "z") this.frame.onAgain(event.shiftKey ? "redo" : "undo");
    else if (command && event.key.toLowerCase() === "y") this.frame.onAgain("redo");
    else return;
    event.preventDefault();
  }

  // -- captions -----------------------------------------------------------------------------------

  /** @param {string | undefined} id */
  edit(id) {
    const row = id ? this.rows.byId(id) : undefined;
    if (!row || this.editing?.id === id) return;
    if (this.editing) this.save();
    if (this.frame.summary.training) {
      this.frame.announce("Training is running; captions can be changed when it has ended.");
      return;
    }
    const refused = this.edits.of("images", row.image_id, "caption");
    const area = h("textarea", "nbt-input nbt-area", {
      "aria-label": `Caption of ${plain(row.name)}`, placeholder: row.automatic_caption || "What the picture shows", rows: "3", dir: "auto",
    });
    area.value = refused ? refused.value : row.caption;
    this.editing = { id: row.image_id, area, base: this.revision.seen, was: this.caption(row) };
    area.addEventListener("blur", () => !this.moving && this.editing?.area === area && this.save());
    area.addEventListener("input", () => this.grow());
    this.focus = this.indexOf(row.image_id);
    this.intoView(this.focus);
    this.layout();
    this.placeEditor();
    area.focus({ preventScroll: true });
    area.setSelectionRange(area.value.length, area.value.length);
    this.grow();
  }

  /** Keep the editor in the tile of its picture, wherever that is now. */
  placeEditor() {
    if (!this.editing) return;
    const { id, area } = this.editing;
    const index = this.indexOf(id);
    const tile = this.tileAt(index);
    if (index < 0 || !tile) {
      // The picture is gone. The words are sent all the same: the refusal hands them back.
      if (this.rows.complete && !this.rows.byId(id)) this.save();
      return;
    }
    for (const line of this.lines.values()) for (const other of line.tiles) other.cell.classList.toggle("nbt-editing", other === tile);
    if (area.parentNode === tile.cell) return;
    const had = this.refocus || document.activeElement === area;
    this.refocus = false;
    const at = area.selectionStart;
    this.moving = true;
    tile.cell.append(area);
    if (had) area.focus({ preventScroll: true }), area.setSelectionRange(at, at);
    this.moving = false;
  }

  grow() {
    const area = this.editing?.area;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight + 2, 220)}px`;
  }

  close() {
    const editing = this.editing;
    this.editing = null;
    editing?.area.parentElement?.classList.remove("nbt-editing");
    editing?.area.remove();
    this.paint();
  }

  save() {
    if (!this.editing) return;
    const { id, area, base, was } = this.editing;
    const before = this.edits.of("images", id, "caption");
    this.close();
    if (area.value !== was) this.edits.set("images", id, "caption", area.value, base);
    else if (before?.phase === "refused") this.edits.drop(before);
  }

  /** @param {KeyboardEvent} event */
  editorKey(event) {
    if (event.isComposing || !this.editing) return;
    const { id } = this.editing;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      const next = this.indexOf(id) + 1;
      this.save();
      this.focusOn(Math.min(next, this.count - 1));
      if (next < this.count) this.edit(this.row(next)?.image_id);
    } else if (event.key === "Escape") {
      event.preventDefault();
      const refused = this.edits.of("images", id, "caption");
      this.close();
      if (refused?.phase === "refused") this.edits.drop(refused);
      this.focusOn(this.focus);
    }
  }

  // -- commands -----------------------------------------------------------------------------------

  async removeSelected() {
    const ids = [...this.selected];
    if (ids.length === 0 || this.frame.summary.training) return;
    this.remove.disabled = true;
    const reply = await this.edits.run(ids.map((row) => ({ op: /** @type {const} */ ("delete"), table: "images", row })));
    const taken = reply.ok ? reply.accepted.length : 0;
    const reason = reply.ok ? reply.refused[0]?.reason : words(reply);
    if (reason) this.frame.note(`Not removed: ${reason}`);
    if (taken) this.frame.announce(`${counted(taken, "image")} removed. Undo brings them back.`);
    this.rows.refresh(this.rows.total);
    this.paint();
  }
}

/** @param {CellEdit | undefined} edit @param {Row | undefined} row @returns {[string, string]} */
function cellState(edit, row) {
  if (edit) return edit.phase === "pending" ? ["sending", ""] : ["refused", edit.reason];
  return [row?.state ?? "kept", row?.reason ?? ""];
}

/** @param {Row} row */
function describe(row) {
  const size = row.width && row.height ? ` · ${row.width} × ${row.height}` : "";
  const bytes = row.bytes ? ` · ${row.bytes < 1e6 ? Math.ceil(row.bytes / 1e3) + " kB" : (row.bytes / 1e6).toFixed(1) + " MB"}` : "";
  return plain(row.name) + size + bytes;
}

export default viewOf((model, el, signal) => new Grid(model, el, signal));
