// @ts-check
// Several views on one page, for tests: their time, their messages, and hands that work on them.
//
// Time stands still until a test lets it pass. What a view sends waits until the test takes it, and
// a view hears what the test delivers, when it does. So a test can lose, double and reorder anything.

const native = { timeout: window.setTimeout.bind(window), frame: window.requestAnimationFrame.bind(window) };
const crossing = new MessageChannel();

/** URLs of modules that are being loaded. Views revoke them once that is done. @type {Set<string>} */
const loading = new Set();
/** Checks of sizes and scroll positions. A browser reports their changes with some later frame. @type {Set<() => void>} */
const watches = new Set();

/** Let everything that is due at this very moment happen. */
async function settled() {
  do {
    await new Promise((done) => {
      crossing.port1.onmessage = done;
      crossing.port2.postMessage(0);
    });
  } while (loading.size);
  for (const notice of watches) notice();
}

/** Call a function whenever a value has changed. @param {() => unknown} value @param {() => void} call */
function watch(value, call) {
  let was = value();
  watches.add(() => void (was !== (was = value()) && call()));
}

/** Wait for modules when the page settles, so that a view has its parts in the same turn in every run. */
function waitForModules() {
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (/** @type {any} */ blob) => {
    const url = createObjectURL(blob);
    if (blob.type === "text/javascript") loading.add(url);
    return url;
  };
  URL.revokeObjectURL = (url) => {
    loading.delete(url);
    revokeObjectURL(url);
  };
}

/** Report changed sizes and scroll positions when the page settles, instead of with the browser's frames. */
function reportInTurn() {
  const size = (/** @type {Element} */ node) => `${node.clientWidth} ${node.clientHeight}`;
  const Observer = class {
    /** @param {() => void} call */
    constructor(call) {
      this.call = call;
    }

    /** @param {Element} node */
    observe(node) {
      watch(() => size(node), this.call);
    }

    disconnect() {}
  };
  Object.assign(window, { ResizeObserver: Observer });
  window.addEventListener("scroll", (event) => event.isTrusted && event.stopImmediatePropagation(), true);
}

class Clock {
  now = 0;
  last = 0;
  /** @type {Map<number, { at: number, every: number, call: (now: number) => void }>} */
  due = new Map();

  install() {
    const add = (/** @type {any} */ call, ms = 0, every = 0) => {
      this.due.set((this.last += 1), { at: this.now + Math.max(0, ms), every, call });
      return this.last;
    };
    const drop = (/** @type {any} */ id) => void this.due.delete(id);
    Object.assign(window, {
      setTimeout: (/** @type {any} */ call, ms = 0) => add(call, ms),
      setInterval: (/** @type {any} */ call, ms = 0) => add(call, ms, ms),
      requestAnimationFrame: (/** @type {any} */ call) => add(call, 16),
      clearTimeout: drop, clearInterval: drop, cancelAnimationFrame: drop,
    });
    performance.now = () => this.now;
    Date.now = () => 1.7e12 + this.now;
  }

  /** @param {number} ms */
  async pass(ms) {
    const until = this.now + ms;
    for (;;) {
      await settled();
      let next = 0;
      for (const [id, { at }] of this.due) {
        if (at <= until && (!next || at < /** @type {any} */ (this.due.get(next)).at)) next = id;
      }
      const timer = this.due.get(next);
      if (!timer) break;
      this.now = Math.max(this.now, timer.at);
      if (timer.every) timer.at += timer.every;
      else this.due.delete(next);
      timer.call(this.now);
    }
    this.now = until;
  }
}

/** What anywidget gives a view, with the kernel's half out of reach but for `sent` and `deliver`. */
class FarModel {
  /** @param {any} state */
  constructor(state) {
    this.state = state;
    /** @type {object[]} */
    this.sent = [];
    /** @type {Map<string, Set<(...args: any[]) => void>>} */
    this.handlers = new Map();
  }

  /** @param {string} name */
  get(name) {
    return this.state[name];
  }

  /** @param {string} name @param {any} value */
  set(name, value) {
    this.deliver({ name, value });
  }

  /** @param {string} name @param {(...args: any[]) => void} call */
  on(name, call) {
    this.handlers.set(name, (this.handlers.get(name) ?? new Set()).add(call));
  }

  /** @param {string} name @param {(...args: any[]) => void} call */
  off(name, call) {
    this.handlers.get(name)?.delete(call);
  }

  /** @param {object} message */
  send(message) {
    this.sent.push(JSON.parse(JSON.stringify(message)));
  }

  /** @param {{ name?: string, value?: any, content?: any, buffers?: string[] }} news */
  deliver({ name, value, content, buffers = [] }) {
    if (name) this.state[name] = value;
    const bytes = buffers.map((b) => new DataView(Uint8Array.from(atob(b), (c) => c.charCodeAt(0)).buffer));
    const calls = this.handlers.get(name ? `change:${name}` : "msg:custom") ?? [];
    for (const call of [...calls]) name ? call() : call(content, bytes);
  }
}

/** A view on the page, and what is being typed in it. */
class View {
  /** @param {string} name @param {any} state */
  constructor(name, state) {
    this.name = name;
    this.model = new FarModel(state);
    this.host = document.createElement("div");
    document.body.append(this.host);
    this.end = () => {};
    /** @type {{ field: any, seen: string[], text: string, began: string, offered: string, drop: boolean } | null} */
    this.writing = null;
  }

  get root() {
    return /** @type {HTMLElement} */ (this.host.querySelector(".nbt"));
  }

  get list() {
    return /** @type {HTMLElement} */ (this.root.querySelector(".nbt-scroll"));
  }

  /** @param {string} selector @returns {HTMLElement[]} those in view, from top to bottom */
  all(selector) {
    const nodes = /** @type {HTMLElement[]} */ ([...this.root.querySelectorAll(selector)]);
    return nodes.filter((node) => node.checkVisibility());
  }

  /** @param {string} selector @param {number} at between 0 and 1 */
  one(selector, at) {
    const found = this.all(selector);
    return found[Math.floor(at * found.length)];
  }

  /** @param {RegExp} label @returns {HTMLButtonElement | undefined} */
  button(label) {
    const nodes = /** @type {HTMLButtonElement[]} */ (this.all("button:not(:disabled)"));
    return nodes.find((node) => label.test(node.getAttribute("aria-label") ?? node.textContent ?? ""));
  }
}

const clock = new Clock();
/** @type {{ [name: string]: View }} */
const views = {};
/** @type {WeakMap<object, any>} what is known of each field */
const fields = new WeakMap();
/** @type {object[]} what the hands typed and what became of it, for the test */
let log = [];

const REFUSED = ".nbt-tile[aria-invalid], .nbt-side[aria-invalid], .nbt-instruction[aria-invalid]";
const TEXTS = ".nbt-cap, .nbt-instruction .nbt-text";
const FIELDS = ".nbt-tile textarea, .nbt-instruction textarea";
const token = (/** @type {string} */ text) => /^t\d+\./.exec(text)?.[0] ?? "";
const written = (/** @type {Element | null | undefined} */ node) =>
  !node || node.classList.contains("nbt-ghost") ? "" : node.textContent ?? "";

/** See which editors have opened and which are gone: their words are on their way from then on. */
function look() {
  for (const view of Object.values(views)) {
    const was = view.writing;
    if (was && !was.field.isConnected) {
      view.writing = null;
      // Who writes over words has seen them. Escape takes back what was offered again, and nothing that is on its way.
      const over = was.text && token(was.text) !== was.began;
      if (was.began && (was.drop ? was.offered : over)) log.push({ what: "dropped", token: was.began });
      const what = was.drop ? "dropped" : "committed";
      if (token(was.text)) log.push({ what, token: token(was.text), view: view.name, seen: was.seen });
    }
    const field = /** @type {any} */ (view.root?.querySelector(FIELDS));
    if (field && view.writing?.field !== field) {
      const text = written(field.parentElement.querySelector(TEXTS));
      const offered = field.value === text ? "" : token(field.value);
      const began = token(field.value);
      // A field that its view took out of the page for a while is still the same.
      view.writing = fields.get(field)
        ?? { field, seen: [token(text), began], text: offered ? field.value : "", began, offered, drop: false };
      fields.set(field, view.writing);
    }
  }
}

/** @param {Element} node @param {MouseEventInit} [keys] */
function press(node, keys = {}) {
  const active = /** @type {HTMLElement | null} */ (document.activeElement);
  if (active && active !== node && !active.contains(node)) active.blur();
  for (const kind of ["mousedown", "mouseup", "click"]) {
    node.dispatchEvent(new MouseEvent(kind, { bubbles: true, cancelable: true, ...keys }));
  }
}

/** @param {Element} node @param {string} key @param {KeyboardEventInit} [held] */
function stroke(node, key, held = {}) {
  node.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...held }));
}

/** @param {any} field @param {string} text */
function type(field, text) {
  field.focus();
  field.value = text;
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

/**
 * @typedef {{
 *   hand: string, view: string, at: number, also: number, text: string, names: string[],
 *   how: string, keys: MouseEventInit,
 * }} Gesture
 */

/** What a person can do to a view. Each finds its own place, `at` and `also` saying where roughly. */
const hands = {
  /** @param {View} view @param {Gesture} given */
  write(view, { at, text, how }) {
    if (!view.root.querySelector(FIELDS) || how === "elsewhere") {
      const node = view.one(TEXTS, at);
      if (!node) return;
      press(node);
      look();
    }
    const { writing } = view;
    if (!writing) return;
    if (how !== "look") {
      writing.text = text;
      type(writing.field, text);
    }
    if (how === "escape") {
      writing.drop = true;
      stroke(writing.field, "Escape");
    } else if (how === "enter" || how === "elsewhere") stroke(writing.field, "Enter");
    else if (how === "leave" || how === "look") writing.field.blur();
  },

  /** @param {View} view @param {Gesture} given */
  choose(view, { at, names, how }) {
    const node = view.one(".nbt-side", at);
    if (!node) return;
    press(node);
    const field = node.querySelector("input");
    if (!field) return;
    type(field, names[0]);
    if (how === "escape") stroke(field, "Escape");
    else if (how === "leave") field.blur();
    else stroke(field, "Enter");
  },

  /** @param {View} view */
  add(view) {
    const node = view.button(/^Add pair$/);
    if (node) press(node);
  },

  /** @param {View} view @param {Gesture} given */
  swap(view, { at }) {
    const node = view.one("button[aria-label^='Swap']:not(:disabled)", at);
    if (node) press(node);
  },

  /** @param {View} view @param {Gesture} given */
  drop(view, { at }) {
    const node = view.one("button[aria-label^='Delete pair']:not(:disabled)", at);
    if (node) press(node);
  },

  /** @param {View} view @param {Gesture} given */
  pick(view, { at, keys }) {
    const node = view.one(".nbt-tile .nbt-pic", at);
    if (node) press(node, keys);
  },

  /** @param {View} view @param {Gesture} given */
  key(view, { at, how, keys }) {
    const node = view.one(".nbt-tile, .nbt-side", at);
    if (!node) return;
    node.focus();
    stroke(node, how, keys);
  },

  /** @param {View} view */
  remove(view) {
    const node = view.button(/^Remove$/);
    if (node) press(node);
  },

  /** @param {View} view @param {Gesture} given */
  again(view, { how }) {
    const node = view.button(how === "undo" ? /^Undo/ : /^Redo/);
    if (node) press(node);
  },

  /** @param {View} view @param {Gesture} given */
  search(view, { text }) {
    const field = /** @type {any} */ (view.one("input[type=search]", 0));
    if (field) type(field, text);
  },

  /** @param {View} view */
  filter(view) {
    const node = view.one(".nbt-chip", 0);
    if (node) press(node);
  },

  /** @param {View} view @param {Gesture} given */
  scroll(view, { at }) {
    view.list.scrollTop = at * view.list.scrollHeight;
  },

  /** @param {View} view @param {Gesture} given */
  resize(view, { at }) {
    view.host.style.width = `${Math.round(320 + at * 700)}px`;
  },
};

/** @param {Element} tile */
function readTile(tile) {
  return {
    name: tile.querySelector(".nbt-name")?.textContent,
    text: written(tile.querySelector(".nbt-cap")),
    ghost: tile.querySelector(".nbt-cap.nbt-ghost")?.textContent ?? "",
    state: tile.querySelector(".nbt-dot")?.getAttribute("data-state"),
    reason: tile.querySelector(".nbt-reason:not([hidden])")?.textContent ?? "",
    badges: [...tile.querySelectorAll(".nbt-badge:not([hidden])")].map((node) => node.textContent),
    selected: tile.getAttribute("aria-selected") === "true",
    invalid: tile.getAttribute("aria-invalid") === "true",
  };
}

/** @param {Element} line */
function readPair(line) {
  const [source, target] = [...line.querySelectorAll(".nbt-side")];
  return {
    source: source.querySelector(".nbt-name")?.textContent,
    target: target.querySelector(".nbt-name")?.textContent,
    text: written(line.querySelector(".nbt-text")),
    state: line.querySelector(".nbt-dot")?.getAttribute("data-state"),
    reason: line.querySelector(".nbt-dot")?.getAttribute("title"),
    invalid: [...line.querySelectorAll("[aria-invalid]")].length > 0,
  };
}

const several = {
  clock, views,

  /** @param {{ name: string, esm: string, css: string, state: any }} given */
  async show({ name, esm, css, state }) {
    if (!document.head.querySelector("style[data-views]")) {
      const style = document.createElement("style");
      style.dataset.views = "";
      document.head.append(style);
    }
    const style = /** @type {HTMLElement} */ (document.head.querySelector("style[data-views]"));
    if (!style.textContent?.includes(css)) style.textContent += css;
    const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
    const module = (await import(url)).default;
    URL.revokeObjectURL(url);
    const view = (views[name] = new View(name, state));
    const begin = () => (view.end = module.render({ model: view.model, el: view.host }));
    Object.assign(view, { begin });
    begin();
    watch(() => view.list.scrollTop, () => view.list.dispatchEvent(new Event("scroll")));
  },

  /** Do what a test says, one step after the other, and return what the views sent and what was typed.
   * @param {any[]} steps */
  async turn(steps) {
    for (const { deliver, gesture, pass } of steps) {
      if (deliver) views[deliver.view].model.deliver(deliver);
      if (gesture) /** @type {any} */ (hands)[gesture.hand](views[gesture.view], gesture);
      if (pass) await clock.pass(pass);
      await settled();
      look();
    }
    const sent = Object.values(views).flatMap((view) => view.model.sent.splice(0).map((message) => ({ view: view.name, message })));
    for (const view of Object.values(views)) {
      for (const node of view.root.querySelectorAll(".nbt-typed")) {
        log.push({ what: "offered", token: token(node.textContent ?? ""), view: view.name });
      }
    }
    return { sent, log: log.splice(0) };
  },

  /** Take the hands off: what is being typed is kept, searches end.
   * @param {string} name */
  rest(name) {
    const view = views[name];
    // A field that was out of sight has lost the focus without being left.
    /** @type {HTMLElement | null} */ (view.root.querySelector(FIELDS))?.focus();
    /** @type {HTMLElement | null} */ (document.activeElement)?.blur();
    for (const field of /** @type {any[]} */ (view.all("input[type=search]"))) type(field, "");
    for (const chip of view.all(".nbt-chip[aria-pressed=true]")) press(chip);
    for (const close of view.all("button")) if (close.textContent === "Dismiss") press(close);
    look();
  },

  /** Go to a place of the list, wait for the page to have laid it out, and return the next one.
   * @param {string} name @param {number} top */
  async go(name, top) {
    const { list } = views[name];
    list.scrollTop = top;
    await new Promise((done) => native.frame(done));
    await new Promise((done) => native.timeout(done, 0));
    return list.hidden || list.scrollTop < top ? null : top + Math.max(100, Math.floor(list.clientHeight * 0.8));
  },

  /** What stands on the screen now, by place in the list.
   * @param {string} name @returns {{ [place: number]: object }} */
  read(name) {
    const view = views[name];
    /** @type {{ [place: number]: object }} */
    const found = {};
    for (const line of view.all(".nbt-line[aria-rowindex]")) {
      const n = Number(line.getAttribute("aria-rowindex"));
      if (line.classList.contains("nbt-pair")) {
        found[n - 2] = readPair(line);
        continue;
      }
      const columns = Number(view.list.getAttribute("aria-colcount"));
      for (const tile of line.querySelectorAll(".nbt-tile:not([hidden])")) {
        found[(n - 1) * columns + Number(tile.getAttribute("aria-colindex")) - 1] = readTile(tile);
      }
    }
    return found;
  },

  /** What stands around the list.
   * @param {string} name */
  around(name) {
    const view = views[name];
    const enabled = (/** @type {string} */ word) =>
      view.all("button").some((node) => node.textContent === word && !(/** @type {any} */ (node).disabled));
    return {
      sync: view.root.querySelector(".nbt-sync")?.textContent ?? "",
      count: view.root.querySelector(".nbt-count")?.textContent ?? "",
      undo: enabled("Undo"), redo: enabled("Redo"), chosen: view.all(".nbt-chosen")[0]?.textContent ?? "",
    };
  },

  /** Open each cell that says it is refused, tell what it offers again, and let go of it as a person would.
   * @param {string} name */
  offers(name) {
    const view = views[name];
    const been = new Set();
    const place = (/** @type {Element} */ node) => {
      const tiles = node.parentElement?.querySelectorAll(":scope > *") ?? [];
      return `${node.closest("[aria-rowindex]")?.getAttribute("aria-rowindex")}/${[...tiles].indexOf(node)}`;
    };
    const says = (/** @type {Element} */ node) => {
      const row = node.closest(".nbt-tile, .nbt-pair");
      return /is kept: click to continue/.test(row?.textContent + (row?.querySelector(".nbt-dot")?.getAttribute("title") ?? ""));
    };
    // Found anew each time: opening one may scroll, and lines are used again.
    const next = () => [...view.root.querySelectorAll(REFUSED)].find((node) => says(node) && !been.has(place(node)));
    for (let node = next(); node; node = next()) {
      been.add(place(node));
      press(node.querySelector(TEXTS) ?? node);
      look();
      const { writing } = view;
      if (writing) {
        if (writing.offered) log.push({ what: "offered", token: writing.offered, view: name });
        writing.drop = true;
      }
      const field = writing?.field ?? node.querySelector("input");
      if (field) stroke(field, "Escape");
      look();
    }
  },
};

clock.install();
waitForModules();
reportInTurn();
Object.assign(window, { several });
