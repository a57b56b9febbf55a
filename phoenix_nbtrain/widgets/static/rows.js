// @ts-check
// The rows that the kernel holds, as far as this view has read them.

/** @typedef {{ [column: string]: any, state: string, reason: string }} Row */

const PAGE = 100;

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
