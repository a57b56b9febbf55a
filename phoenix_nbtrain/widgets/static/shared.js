// @ts-check
// What the views share. Prepended as text to each view's module, so nothing is exported here.
// Whatever comes from the kernel is text: it is set with textContent and never read as HTML.

/**
 * @typedef {{
 *   get(name: string): any,
 *   on(name: string, callback: (...args: any[]) => void): void,
 *   off(name: string, callback: (...args: any[]) => void): void,
 *   send(content: object): void,
 * }} Model
 * @typedef {{ id?: string, ok: boolean, error?: { message: string, remedy: string }, [more: string]: any }} Reply
 * @typedef {{ reply: Reply, buffers: DataView[] }} Heard
 * @typedef {{ [column: string]: any, state: string, reason: string }} Row
 * @typedef {{ op: "set" | "insert" | "delete", table: string, row: string, [more: string]: any }} Op
 */

const SLOW_MS = 2500;
const RESEND_MS = 4000;
const RESEND_MS_MOST = 60_000;
const PAGE = 100;

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {{ [attribute: string]: string }} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
function h(tag, className = "", attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/**
 * A button. Without the attribute, JupyterLab takes "d d" typed on it for "delete the cell".
 * @param {string} text
 * @param {string} className
 * @param {() => void} onClick
 * @param {{ [attribute: string]: string }} [attributes]
 */
function button(text, className, onClick, attributes = {}) {
  const node = h("button", className, { type: "button", "data-lm-suppress-shortcuts": "", ...attributes }, text);
  node.addEventListener("click", onClick);
  return node;
}

/** @param {Element} node @param {string} text */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} node @param {string} name @param {string | null} value */
function mark(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** @param {number} n @param {string} one @param {string} [many] */
function counted(n, one, many = one + "s") {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** An id nobody else has. (`randomUUID` is missing where a hub is served without TLS.) */
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Requests to the kernel. One that stays without answer is sent again, under its own id. */
class Channel {
  /** @param {Model} model @param {AbortSignal} signal @param {() => void} changed */
  constructor(model, signal, changed) {
    this.model = model;
    this.signal = signal;
    this.changed = changed;
    /** @type {Map<string, { message: object, resolve: (heard: Heard) => void, tries: number, timer: number, asked: number }>} */
    this.open = new Map();
    const hear = (/** @type {Reply} */ reply, /** @type {DataView[]} */ buffers) => this.hear(reply, buffers);
    model.on("msg:custom", hear);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", hear);
      for (const entry of this.open.values()) clearTimeout(entry.timer);
      this.open.clear();
    });
  }

  /** For how many milliseconds the oldest question has waited. */
  get waited() {
    const now = performance.now();
    return Math.max(0, ...Array.from(this.open.values(), (entry) => now - entry.asked));
  }

  /** @param {object} message @returns {Promise<Heard>} */
  ask(message) {
    const id = newId();
    return new Promise((resolve) => {
      this.open.set(id, { message: { ...message, id }, resolve, tries: 0, timer: 0, asked: performance.now() });
      this.send(id);
      window.setTimeout(() => this.open.has(id) && this.changed(), SLOW_MS);
    });
  }

  /** @param {string} id */
  send(id) {
    const entry = this.open.get(id);
    if (!entry || this.signal.aborted) return;
    try {
      this.model.send(entry.message);
    } catch {
      // The comm is gone, as after a kernel's restart. It may come back: tried again like the rest.
    }
    const wait = Math.min(RESEND_MS * 2 ** entry.tries, RESEND_MS_MOST);
    entry.tries += 1;
    entry.timer = window.setTimeout(() => {
      this.send(id);
      this.changed();
    }, wait);
  }

  /** @param {Reply} reply @param {DataView[]} buffers */
  hear(reply, buffers) {
    const entry = reply && reply.id ? this.open.get(reply.id) : undefined;
    if (!entry) return; // another view's, or answered before
    this.open.delete(String(reply.id));
    clearTimeout(entry.timer);
    entry.resolve({ reply, buffers: buffers ?? [] });
    if (performance.now() - entry.asked >= SLOW_MS) this.changed();
  }
}

/** The rows of a table, asked for page by page and kept while newer ones are on their way. */
class Rows {
  /**
   * @param {Channel} channel @param {"images" | "pairs"} table @param {Revision} revision
   * @param {() => void} changed
   */
  constructor(channel, table, revision, changed) {
    this.channel = channel;
    this.table = table;
    this.key = table === "images" ? "image_id" : "pair_id";
    this.revision = revision;
    this.changed = changed;
    this.total = 0;
    this.known = false;
    this.problem = "";
    this.version = 0;
    /** @type {Map<number, { rows: Row[], stale: boolean }>} */
    this.pages = new Map();
    /** @type {Map<string, number>} */
    this.places = new Map();
    /** @type {Map<number, Promise<void>>} */
    this.asked = new Map();
  }

  /** @param {number} index @returns {Row | undefined} */
  at(index) {
    return this.pages.get(Math.floor(index / PAGE))?.rows[index % PAGE];
  }

  /** @param {string} id */
  indexOf(id) {
    const place = this.places.get(id);
    return place !== undefined && this.at(place)?.[this.key] === id ? place : -1;
  }

  /** @param {string} id */
  byId(id) {
    return this.at(this.indexOf(id));
  }

  /** @returns {Row[]} */
  loaded() {
    return [...this.pages.entries()].sort((a, b) => a[0] - b[0]).flatMap(([, page]) => page.rows);
  }

  /** Whether every row is here, as it is now. */
  get complete() {
    const pages = [...this.pages.values()];
    return this.known && pages.every((page) => !page.stale) && pages.reduce((n, page) => n + page.rows.length, 0) === this.total;
  }

  /** See to it that the rows from start to stop are here or asked for.
   * @param {number} start @param {number} stop */
  async want(start, stop) {
    const last = Math.max(0, Math.ceil(Math.min(stop, this.total) / PAGE) - 1);
    const asked = [];
    for (let n = Math.max(0, Math.floor(start / PAGE)); n <= last; n += 1) {
      const page = this.pages.get(n);
      if (page && !page.stale) continue;
      if (!this.asked.has(n)) this.asked.set(n, this.load(n).finally(() => this.asked.delete(n)));
      asked.push(this.asked.get(n));
    }
    await Promise.all(asked);
  }

  /** @param {number} n */
  async load(n) {
    for (let tries = 0; tries < 5; tries += 1) {
      const version = this.version;
      const asked = { kind: "rows", table: this.table, start: n * PAGE, stop: (n + 1) * PAGE };
      const { reply } = await this.channel.ask(asked);
      this.problem = reply.ok ? "" : words(reply);
      // Read before an edit that was since answered: it would show what stood before.
      if (reply.ok && reply.revision < this.revision.seen) continue;
      if (reply.ok) this.take(n, reply, version !== this.version);
      break;
    }
    this.changed();
  }

  /** @param {number} n @param {Reply} reply @param {boolean} stale */
  take(n, reply, stale) {
    this.revision.see(reply.revision);
    this.known = true;
    this.total = reply.total;
    this.pages.set(n, { rows: reply.rows, stale });
    for (const page of this.pages.keys()) if (page * PAGE >= Math.max(1, this.total)) this.pages.delete(page);
    reply.rows.forEach((/** @type {Row} */ row, /** @type {number} */ i) => this.places.set(row[this.key], n * PAGE + i));
  }

  /** Something changed: ask again for what is looked at.
   * @param {number} total */
  refresh(total) {
    this.total = total;
    this.version += 1;
    for (const page of this.pages.values()) page.stale = true;
  }
}

/** The highest revision of the draft that this view has heard of. */
class Revision {
  seen = 0;
  /** @param {number} revision */
  see(revision) {
    if (revision > this.seen) this.seen = revision;
  }
}

/** @param {Reply} reply */
function words(reply) {
  return reply.error ? `${reply.error.message} ${reply.error.remedy}`.trim() : "";
}

/**
 * @typedef {{
 *   table: string, row: string, column: string, value: any, base: number,
 *   phase: "pending" | "refused", reason: string,
 * }} CellEdit
 */

/** Edits on their way to the draft: painted at once, sent one after the other, taken or refused. */
class Edits {
  /**
   * @param {Channel} channel @param {Revision} revision @param {() => void} changed
   * @param {(cell: CellEdit) => void} settled called when the kernel has answered for a cell
   */
  constructor(channel, revision, changed, settled) {
    this.channel = channel;
    this.revision = revision;
    this.changed = changed;
    this.settled = settled;
    /** @type {Map<string, CellEdit>} */
    this.cells = new Map();
    /** @type {Map<string, number>} the revision at which this view itself last set a cell */
    this.own = new Map();
    /** @type {{ message: object, cell: CellEdit | null, done: (reply: Reply) => void }[]} */
    this.queue = [];
    this.busy = false;
  }

  /** @param {string} table @param {string} row @param {string} column */
  of(table, row, column) {
    return this.cells.get(`${table}/${row}/${column}`);
  }

  get unsaved() {
    return this.queue.length + (this.busy ? 1 : 0);
  }

  /** Set one cell. `base` is the revision that was on the screen when editing began.
   * @param {string} table @param {string} row @param {string} column @param {any} value @param {number} base */
  set(table, row, column, value, base) {
    /** @type {CellEdit} */
    const cell = { table, row, column, value, base, phase: "pending", reason: "" };
    this.cells.set(`${table}/${row}/${column}`, cell);
    const op = { op: "set", table, row, column, value };
    this.push({ message: { kind: "edit", ops: [op] }, cell, done: (reply) => this.answered(cell, reply) });
  }

  /** Insert or delete rows, all in one step.
   * @param {Op[]} ops @returns {Promise<Reply>} */
  run(ops) {
    return new Promise((done) => this.push({ message: { kind: "edit", ops }, cell: null, done }));
  }

  /** @param {"undo" | "redo"} kind @returns {Promise<Reply>} */
  again(kind) {
    return new Promise((done) => this.push({ message: { kind }, cell: null, done }));
  }

  /** Refuse a cell here, without asking. What was typed stays offered.
   * @param {string} table @param {string} row @param {string} column @param {any} value @param {string} reason */
  refuse(table, row, column, value, reason) {
    /** @type {CellEdit} */
    const cell = { table, row, column, value, base: 0, phase: "refused", reason };
    this.cells.set(`${table}/${row}/${column}`, cell);
    this.settled(cell);
    this.changed();
  }

  /** Forget a refused text. @param {CellEdit} cell */
  drop(cell) {
    const key = `${cell.table}/${cell.row}/${cell.column}`;
    if (this.cells.get(key) === cell) this.cells.delete(key);
    this.changed();
  }

  /** @param {{ message: object, cell: CellEdit | null, done: (reply: Reply) => void }} item */
  push(item) {
    this.queue.push(item);
    this.changed();
    void this.pump();
  }

  async pump() {
    if (this.busy) return;
    for (let item = this.queue.shift(); item; item = this.queue.shift()) {
      this.busy = true;
      // A cell this view set itself was seen as it stands, whatever else has changed before it.
      const key = item.cell ? `${item.cell.table}/${item.cell.row}/${item.cell.column}` : "";
      const base = item.cell ? Math.max(item.cell.base, this.own.get(key) ?? 0) : this.revision.seen;
      const { reply } = await this.channel.ask({ ...item.message, base });
      if (reply.ok) this.revision.see(reply.revision);
      if (reply.ok && item.cell && reply.refused.length === 0) this.own.set(key, reply.revision);
      this.busy = false;
      item.done(reply);
      this.changed();
    }
  }

  /** @param {CellEdit} cell @param {Reply} reply */
  answered(cell, reply) {
    const refusal = reply.ok ? reply.refused[0] : { reason: words(reply) };
    const key = `${cell.table}/${cell.row}/${cell.column}`;
    const newest = this.cells.get(key) === cell;
    if (refusal) {
      cell.phase = "refused";
      cell.reason = refusal.reason || "It was not taken.";
    } else if (newest) {
      this.cells.delete(key);
    }
    if (newest || refusal) this.settled(cell);
  }
}

/** Thumbnails as Blob URLs: what is looked at is asked for, what is not is let go. */
class Pictures {
  /** @param {Channel} channel @param {AbortSignal} signal @param {number} px @param {() => void} changed */
  constructor(channel, signal, px, changed) {
    this.channel = channel;
    this.px = px;
    this.changed = changed;
    this.most = 300;
    /** @type {Map<string, { url: string, error: string, until: number }>} oldest use first */
    this.kept = new Map();
    /** @type {{ key: string, id: string }[]} */
    this.wanted = [];
    /** @type {Set<string>} */
    this.asked = new Set();
    this.flights = 0;
    signal.addEventListener("abort", () => {
      for (const entry of this.kept.values()) if (entry.url) URL.revokeObjectURL(entry.url);
      this.kept.clear();
      this.wanted = [];
    });
  }

  /** @param {string} id @param {string} picture */
  get(id, picture) {
    return this.kept.get(`${id}/${picture}`);
  }

  /** Say what is in view; what was asked for before and is not, is not fetched any more.
   * @param {{ id: string, picture: string }[]} images */
  want(images) {
    this.wanted = images.map(({ id, picture }) => ({ key: `${id}/${picture}`, id }));
    for (const { key } of this.wanted) {
      const entry = this.kept.get(key);
      if (entry) this.kept.delete(key), this.kept.set(key, entry);
    }
    this.pump();
  }

  pump() {
    const now = Date.now();
    while (this.flights < 2) {
      const batch = this.wanted
        .filter(({ key }) => !this.asked.has(key) && (this.kept.get(key)?.until ?? 0) <= now)
        .slice(0, 12);
      if (batch.length === 0) return;
      for (const { key } of batch) this.asked.add(key);
      this.flights += 1;
      void this.fetch(batch);
    }
  }

  /** @param {{ key: string, id: string }[]} batch */
  async fetch(batch) {
    const ids = batch.map(({ id }) => id);
    const { reply, buffers } = await this.channel.ask({ kind: "thumbnails", ids, px: this.px });
    this.flights -= 1;
    batch.forEach(({ key }, i) => {
      const entry = reply.ok ? reply.thumbnails[i] : { error: words(reply) };
      const buffer = entry.error === undefined ? buffers[entry.buffer] : undefined;
      const type = /^image\/(png|jpeg|webp)$/.test(entry.mime) ? entry.mime : "image/png";
      const url = buffer ? URL.createObjectURL(new Blob([/** @type {any} */ (buffer)], { type })) : "";
      const old = this.kept.get(key);
      if (old?.url) URL.revokeObjectURL(old.url);
      this.kept.set(key, { url, error: entry.error ?? "", until: url ? Infinity : Date.now() + 10_000 });
      this.asked.delete(key);
    });
    this.evict();
    this.changed();
    this.pump();
  }

  evict() {
    const shown = new Set(this.wanted.map(({ key }) => key));
    for (const [key, entry] of this.kept) {
      if (this.kept.size <= this.most) return;
      if (shown.has(key)) continue;
      if (entry.url) URL.revokeObjectURL(entry.url);
      this.kept.delete(key);
    }
  }
}

const STATES = {
  kept: "kept on this computer",
  sending: "being sent",
  saved: "saved on the service",
  refused: "refused",
};

/** @param {HTMLElement} dot @param {string} state @param {string} reason */
function paintDot(dot, state, reason) {
  const text = (STATES[/** @type {keyof typeof STATES} */ (state)] ?? state) + (reason ? `: ${reason}` : "");
  mark(dot, "data-state", state);
  mark(dot, "title", text);
  mark(dot, "aria-label", text);
}

/** A stranger's name, with what would turn or hide its letters made visible. @param {string} name */
function plain(name) {
  return name.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (c) =>
    "\\u" + c.codePointAt(0)?.toString(16).padStart(4, "0"));
}

/** A file's name, its ending paler. @param {HTMLElement} node @param {string} name */
function paintName(node, name) {
  if (node.dataset.name === name) return;
  node.dataset.name = name;
  const [, stem, ending] = /^(.+?)(\.[A-Za-z0-9]{1,5})?$/u.exec(plain(name)) ?? [];
  node.replaceChildren(stem ?? "", ...(ending ? [h("span", "nbt-ending", {}, ending)] : []));
}

/** @param {HTMLElement} holder @param {HTMLImageElement} img @param {{url: string, error: string} | undefined} entry */
function paintPicture(holder, img, entry) {
  const url = entry?.url ?? "";
  if (img.dataset.url !== url) {
    img.dataset.url = url;
    if (url) img.src = url;
    else img.removeAttribute("src");
  }
  img.hidden = !url;
  mark(holder, "data-picture", url ? "shown" : entry?.error ? "failed" : "none");
  mark(holder, "title", entry?.error ? entry.error : null);
}

/** What stands around the content of a view: header, notes, undo, footer, and the announcer. */
class Frame {
  /** @param {Model} model @param {HTMLElement} el @param {AbortSignal} signal @param {string} className */
  constructor(model, el, signal, className) {
    this.model = model;
    this.signal = signal;
    /** @type {any} a summary that was asked for, until the next comes by itself */
    this.heard = null;
    this.title = h("h2", "nbt-title");
    this.type = h("span", "nbt-pill");
    this.where = h("span", "nbt-pill");
    this.bar = h("div", "nbt-bar");
    this.locked = h("div", "nbt-note nbt-hint", { role: "note" });
    this.notes = h("div", "nbt-notes");
    this.body = h("div", "nbt-section");
    this.empty = h("div", "nbt-empty");
    this.dot = h("span", "nbt-dot");
    this.sync = h("span", "nbt-sync");
    this.count = h("span", "nbt-count");
    this.live = h("div", "nbt-hidden", { "aria-live": "polite" });
    this.undo = button("Undo", "nbt-btn nbt-quiet", () => this.onAgain("undo"));
    this.redo = button("Redo", "nbt-btn nbt-quiet", () => this.onAgain("redo"));
    /** @type {(kind: "undo" | "redo") => void} */
    this.onAgain = () => {};
    const head = h("div", "nbt-head", {}, this.title, this.type, h("span", "nbt-grow"), this.where);
    const foot = h("div", "nbt-foot", {}, this.dot, this.sync, h("span", "nbt-grow"), this.count);
    this.body.append(this.bar, this.locked, this.notes, this.empty);
    this.root = h("div", `nbt ${className}`, {}, head, this.body, foot, this.live);
    // Jupyter must not take a key meant for this view for a command on the cell.
    for (const kind of /** @type {const} */ (["keydown", "keyup", "keypress"])) {
      this.root.addEventListener(kind, (event) => event.stopPropagation());
    }
    el.append(this.root);
    signal.addEventListener("abort", () => this.root.remove());
  }

  get summary() {
    return this.heard ?? this.model.get("summary") ?? {};
  }

  /** @param {string} text */
  announce(text) {
    this.live.textContent = "";
    this.live.textContent = text;
  }

  /** @param {string} text @param {string} [typed] what was typed and has no place any more */
  note(text, typed) {
    const line = h("div", "nbt-note nbt-bad nbt-row", { role: "alert" }, h("span", "", {}, text));
    if (typed) line.append(h("code", "nbt-typed", {}, typed));
    const close = button("Dismiss", "nbt-btn nbt-quiet", () => line.remove());
    line.append(h("span", "nbt-grow"), close);
    this.notes.append(line);
    while (this.notes.childElementCount > 5) this.notes.firstElementChild?.remove();
  }

  /** Say why there is nothing, and what to do. @param {string} lead @param {string} text @param {string} code */
  explain(lead, text, code) {
    if (this.empty.dataset.says === lead + text) return;
    this.empty.dataset.says = lead + text;
    this.empty.replaceChildren(h("p", "nbt-lead", {}, lead), h("p", "", {}, text));
    if (code) this.empty.append(h("code", "", {}, code));
  }

  /** @param {Edits} edits @param {Channel} channel @param {boolean} known whether rows ever came */
  paint(edits, channel, known) {
    const s = this.summary;
    say(this.title, s.title ?? "");
    say(this.type, s.type ?? "");
    say(this.where, s.where ?? "");
    this.where.className = "nbt-pill " + (s.local ? "nbt-local" : "nbt-paid");
    say(this.locked, s.training ? "Training is running. The set can be changed again when it has ended." : "");
    this.locked.hidden = !s.training;
    this.undo.disabled = !s.can_undo || s.training;
    this.redo.disabled = !s.can_redo || s.training;
    const phase = s.sync?.phase ?? "idle";
    let state = phase === "failed" ? "refused" : phase === "sending" ? "sending" : "saved";
    let text = s.sync?.message ?? "";
    if (/^\d|kept/i.test(text) && state === "saved") state = "kept";
    if (edits.unsaved > 0) [state, text] = ["sending", `Saving ${edits.unsaved}…`];
    if (s.problem && phase !== "failed" && state !== "sending") [state, text] = ["refused", s.problem];
    if (channel.waited >= SLOW_MS) {
      state = "kept";
      text = channel.waited < 30_000
        ? "The kernel is busy: queued until the running cell ends"
        : known
          ? "The kernel does not answer. Is it running? What you typed is kept here and sent again."
          : "No kernel answers. Run this cell again.";
    }
    mark(this.dot, "data-state", state);
    say(this.sync, text);
    this.dot.hidden = text === "";
  }
}

/**
 * Hear of new summaries, and ask for one while something is on its way: a server under load drops messages,
 * and what it dropped may have been the last.
 * @param {Frame} frame @param {Channel} channel @param {() => void} heard
 */
function watchSummary(frame, channel, heard) {
  let asking = false;
  const news = () => {
    frame.heard = null;
    heard();
  };
  frame.model.on("change:summary", news);
  const timer = window.setInterval(async () => {
    const phase = frame.summary.sync?.phase;
    if (asking || (phase !== "waiting" && phase !== "sending")) return;
    asking = true;
    const { reply } = await channel.ask({ kind: "summary" });
    asking = false;
    if (!reply.ok) return;
    frame.heard = reply.summary;
    heard();
  }, 4000);
  frame.signal.addEventListener("abort", () => {
    clearInterval(timer);
    frame.model.off("change:summary", news);
  });
}

/** Run `work` once in the next frame, however often it is asked for.
 * @param {AbortSignal} signal @param {() => void} work */
function perFrame(signal, work) {
  let due = 0;
  return () => {
    if (due || signal.aborted) return;
    due = requestAnimationFrame(() => {
      due = 0;
      if (!signal.aborted) work();
    });
  };
}

/** Keep lines in reading order, without moving the one that has the focus: it would lose it.
 * @param {HTMLElement} space @param {HTMLElement[]} nodes */
function arrange(space, nodes) {
  const held = nodes.findIndex((node) => node.contains(document.activeElement));
  nodes.forEach((node, i) => {
    if (i === held || (node.parentNode === space && node.nextSibling === (nodes[i + 1] ?? null))) return;
    space.insertBefore(node, i < held ? nodes[held] : null);
  });
}

/** @typedef {{ frame: Frame, rows: Rows, edits: Edits, images?: Rows }} Table */

/** Show what came of a cell's edit. @param {Table} table @param {CellEdit} cell */
function settle(table, cell) {
  const { frame, rows, edits } = table;
  const row = rows.byId(cell.row);
  if (cell.phase === "refused") {
    frame.announce(`Not taken: ${cell.reason}`);
    if (edits.of(cell.table, cell.row, cell.column) !== cell) giveBack(table, cell);
  } else if (row) Object.assign(row, { [cell.column]: cell.value, state: "kept", reason: "" });
  rows.refresh(rows.total);
}

/** Show refused words that have no place any more, so that they can be copied.
 * @param {Table} table @param {CellEdit} cell */
function giveBack({ frame, images }, cell) {
  frame.note(`${cell.reason} You had typed:`, String(images?.byId(cell.value)?.name ?? cell.value));
}

/** Give back the refused words of rows that are gone. @param {Table} table */
function giveBackGone(table) {
  if (!table.rows.complete) return;
  for (const [key, cell] of table.edits.cells) {
    if (cell.phase !== "refused" || table.rows.byId(cell.row)) continue;
    table.edits.cells.delete(key);
    giveBack(table, cell);
  }
}

/** Undo or redo, and say what came of it.
 * @param {"undo" | "redo"} kind @param {Frame} frame @param {Edits} edits @param {Rows[]} tables @param {() => void} paint */
async function again(kind, frame, edits, tables, paint) {
  if (frame.summary.training) return;
  const reply = await edits.again(kind);
  const reason = reply.ok ? reply.refused[0]?.reason : words(reply);
  if (reason) frame.note(reason);
  else frame.announce(kind === "undo" ? "Undone" : "Done again");
  for (const rows of tables) rows.refresh(rows.total);
  paint();
}

/** What anywidget is given: a view that ends with its signal, or when it is told to.
 * @param {(model: Model, el: HTMLElement, signal: AbortSignal) => unknown} make */
function viewOf(make) {
  return {
    /** @param {{ model: Model, el: HTMLElement, signal?: AbortSignal }} given */
    render({ model, el, signal }) {
      const end = new AbortController();
      signal?.addEventListener("abort", () => end.abort());
      make(model, el, end.signal);
      return () => end.abort();
    },
  };
}

/** A text as it is compared. @param {string} text */
function low(text) {
  return text.normalize("NFC").toLocaleLowerCase().trim();
}
