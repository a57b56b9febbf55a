// @ts-check
// Small pictures of the images in view.

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
