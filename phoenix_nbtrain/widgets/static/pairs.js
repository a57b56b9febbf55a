// @ts-check
// The pair table. Only the rows in view exist in the page; they are recycled while scrolling.

const WIDE = 60;
const NARROW = 104;
const NARROW_BELOW = 640;
const COLUMNS = /** @type {const} */ (["source", "target", "instruction", "swap", "delete"]);

/**
 * @typedef {{ box: HTMLElement, holder: HTMLElement, img: HTMLImageElement, name: HTMLElement }} Side
 * @typedef {{
 *   row: HTMLElement, number: HTMLElement, source: Side, target: Side, instruction: HTMLElement, text: HTMLElement,
 *   state: HTMLElement, dot: HTMLElement, word: HTMLElement, swap: HTMLButtonElement, delete: HTMLButtonElement,
 *   index: number, id: string,
 * }} Line
 * @typedef {(typeof COLUMNS)[number]} Column
 */

class PairView {
  /** @param {Model} model @param {HTMLElement} el @param {AbortSignal} signal */
  constructor(model, el, signal) {
    this.model = model;
    this.signal = signal;
    this.paint = perFrame(signal, () => this.paintNow());
    this.frame = new Frame(model, el, signal, "nbt-pairs");
    this.channel = new Channel(model, signal, this.paint);
    this.revision = new Revision();
    this.rows = new Rows(this.channel, "pairs", this.revision, this.paint);
    this.images = new Rows(this.channel, "images", this.revision, this.paint);
    this.edits = new Edits(this.channel, this.revision, this.paint, (cell) => settle(this, cell));
    this.pictures = new Pictures(this.channel, signal, 96 * Math.min(2, Math.ceil(window.devicePixelRatio || 1)), () => {
      this.editing?.chooser?.isOpen && this.editing.chooser.paint();
      for (const side of this.sides ?? []) side.isOpen && side.paint();
      this.paint();
    });
    /** @type {{ id: string, picture: string }[]} */
    this.near = [];
    this.at = { index: 0, column: 0 };
    /** @type {{ id: string, column: "source" | "target" | "instruction", field: HTMLInputElement | HTMLTextAreaElement, chooser: Chooser | null, base: number, was: string } | null} */
    this.editing = null;
    this.moving = false;
    /** @type {Map<number, Line>} */
    this.lines = new Map();
    /** @type {Line[]} */
    this.spare = [];
    this.pitch = WIDE;
    this.version = -1;

    const f = this.frame;
    const heading = h("h3", "nbt-heading", {}, "Pairs", h("small", "", {}, "source → target, with what should happen"));
    this.add = button("Add pair", "nbt-btn", () => this.compose(true));
    f.bar.append(heading, h("span", "nbt-grow"), this.add, f.undo, f.redo);
    f.onAgain = (kind) => void again(kind, f, this.edits, [this.rows, this.images], this.paint);
    this.space = h("div", "nbt-space", { role: "presentation" });
    const names = ["Number", "Source", "Target", "Instruction", "State", "Actions"];
    const head = h("div", "nbt-hidden", { role: "row" }, ...names.map((n) => h("span", "", { role: "columnheader" }, n)));
    this.grid = h("div", "nbt-scroll", { role: "grid", "aria-label": "Pairs", "aria-colcount": "6" }, head, this.space);
    this.composer = this.newComposer();
    f.body.append(this.grid, this.composer);

    this.listen();
    this.refreshed();
    void this.rows.want(0, PAGE);
  }

  listen() {
    this.grid.addEventListener("scroll", () => (this.editing?.chooser?.close(), this.paint()), { passive: true });
    this.grid.addEventListener("click", (event) => this.clicked(event));
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.grid.addEventListener("focusin", (event) => {
      const place = this.placeOf(event.target);
      if (place && !this.editing) (this.at = place), this.paint();
    });
    const size = new ResizeObserver(this.paint);
    size.observe(this.grid);
    watchSummary(this.frame, this.channel, () => this.refreshed());
    this.signal.addEventListener("abort", () => size.disconnect());
  }

  refreshed() {
    const { summary } = this.frame;
    this.revision.see(summary.revision ?? 0);
    if (summary.version !== this.version) {
      this.version = summary.version;
      this.rows.refresh(summary.total ?? 0);
      this.images.refresh(summary.counts?.images ?? 0);
      void this.images.want(0, this.images.total);
      if (this.rows.problem) void this.rows.want(0, PAGE);
    }
    this.paint();
  }

  // -- painting -----------------------------------------------------------------------------------

  paintNow() {
    giveBackGone(this);
    const f = this.frame;
    const s = f.summary;
    f.paint(this.edits, this.channel, this.rows.known);
    this.add.disabled = Boolean(s.training) || this.images.total < 2;
    if (s.training) this.composer.hidden = true;
    const missing = s.counts?.uninstructed ?? 0;
    say(f.count, s.total ? counted(s.total, "pair") + (missing ? ` · ${missing.toLocaleString("en")} without instruction` : "") : "");
    this.paintEmpty();
    this.layout();
  }

  paintEmpty() {
    const f = this.frame;
    const nothing = this.rows.total === 0 || this.rows.problem !== "";
    f.empty.hidden = !nothing || !this.composer.hidden;
    if (nothing && this.grid.contains(document.activeElement)) f.undo.focus();
    this.grid.hidden = nothing;
    if (!nothing) return;
    if (this.rows.problem) f.explain("", this.rows.problem, "");
    else if (this.images.total < 2) {
      f.explain("No pairs yet", "A pair needs two images. Add some first.", 'training.add_images("my-pictures/")');
    } else {
      const text = "Pair images whose names belong together, or add pairs one by one.";
      f.explain("No pairs yet", text, 'training.pair_up(instruction="colour the line drawing")');
    }
  }

  layout() {
    const width = this.grid.clientWidth;
    if (this.grid.hidden || width <= 0) return;
    const narrow = width < NARROW_BELOW;
    this.pitch = narrow ? NARROW : WIDE;
    this.frame.root.classList.toggle("nbt-narrow", narrow);
    const count = this.rows.total;
    mark(this.grid, "aria-rowcount", String(count + 1));
    this.space.style.height = `${count * this.pitch}px`;
    this.at.index = Math.max(0, Math.min(this.at.index, count - 1));
    const first = Math.max(0, Math.floor(this.grid.scrollTop / this.pitch) - 2);
    const last = Math.min(count - 1, Math.floor((this.grid.scrollTop + this.grid.clientHeight) / this.pitch) + 2);
    const keep = new Set();
    for (let n = first; n <= last; n += 1) keep.add(n);
    if (this.editing) keep.add(this.rows.indexOf(this.editing.id));
    const held = this.placeOf(document.activeElement);
    if (held) keep.add(held.index).add(this.at.index);
    for (const [n, line] of this.lines) {
      if (keep.has(n) && n < count) continue;
      this.lines.delete(n);
      line.row.remove();
      this.spare.push(line);
    }
    const order = [...keep].filter((n) => n >= 0 && n < count).sort((a, b) => a - b);
    this.near = [];
    for (const n of order) {
      let line = this.lines.get(n);
      if (!line) this.lines.set(n, (line = this.spare.pop() ?? this.newLine()));
      this.paintLine(line, n);
    }
    arrange(this.space, order.map((n) => /** @type {Line} */ (this.lines.get(n)).row));
    if (this.spare.length > 4) this.spare.length = 4;
    const line = this.lines.get(this.at.index);
    // Its row is gone: keys must not fall through to the notebook, where "d d" deletes the cell.
    if (held && held.index >= count && line) this.cellOf(line, COLUMNS[this.at.column]).focus({ preventScroll: true });
    void this.rows.want(first, last + 1);
    if (!this.editing?.chooser?.isOpen) this.pictures.want(this.near);
    this.placeEditor();
  }

  /** @returns {Line} */
  newLine() {
    const side = () => {
      const img = h("img", "", { alt: "" });
      const holder = h("span", "nbt-thumb", {}, img);
      const name = h("span", "nbt-name");
      const box = h("div", "nbt-side", { role: "gridcell", "data-lm-suppress-shortcuts": "" }, holder, name);
      return { box, holder, img, name };
    };
    const [source, target] = [side(), side()];
    const number = h("div", "nbt-number", { role: "gridcell" });
    const text = h("span", "nbt-text", { dir: "auto" });
    const instruction = h("div", "nbt-instruction", { role: "gridcell", "data-lm-suppress-shortcuts": "" }, text);
    const dot = h("span", "nbt-dot", { role: "img" });
    const word = h("span", "nbt-word");
    const state = h("div", "nbt-state", { role: "gridcell" }, dot, word);
    const at = () => this.rows.at(this.lineAt(row)?.index ?? -1);
    const swap = button("⇄", "nbt-btn nbt-quiet nbt-icon", () => this.swap(at()), { title: "Swap source and target" });
    const remove = button("✕", "nbt-btn nbt-quiet nbt-icon", () => this.remove(at()), { title: "Delete the pair" });
    const actions = h("div", "nbt-actions", { role: "gridcell" }, swap, remove);
    const arrow = h("span", "nbt-arrow", { "aria-hidden": "true" }, "→");
    const row = h("div", "nbt-line nbt-pair", { role: "row" }, number, source.box, arrow, target.box, instruction, state, actions);
    return { row, number, source, target, instruction, text, state, dot, word, swap, delete: remove, index: -1, id: "" };
  }

  /** @param {Line} line @param {number} n */
  paintLine(line, n) {
    const row = this.rows.at(n);
    line.index = n;
    line.id = row?.pair_id ?? "";
    line.row.style.transform = `translateY(${n * this.pitch}px)`;
    mark(line.row, "aria-rowindex", String(n + 2));
    say(line.number, String(n + 1));
    COLUMNS.forEach((column, i) => {
      const node = this.cellOf(line, column);
      mark(node, "tabindex", n === this.at.index && i === this.at.column ? "0" : "-1");
    });
    const locked = Boolean(this.frame.summary.training);
    line.swap.disabled = locked || !row || !this.images.byId(row.source) || !this.images.byId(row.target);
    line.delete.disabled = locked || !row;
    mark(line.swap, "aria-label", `Swap source and target of pair ${n + 1}`);
    mark(line.delete, "aria-label", `Delete pair ${n + 1}`);
    let pending = false;
    let refused = "";
    const editOf = (/** @type {string} */ column) => {
      const edit = this.edits.of("pairs", line.id, column);
      pending ||= edit?.phase === "pending";
      refused ||= edit?.phase === "refused" ? edit.reason : "";
      return edit;
    };
    for (const column of /** @type {const} */ (["source", "target"])) {
      const edit = editOf(column);
      const id = edit?.phase === "pending" ? edit.value : row?.[column] ?? "";
      const image = this.images.byId(id);
      const name = image?.name ?? (row && id === row[column] ? row[`${column}_name`] : "");
      const side = line[column];
      paintName(side.name, name || (row ? "(removed)" : " "));
      side.box.classList.toggle("nbt-gone", Boolean(row) && !name);
      paintPicture(side.holder, side.img, image ? this.pictures.get(id, image.picture) : undefined);
      if (image) this.near.push(key(image));
      mark(side.box, "aria-invalid", edit?.phase === "refused" || (row && !name) ? "true" : null);
    }
    const edit = editOf("instruction");
    const text = edit?.phase === "pending" ? edit.value : row?.instruction ?? "";
    say(line.text, text || (row ? "instruction" : " "));
    mark(line.instruction, "title", text.length > 60 ? text : null);
    line.text.classList.toggle("nbt-ghost", !text);
    line.instruction.classList.toggle("nbt-missing", Boolean(row) && !text && !edit);
    mark(line.instruction, "aria-invalid", edit?.phase === "refused" ? "true" : null);
    const state = pending ? "sending" : refused ? "refused" : row?.state ?? "kept";
    const reason = refused ? `${refused} What you typed is kept: click to go on.` : row?.reason ?? "";
    line.dot.hidden = !row;
    paintDot(line.dot, state, reason);
    const missing = Boolean(row) && !reason && !text && !pending;
    say(line.word, missing ? "no instruction" : reason || (state === "kept" ? "kept here" : state));
    line.word.hidden = !row;
    mark(line.word, "title", reason || null);
    mark(line.state, "data-state", missing ? "missing" : state);
  }

  // -- focus --------------------------------------------------------------------------------------

  /** @param {Node} row */
  lineAt(row) {
    for (const line of this.lines.values()) if (line.row === row) return line;
    return undefined;
  }

  /** @param {Line} line @param {Column} column @returns {HTMLElement} */
  cellOf(line, column) {
    return column === "source" || column === "target" ? line[column].box : line[column];
  }

  /** @param {EventTarget | null} target @returns {{ index: number, column: number } | null} */
  placeOf(target) {
    if (!(target instanceof Node)) return null;
    for (const line of this.lines.values()) {
      if (!line.row.contains(target)) continue;
      const column = COLUMNS.findIndex((c) => this.cellOf(line, c).contains(target));
      return { index: line.index, column: Math.max(0, column) };
    }
    return null;
  }

  /** @param {number} index @param {number} column */
  focusOn(index, column) {
    this.at = { index: Math.max(0, Math.min(index, this.rows.total - 1)), column };
    const top = this.at.index * this.pitch;
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (top + this.pitch > this.grid.scrollTop + this.grid.clientHeight) {
      this.grid.scrollTop = top + this.pitch - this.grid.clientHeight;
    }
    this.layout();
    const line = this.lines.get(this.at.index);
    if (line) this.cellOf(line, COLUMNS[column]).focus({ preventScroll: true });
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const place = this.placeOf(event.target);
    if (!place || (this.editing && event.target === this.editing.field)) return;
    const column = COLUMNS[place.column];
    const line = /** @type {Line} */ (this.lines.get(place.index));
    const on = event.target instanceof Node && this.cellOf(line, column).contains(event.target);
    if (on && (column === "source" || column === "target" || column === "instruction")) this.edit(line.id, column);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (this.editing && event.target === this.editing.field) return this.editorKey(event);
    const { index, column } = this.at;
    const page = Math.max(1, Math.floor(this.grid.clientHeight / this.pitch));
    /** @type {{ [key: string]: [number, number] }} */
    const steps = {
      ArrowUp: [index - 1, column], ArrowDown: [index + 1, column], ArrowLeft: [index, column - 1], ArrowRight: [index, column + 1],
      PageUp: [Math.max(0, index - page), column], PageDown: [Math.min(this.rows.total - 1, index + page), column],
      Home: [index, 0], End: [index, 4],
    };
    const step = steps[event.key];
    const command = event.ctrlKey || event.metaKey;
    const row = this.rows.at(index);
    const name = COLUMNS[column];
    const editable = name === "source" || name === "target" || name === "instruction";
    if (step) {
      if (step[0] >= 0 && step[0] < this.rows.total && COLUMNS[step[1]]) this.focusOn(...step);
    } else if ((event.key === "Enter" || event.key === "F2") && editable) this.edit(row?.pair_id, name);
    else if (event.key === "Delete") void this.remove(row);
    else if (command && event.key.toLowerCase() === "z") this.frame.onAgain(event.shiftKey ? "redo" : "undo");
    else if (command && event.key.toLowerCase() === "y") this.frame.onAgain("redo");
    else if (editable && !command && !event.altKey && event.key.length === 1 && event.key !== " ") this.edit(row?.pair_id, name, event.key);
    else return;
    event.preventDefault();
  }

  // -- editing ------------------------------------------------------------------------------------

  /** @param {string | undefined} id @param {"source" | "target" | "instruction"} column @param {string} [typed] */
  edit(id, column, typed) {
    const row = id ? this.rows.byId(id) : undefined;
    if (!row || (this.editing?.id === id && this.editing?.column === column)) return;
    if (this.editing) this.save();
    if (this.frame.summary.training) {
      this.frame.announce("Training is running; pairs can be changed when it has ended.");
      return;
    }
    const before = this.edits.of("pairs", row.pair_id, column);
    const n = this.rows.indexOf(row.pair_id) + 1;
    const label = `${column[0].toUpperCase()}${column.slice(1)} of pair ${n}`;
    const held = before ? before.value : row[column];
    const shownValue = column === "instruction" ? held : this.images.byId(held)?.name ?? (before ? held : "");
    const field = column === "instruction"
      ? h("textarea", "nbt-input nbt-field", { "aria-label": label, rows: "2", placeholder: "What should happen", dir: "auto" })
      : h("input", "nbt-input nbt-field", { "aria-label": label, placeholder: "Image name" });
    field.value = typed ?? shownValue;
    const chooser = field instanceof HTMLInputElement
      ? new Chooser(this, field, () => this.save())
      : null;
    this.editing = { id: row.pair_id, column, field, chooser, base: this.revision.seen, was: before?.phase === "pending" ? before.value : row[column] };
    field.addEventListener("blur", () => !this.moving && this.editing?.field === field && this.save());
    this.at = { index: n - 1, column: COLUMNS.indexOf(column) };
    this.focusOn(this.at.index, this.at.column);
    this.placeEditor();
    field.focus({ preventScroll: true });
    // Left as it was it stays, also where several images share the name.
    if (chooser && typed === undefined && this.images.byId(held)) chooser.id = held;
    if (typed === undefined && chooser) field.select();
    else field.setSelectionRange(field.value.length, field.value.length);
    chooser?.open();
  }

  placeEditor() {
    if (!this.editing) return;
    const { id, column, field, chooser } = this.editing;
    const line = this.lines.get(this.rows.indexOf(id));
    if (!line) {
      // The pair is gone. The words are sent all the same: the refusal hands them back.
      if (this.rows.complete && !this.rows.byId(id)) this.save();
      return;
    }
    const cell = this.cellOf(line, column);
    if (field.parentNode === cell) return;
    const had = document.activeElement === field;
    this.moving = true;
    cell.append(field);
    if (had) field.focus({ preventScroll: true });
    this.moving = false;
    if (chooser?.isOpen) chooser.place();
  }

  close() {
    const editing = this.editing;
    this.editing = null;
    editing?.chooser?.remove();
    editing?.field.remove();
    this.paint();
  }

  save() {
    if (!this.editing) return;
    const { id, column, field, chooser, base, was } = this.editing;
    const before = this.edits.of("pairs", id, column);
    const value = chooser ? chooser.value : field.value;
    const typed = field.value;
    const refocus = document.activeElement === field;
    this.close();
    if (chooser && !value && typed.trim()) this.edits.refuse("pairs", id, column, typed, `No single image is called “${plain(typed)}”.`);
    else if ((value || !chooser) && value !== was) this.edits.set("pairs", id, column, value, base);
    else if (before?.phase === "refused") this.edits.drop(before);
    if (refocus) this.focusOn(this.at.index, this.at.column);
  }

  /** @param {KeyboardEvent} event */
  editorKey(event) {
    const editing = this.editing;
    if (event.isComposing || !editing || editing.chooser?.key(event)) return;
    const { id, column } = editing;
    const index = this.rows.indexOf(id);
    const place = COLUMNS.indexOf(column);
    if (event.key === "Enter" && !event.shiftKey) {
      this.save();
      this.focusOn(column === "instruction" ? index + 1 : index, place);
    } else if (event.key === "Tab" && !(event.shiftKey && place === 0) && !(!event.shiftKey && place === 2)) {
      this.save();
      this.focusOn(index, place + (event.shiftKey ? -1 : 1));
    } else if (event.key === "Escape") {
      const refused = this.edits.of("pairs", id, column);
      this.close();
      if (refused?.phase === "refused") this.edits.drop(refused);
      this.focusOn(index, place);
    } else return;
    event.preventDefault();
  }

  // -- commands -----------------------------------------------------------------------------------

  /** @param {Row | undefined} row */
  async remove(row) {
    if (!row || this.frame.summary.training) return;
    const place = { ...this.at };
    const reply = await this.edits.run([{ op: "delete", table: "pairs", row: row.pair_id }]);
    this.told(reply, "Pair deleted. Undo brings it back.");
    await this.rows.want(place.index, place.index + 1);
    if (this.rows.total > 0) this.focusOn(place.index, place.column);
  }

  /** @param {Row | undefined} row */
  async swap(row) {
    if (!row || this.frame.summary.training) return;
    const at = this.rows.indexOf(row.pair_id);
    const values = { source: row.target, target: row.source, instruction: row.instruction };
    // Setting one side first would make both the same for a moment, which is refused.
    const reply = await this.edits.run([
      { op: "delete", table: "pairs", row: row.pair_id },
      { op: "insert", table: "pairs", row: row.pair_id, at, values },
    ]);
    this.told(reply, "Source and target swapped.");
  }

  /** @param {Reply} reply @param {string} done */
  told(reply, done) {
    const reason = reply.ok ? reply.refused[0]?.reason : words(reply);
    if (reason) this.frame.note(`Not done: ${reason}`);
    else this.frame.announce(done);
    this.rows.refresh(this.rows.total);
    this.paint();
    return !reason;
  }

  // -- a new pair ---------------------------------------------------------------------------------

  newComposer() {
    const make = (/** @type {string} */ text) => {
      const input = h("input", "nbt-input", { "aria-label": `${text} of the new pair`, placeholder: text });
      const chooser = new Chooser(this, input, () => (chooser === source ? target.input : instruction).focus());
      input.addEventListener("keydown", (event) => {
        if (!chooser.key(event)) leave(event);
      });
      return chooser;
    };
    const instruction = h("input", "nbt-input", {
      "aria-label": "Instruction of the new pair", placeholder: "What should happen", dir: "auto",
    });
    /** @type {Chooser} */
    const source = make("Source");
    const target = make("Target");
    this.sides = [source, target];
    const problem = h("div", "nbt-reason", { role: "alert" });
    const add = async () => {
      const values = { source: source.value, target: target.value, instruction: instruction.value };
      const missing = !values.source ? source : values.target ? null : target;
      for (const side of [source, target]) mark(side.input, "aria-invalid", missing === side ? "true" : null);
      if (missing) {
        problem.textContent = `Choose the ${missing === source ? "source" : "target"} image from the list.`;
        missing.input.focus();
        return;
      }
      const row = "pair_" + newId();
      const reply = await this.edits.run([{ op: "insert", table: "pairs", row, values }]);
      problem.textContent = reply.ok ? reply.refused[0]?.reason ?? "" : words(reply);
      if (problem.textContent) return;
      this.told(reply, "Pair added.");
      for (const side of [source, target]) side.id = side.input.value = "";
      source.input.focus();
      await this.rows.want(this.rows.total, this.rows.total + 1);
      this.grid.scrollTop = this.grid.scrollHeight;
    };
    const leave = (/** @type {KeyboardEvent} */ event) => {
      if (event.isComposing) return;
      if (event.key === "Enter") void add();
      else if (event.key === "Escape") this.compose(false);
      else return;
      event.preventDefault();
    };
    instruction.addEventListener("keydown", leave);
    this.instruction = instruction;
    const box = h(
      "div", "nbt-new", { role: "group", "aria-label": "New pair" },
      source.input, h("span", "nbt-arrow", { "aria-hidden": "true" }, "→"), target.input, instruction,
      button("Add", "nbt-btn", () => void add()), button("Close", "nbt-btn nbt-quiet", () => this.compose(false)), problem,
    );
    box.hidden = true;
    return box;
  }

  /** @param {boolean} open */
  compose(open) {
    this.composer.hidden = !open;
    for (const side of this.sides ?? []) side.close();
    if (open && this.instruction && !this.instruction.value) {
      // Most sets say one thing throughout.
      this.instruction.value = this.rows.at(this.rows.total - 1)?.instruction ?? "";
    }
    if (open) this.sides?.[0].input.focus();
    else this.add?.focus();
    this.paint();
  }
}

export default viewOf((model, el, signal) => new PairView(model, el, signal));
