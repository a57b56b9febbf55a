// @ts-check
// Small pictures of the images in view.

const PICTURES_KEPT = 300;
const PICTURES_ASKED = 24; // by one message
const PICTURES_FLIGHTS = 2;
const PICTURES_REST_MS = 100;
const PICTURES_PX = [96, 128, 192, 256, 384, 512, 768, 1024];

/** The size to ask for where a picture is shown that large: few sizes, so that each is made once. @param {number} side CSS pixels */
function pxFor(side) {
  const px = side * (window.devicePixelRatio || 1);
  return PICTURES_PX.find((size) => size >= px) ?? 1024;
}

/** @typedef {{ id: string, picture: string }} Wanted */

/** Thumbnails as Blob URLs: what is looked at is asked for, what is not is let go. */
class Pictures {
  /** @param {Channel} channel @param {AbortSignal} signal @param {number} px @param {() => void} changed */
  constructor(channel, signal, px, changed) {
    this.channel = channel;
    this.px = px;
    this.changed = changed;
    this.most = PICTURES_KEPT;
    /** @type {Map<string, { url: string, error: string, until: number, px: number }>} oldest use first */
    this.kept = new Map();
    /** @type {{ key: string, id: string }[]} */
    this.wanted = [];
    /** @type {{ key: string, id: string }[]} */
    this.ahead = [];
    /** @type {Map<string, { keys: string[], dropped: boolean }>} by the request's id */
    this.flights = new Map();
    this.resting = 0;
    signal.addEventListener("abort", () => {
      clearTimeout(this.resting);
      for (const entry of this.kept.values()) if (entry.url) URL.revokeObjectURL(entry.url);
      this.kept.clear();
      this.wanted = this.ahead = [];
    });
  }

  /** @param {string} id @param {string} picture */
  get(id, picture) {
    return this.kept.get(`${id}/${picture}`);
  }

  /** Say what is in view, and what may be soon. What was asked for and is neither, is not made any more.
   * @param {Wanted[]} images @param {Wanted[]} [ahead] */
  want(images, ahead = []) {
    const keyed = (/** @type {Wanted} */ { id, picture }) => ({ key: `${id}/${picture}`, id });
    this.wanted = images.map(keyed);
    this.ahead = ahead.map(keyed);
    const near = new Set();
    for (const { key } of [...this.ahead, ...this.wanted]) {
      near.add(key);
      const entry = this.kept.get(key);
      if (entry) this.kept.delete(key), this.kept.set(key, entry);
    }
    for (const [of, flight] of this.flights) {
      if (flight.dropped || flight.keys.some((key) => near.has(key))) continue;
      flight.dropped = true;
      void this.channel.ask({ kind: "cancel", of });
      this.rest();
    }
    this.pump();
  }

  /** Somebody scrolls fast: ask for nothing until they slow down. */
  rest() {
    clearTimeout(this.resting);
    this.resting = window.setTimeout(() => {
      this.resting = 0;
      this.pump();
    }, PICTURES_REST_MS);
  }

  /** @param {{ key: string, id: string }[]} images */
  lacking(images) {
    const now = Date.now();
    const asked = new Set([...this.flights.values()].flatMap((flight) => flight.keys));
    return images.filter(({ key }) => {
      const entry = this.kept.get(key);
      return !asked.has(key) && (!entry || entry.until <= now || entry.px < this.px);
    });
  }

  pump() {
    while (!this.resting && this.flights.size < PICTURES_FLIGHTS) {
      let batch = this.lacking(this.wanted);
      // Whoever looks must not wait for what they may look at next.
      if (batch.length === 0 && this.flights.size === 0) batch = this.lacking(this.ahead);
      if (batch.length === 0) return;
      void this.fetch(batch.slice(0, PICTURES_ASKED), newId());
    }
  }

  /** @param {{ key: string, id: string }[]} batch @param {string} request */
  async fetch(batch, request) {
    const { px } = this;
    this.flights.set(request, { keys: batch.map(({ key }) => key), dropped: false });
    const ids = batch.map(({ id }) => id);
    const { reply, buffers } = await this.channel.ask({ kind: "thumbnails", ids, px }, request);
    this.flights.delete(request);
    batch.forEach(({ key }, i) => {
      const entry = reply.ok ? reply.thumbnails[i] : { error: words(reply) };
      if (entry.cancelled) return;
      const buffer = entry.error === undefined ? buffers[entry.buffer] : undefined;
      const old = this.kept.get(key);
      if (!buffer && old?.url) return void (old.px = px); // the smaller one is better than none
      if (old?.url) URL.revokeObjectURL(old.url);
      const url = buffer ? urlOf(buffer, entry.mime) : "";
      this.kept.set(key, { url, error: entry.error ?? "", until: url ? Infinity : Date.now() + 10_000, px });
    });
    this.evict();
    this.changed();
    this.pump();
  }

  evict() {
    const shown = new Set([...this.wanted, ...this.ahead].map(({ key }) => key));
    for (const [key, entry] of this.kept) {
      if (this.kept.size <= this.most) return;
      if (shown.has(key)) continue;
      if (entry.url) URL.revokeObjectURL(entry.url);
      this.kept.delete(key);
    }
  }
}

/** A URL that must be revoked. @param {DataView} buffer @param {string} mime */
function urlOf(buffer, mime) {
  const type = /^image\/(png|jpeg|webp)$/.test(mime) ? mime : "image/png";
  return URL.createObjectURL(new Blob([/** @type {any} */ (buffer)], { type }));
}

/** @param {HTMLElement} holder @param {HTMLImageElement} img @param {{url: string, error: string} | undefined} entry
 * @param {string} [colour] what stands there until the picture does */
function paintPicture(holder, img, entry, colour = "") {
  const url = entry?.url ?? "";
  if (img.dataset.url !== url) {
    img.dataset.url = url;
    if (url) img.src = url;
    else img.removeAttribute("src");
  }
  img.hidden = !url;
  holder.style.setProperty("--nbt-colour", /^#[0-9a-f]{6}$/i.test(colour) ? colour : null);
  mark(holder, "data-picture", url ? "shown" : entry?.error ? "failed" : "none");
  mark(holder, "title", entry?.error ? entry.error : null);
}
