// Thumbnails.

import { type Channel, errorText, newId } from "./channel";
import { setAttribute } from "./dom";
import type { Thumbnail } from "./messages";

const KEPT = 300;
const ASKED = 24; // by one message
const FLIGHTS = 2;
const REST_MS = 100;
const PX = [96, 128, 192, 256, 384, 512, 768, 1024];

/**
 * The size to request for an image of that side length. There are few sizes, so that each is rendered once.
 * @param side CSS pixels
 */
export function pxFor(side: number) {
  const px = side * (window.devicePixelRatio || 1);
  return PX.find((size) => size >= px) ?? 1024;
}

export interface Wanted {
  id: string;
  version: string;
}

/** Thumbnails as Blob URLs. Those in view are requested; requests for others are cancelled. */
export class Thumbnails {
  most = KEPT;
  /** Least recently used first. */
  readonly kept = new Map<string, { url: string; error: string; until: number; px: number }>();
  wanted: { key: string; id: string }[] = [];
  ahead: { key: string; id: string }[] = [];
  /** By request id. */
  readonly flights = new Map<string, { keys: string[]; dropped: boolean }>();
  resting = 0;

  constructor(
    readonly channel: Channel,
    signal: AbortSignal,
    public px: number,
    readonly changed: () => void,
  ) {
    signal.addEventListener("abort", () => {
      clearTimeout(this.resting);
      for (const entry of this.kept.values()) if (entry.url) URL.revokeObjectURL(entry.url);
      this.kept.clear();
      this.wanted = this.ahead = [];
    });
  }

  get(id: string, version: string) {
    return this.kept.get(`${id}/${version}`);
  }

  /** Set what is in view and what may be next. Requests for anything else are cancelled. */
  want(images: Wanted[], ahead: Wanted[] = []) {
    const keyed = ({ id, version }: Wanted) => ({ key: `${id}/${version}`, id });
    this.wanted = images.map(keyed);
    this.ahead = ahead.map(keyed);
    const near = new Set();
    for (const { key } of [...this.ahead, ...this.wanted]) {
      near.add(key);
      const entry = this.kept.get(key);
      if (!entry) continue;
      this.kept.delete(key);
      this.kept.set(key, entry);
    }
    for (const [of, flight] of this.flights) {
      if (flight.dropped || flight.keys.some((key) => near.has(key))) continue;
      flight.dropped = true;
      void this.channel.ask({ kind: "cancel", of });
      this.rest();
    }
    this.pump();
  }

  /** Request nothing for a moment: somebody is scrolling fast. */
  rest() {
    clearTimeout(this.resting);
    this.resting = window.setTimeout(() => {
      this.resting = 0;
      this.pump();
    }, REST_MS);
  }

  lacking(images: { key: string; id: string }[]) {
    const now = Date.now();
    const asked = new Set([...this.flights.values()].flatMap((flight) => flight.keys));
    return images.filter(({ key }) => {
      const entry = this.kept.get(key);
      return !asked.has(key) && (!entry || entry.until <= now || entry.px < this.px);
    });
  }

  pump() {
    while (!this.resting && this.flights.size < FLIGHTS) {
      let batch = this.lacking(this.wanted);
      // What is in view must not wait for what may be next.
      if (batch.length === 0 && this.flights.size === 0) batch = this.lacking(this.ahead);
      if (batch.length === 0) return;
      void this.fetch(batch.slice(0, ASKED), newId());
    }
  }

  async fetch(batch: { key: string; id: string }[], request: string) {
    const { px } = this;
    this.flights.set(request, { keys: batch.map(({ key }) => key), dropped: false });
    const ids = batch.map(({ id }) => id);
    const { reply, buffers } = await this.channel.ask({ kind: "thumbnails", ids, px }, request);
    this.flights.delete(request);
    batch.forEach(({ key }, i) => {
      const entry: Partial<Thumbnail> = reply.ok ? (reply.thumbnails[i] ?? {}) : { error: errorText(reply) };
      if (entry.cancelled) return;
      const buffer = entry.buffer === undefined ? undefined : buffers[entry.buffer];
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

/** Create a URL; the caller revokes it. */
export function urlOf(buffer: DataView, mime = "") {
  const type = /^image\/(png|jpeg|webp)$/.test(mime) ? mime : "image/png";
  return URL.createObjectURL(new Blob([buffer as DataView<ArrayBuffer>], { type }));
}

/** @param colour shown until the image is there */
export function paintThumbnail(
  holder: HTMLElement,
  img: HTMLImageElement,
  entry: { url: string; error: string } | undefined,
  colour: string = "",
) {
  const url = entry?.url ?? "";
  if (img.dataset.url !== url) {
    img.dataset.url = url;
    if (url) img.src = url;
    else img.removeAttribute("src");
  }
  img.hidden = !url;
  holder.style.setProperty("--nbt-colour", /^#[0-9a-f]{6}$/i.test(colour) ? colour : null);
  setAttribute(holder, "data-image", url ? "shown" : entry?.error ? "failed" : "none");
  setAttribute(holder, "title", entry?.error ? entry.error : null);
}
