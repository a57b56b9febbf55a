// @ts-check
// How a view begins and ends, and its questions to the kernel with their answers.

/**
 * @typedef {{
 *   get(name: string): any,
 *   set(name: string, value: any): void,
 *   on(name: string, callback: (...args: any[]) => void): void,
 *   off(name: string, callback: (...args: any[]) => void): void,
 *   send(content: object): void,
 * }} Model
 * @typedef {{ id?: string, ok: boolean, error?: { message: string, remedy: string }, [more: string]: any }} Reply
 * @typedef {{ reply: Reply, buffers: DataView[] }} Heard
 */

const SLOW_MS = 2500;
const RESEND_MS = 4000;
const RESEND_MS_MOST = 60_000;

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
    /** @type {Map<string, { message: { idle?: boolean }, resolve: (heard: Heard) => void, tries: number, timer: number, asked: number }>} */
    this.open = new Map();
    const hear = (/** @type {Reply} */ reply, /** @type {DataView[]} */ buffers) => this.hear(reply, buffers);
    model.on("msg:custom", hear);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", hear);
      for (const entry of this.open.values()) clearTimeout(entry.timer);
      this.open.clear();
    });
  }

  /** For how many milliseconds the oldest question has waited, but those that nobody waits for. */
  get waited() {
    const now = performance.now();
    return Math.max(0, ...Array.from(this.open.values(), ({ message, asked }) => (message.idle ? 0 : now - asked)));
  }

  /** @param {object} message @param {string} [id] @returns {Promise<Heard>} */
  ask(message, id = newId()) {
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

/** What anywidget is given: a view that ends with its signal, or when it is told to.
 * @param {(model: Model, el: HTMLElement, signal: AbortSignal) => unknown} make */
function viewOf(make) {
  return {
    /** @param {{ model: Model, el: HTMLElement, signal?: AbortSignal }} given */
    render({ model, el, signal }) {
      const end = new AbortController();
      signal?.addEventListener("abort", () => end.abort());
      make(model, el, end.signal);
      const root = /** @type {Element} */ (el.firstElementChild);
      alive(model, root, end.signal);
      swallowFiles(root, end.signal);
      return () => end.abort();
    },
  };
}
