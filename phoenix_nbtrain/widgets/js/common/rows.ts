// Rows of the kernel's tables, as far as this view has read them.

import { type Channel, errorText, type Revision } from "./channel";
import type { Requests, RowOf, TableName, Wish } from "./messages";

export const PAGE = 50;
const ROWS_FLIGHTS = 3;
const ROWS_BY_ID = 100;

/** The rows of a table. They are read page by page; old ones stay until newer ones have arrived. */
export class Rows<T extends TableName = TableName> {
  /** How many rows match `wish`. */
  total = 0;
  known = false;
  problem = "";
  version = 0;
  wish: Wish = {};
  /** Places of rows that are being worked on, so that they do not jump away. */
  readonly keep = new Map<string, number>();
  readonly pages = new Map<number, { rows: RowOf[T][]; revision: number; stale: boolean; wish: Wish }>();
  readonly places = new Map<string, number>();
  wanted: number[] = [];
  readonly asked = new Map<number, Promise<void>>();
  /** By row: the version at which it was last looked up by its id. */
  readonly sought = new Map<string, number>();

  /** @param most how many pages to keep */
  constructor(
    readonly channel: Channel,
    readonly table: T,
    readonly revision: Revision,
    readonly changed: () => void,
    readonly most: number = Infinity,
  ) {}

  idOf(row: RowOf[T]): string {
    return "image_id" in row ? row.image_id : row.pair_id;
  }

  at(index: number): RowOf[T] | undefined {
    return this.pages.get(Math.floor(index / PAGE))?.rows[index % PAGE];
  }

  idAt(index: number) {
    const row = this.at(index);
    return row && this.idOf(row);
  }

  indexOf(id: string) {
    const place = this.places.get(id);
    return place !== undefined && this.idAt(place) === id ? place : -1;
  }

  byId(id: string) {
    return this.at(this.indexOf(id));
  }

  /**
   * The revision of the draft at which a row was read; the newest one if it has not been read.
   */
  revisionOf(id: string) {
    return this.pages.get(Math.floor(this.indexOf(id) / PAGE))?.revision ?? this.revision.seen;
  }

  loaded(): RowOf[T][] {
    return [...this.pages.entries()].sort((a, b) => a[0] - b[0]).flatMap(([, page]) => page.rows);
  }

  /** Whether all rows are read and up to date. */
  get complete() {
    const pages = [...this.pages.values()];
    return (
      this.known &&
      pages.every((page) => !page.stale) &&
      pages.reduce((n, page) => n + page.rows.length, 0) === this.total
    );
  }

  /** Whether all rows are wanted, in their own order. */
  get plain() {
    return Object.keys(this.wish).length === 0;
  }

  /** Search, filter or sort. The rows on the screen stay until the others have arrived. */
  look(wish: Wish) {
    this.wish = wish;
    this.keep.clear();
    this.refresh(this.total);
    return this.want(0, 1);
  }

  /** Keep a row in its place while it is worked on, even if it no longer matches. */
  hold(id: string) {
    if (!this.plain && this.keep.size < 1000 && this.indexOf(id) >= 0) this.keep.set(id, this.indexOf(id));
  }

  /**
   * Request the rows from start to stop, unless they are here, in place of those that were wanted before.
   */
  want(start: number, stop: number): Promise<unknown> {
    const last = Math.max(0, Math.ceil(Math.min(stop, this.total) / PAGE) - 1);
    const first = Math.min(last, Math.max(0, Math.floor(start / PAGE)));
    this.wanted = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    return this.pump();
  }

  pump() {
    const pages = Math.max(1, Math.ceil(this.total / PAGE));
    for (const n of this.wanted) {
      if (n >= pages) continue; // the rows of that page are gone since: asked for, it would never come
      if (this.asked.size >= ROWS_FLIGHTS) break;
      if (this.asked.has(n) || this.pages.get(n)?.stale === false) continue;
      this.asked.set(n, this.load(n));
    }
    return Promise.all(this.asked.values());
  }

  get asking(): Wish & { keep?: [string, number][] } {
    return this.plain ? {} : { ...this.wish, keep: [...this.keep] };
  }

  async load(n: number) {
    for (let tries = 0; tries < 5; tries += 1) {
      const { version, wish } = this;
      const page = { start: n * PAGE, stop: (n + 1) * PAGE, ...this.asking };
      const { reply } = await this.channel.ask({ kind: "rows", table: this.table, ...page });
      this.problem = reply.ok ? "" : errorText(reply);
      // It was read before an edit that has been answered since, or for another wish: it is out of date.
      if (reply.ok && (reply.revision < this.revision.seen || wish !== this.wish)) continue;
      if (reply.ok) this.take(n, reply, version !== this.version);
      break;
    }
    this.asked.delete(n);
    this.changed();
    if (!this.problem) void this.pump();
  }

  take(n: number, reply: Requests["rows"]["answers"], stale: boolean) {
    this.revision.see(reply.revision);
    this.known = true;
    this.total = reply.total;
    this.pages.delete(n);
    const rows = reply.rows as RowOf[T][];
    this.pages.set(n, { rows, revision: reply.revision, stale, wish: this.wish });
    const pages = Math.max(1, Math.ceil(this.total / PAGE));
    for (const [at, page] of this.pages) {
      const spare = this.pages.size > this.most && !this.wanted.includes(at);
      if (at < pages && page.wish === this.wish && !spare) continue;
      this.pages.delete(at);
      for (const row of page.rows) {
        const id = this.idOf(row);
        if (Math.floor((this.places.get(id) ?? -1) / PAGE) === at) this.places.delete(id);
      }
    }
    rows.forEach((row, i) => this.places.set(this.idOf(row), n * PAGE + i));
  }

  /**
   * Mark all rows as out of date.
   * @param total how many rows the table has now
   */
  refresh(total: number) {
    if (this.plain) this.total = total;
    this.version += 1;
    for (const page of this.pages.values()) page.stale = true;
  }

  /** The ids of the rows from start to stop, read or not. */
  async ids(start: number, stop: number): Promise<string[]> {
    const here = Array.from({ length: Math.max(0, stop - start) }, (_, i) => this.idAt(start + i));
    if (here.every((id) => id !== undefined)) return here;
    const { reply } = await this.channel.ask({ kind: "order", table: this.table, start, stop, ...this.asking });
    return reply.ok ? reply.ids : here.filter((id) => id !== undefined);
  }

  /**
   * Read rows by their ids, and the revision that they are of. Rows that no longer exist are left out.
   */
  async read(ids: string[]) {
    const found: RowOf[T][] = [];
    let revision = Infinity;
    for (let at = 0; at < ids.length; at += ROWS_BY_ID) {
      const { reply } = await this.channel.ask({
        kind: "rows",
        table: this.table,
        ids: ids.slice(at, at + ROWS_BY_ID),
      });
      if (!reply.ok) throw new Error(errorText(reply));
      found.push(...(reply.rows as RowOf[T][]));
      revision = Math.min(revision, reply.revision);
    }
    return { found, revision };
  }

  /** Read rows by their ids. */
  async byIds(ids: string[]) {
    return (await this.read(ids)).found;
  }

  /** Return which of these rows no longer exist. What was asked in this version is not asked again. */
  async gone(ids: string[]): Promise<Set<string>> {
    const asked = ids.filter((id) => this.sought.get(id) !== this.version && !this.byId(id));
    for (const id of asked) this.sought.set(id, this.version);
    if (asked.length === 0) return new Set();
    try {
      const there = new Set((await this.byIds(asked)).map((row) => this.idOf(row)));
      return new Set(asked.filter((id) => !there.has(id)));
    } catch {
      return new Set();
    }
  }
}
