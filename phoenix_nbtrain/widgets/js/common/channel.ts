// Requests to the kernel and its replies.

import type { Ask, Failure, Kind, Model, Reply } from "./messages";

interface Heard<K extends Kind> {
  reply: Reply<K>;
  buffers: DataView[];
}

interface Asked {
  message: Ask<Kind> & { id: string };
  // biome-ignore lint/suspicious/noExplicitAny: whoever asks knows which reply it is
  resolve: (heard: Heard<any>) => void;
  tries: number;
  timer: number;
  /** When it was sent first, in `performance.now()` milliseconds. */
  asked: number;
}

export const SLOW_MS = 2500;
const RESEND_MS = 4000;
const RESEND_MS_MOST = 60_000;

/** A unique id. (`randomUUID` is missing where a hub is served without TLS.) */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Sends requests to the kernel. One that gets no reply is sent again under the same id. */
export class Channel {
  readonly open = new Map<string, Asked>();

  constructor(
    readonly model: Model,
    readonly signal: AbortSignal,
    readonly changed: () => void,
  ) {
    const hear = (reply: Reply, buffers: DataView[]) => this.hear(reply, buffers);
    model.on("msg:custom", hear);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", hear);
      for (const entry of this.open.values()) clearTimeout(entry.timer);
      this.open.clear();
    });
  }

  /** How long the oldest request has waited, in milliseconds. Idle polls do not count. */
  get waited() {
    const now = performance.now();
    return Math.max(
      0,
      ...Array.from(this.open.values(), ({ message, asked }) => ("idle" in message && message.idle ? 0 : now - asked)),
    );
  }

  ask<K extends Kind>(message: Ask<K>, id = newId()): Promise<Heard<K>> {
    return new Promise((resolve) => {
      this.open.set(id, { message: { ...message, id }, resolve, tries: 0, timer: 0, asked: performance.now() });
      this.send(id);
      window.setTimeout(() => this.open.has(id) && this.changed(), SLOW_MS);
    });
  }

  send(id: string) {
    const entry = this.open.get(id);
    if (!entry || this.signal.aborted) return;
    try {
      this.model.send(entry.message);
    } catch {
      // The comm is gone, as after a kernel restart. It may come back, so this is retried like the rest.
    }
    const wait = Math.min(RESEND_MS * 2 ** entry.tries, RESEND_MS_MOST);
    entry.tries += 1;
    entry.timer = window.setTimeout(() => {
      this.send(id);
      this.changed();
    }, wait);
  }

  hear(reply: Reply, buffers: DataView[]) {
    const entry = reply?.id ? this.open.get(reply.id) : undefined;
    if (!entry) return; // another view's, or answered before
    this.open.delete(String(reply.id));
    clearTimeout(entry.timer);
    entry.resolve({ reply, buffers: buffers ?? [] });
    if (performance.now() - entry.asked >= SLOW_MS) this.changed();
  }
}

/** The highest revision of the draft that this view has heard of. */
export class Revision {
  seen = 0;
  see(revision: number) {
    if (revision > this.seen) this.seen = revision;
  }
}

export function errorText({ error }: Failure) {
  return `${error.message} ${error.remedy}`.trim();
}
