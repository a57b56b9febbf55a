// The frame around the rows of a view.

import { type Channel, newId, SLOW_MS } from "./channel";
import { button, h, setAttribute, setText } from "./dom";
import type { Edits } from "./edits";
import type { Model, Summary } from "./messages";

/** Header, toolbar, notes, footer and the live region for screen readers. */
export class Frame {
  /** A summary that was polled, until the next one is pushed. */
  heard: Summary | null = null;
  readonly title = h("h2", "nbt-title");
  readonly type = h("span", "nbt-pill");
  readonly where = h("span", "nbt-pill");
  readonly bar = h("div", "nbt-bar");
  readonly locked = h("div", "nbt-note nbt-hint", { role: "note" });
  readonly notes = h("div", "nbt-notes");
  readonly body = h("div", "nbt-section");
  readonly empty = h("div", "nbt-empty");
  readonly dot = h("span", "nbt-dot");
  readonly sync = h("span", "nbt-sync");
  readonly count = h("span", "nbt-count");
  readonly live = h("div", "nbt-hidden", { "aria-live": "polite" });
  readonly undo: HTMLButtonElement;
  readonly redo: HTMLButtonElement;
  onUndoRedo: (kind: "undo" | "redo", of?: number) => void = () => {};
  readonly retry: HTMLButtonElement;
  readonly foot: HTMLDivElement;
  readonly root: HTMLDivElement;

  constructor(
    readonly model: Model,
    el: HTMLElement,
    readonly signal: AbortSignal,
    className: string,
  ) {
    this.undo = button("Undo", "nbt-btn nbt-quiet", () => this.onUndoRedo("undo"));
    this.redo = button("Redo", "nbt-btn nbt-quiet", () => this.onUndoRedo("redo"));
    const retry = () => model.send({ id: newId(), kind: "retry" });
    this.retry = button("", "nbt-btn", retry, { title: "Retry refused rows" });
    const head = h("div", "nbt-head", {}, this.title, this.type, h("span", "nbt-grow"), this.where);
    this.foot = h(
      "div",
      "nbt-foot",
      { tabindex: "-1", "data-lm-suppress-shortcuts": "" },
      this.dot,
      this.sync,
      this.retry,
      h("span", "nbt-grow"),
      this.count,
    );
    this.body.append(this.bar, this.locked, this.notes, this.empty);
    this.root = h("div", `nbt ${className}`, {}, head, this.body, this.foot, this.live);
    // Jupyter must not take a key that is meant for this view as a command on the cell.
    for (const kind of ["keydown", "keyup", "keypress"] as const) {
      this.root.addEventListener(kind, (event) => event.stopPropagation());
    }
    el.append(this.root);
    signal.addEventListener("abort", () => this.root.remove());
  }

  get summary(): Summary {
    return this.heard ?? this.model.get("summary") ?? {};
  }

  announce(text: string) {
    this.live.textContent = "";
    this.live.textContent = text;
  }

  /** @param typed a typed text whose cell is gone, to be copied */
  note(text: string, typed?: string) {
    const line = h("div", "nbt-note nbt-bad nbt-row", { role: "alert" }, h("span", "", {}, text));
    if (typed) line.append(h("code", "nbt-typed", { tabindex: "0", "data-lm-suppress-shortcuts": "" }, typed)); // it may scroll
    line.append(
      h("span", "nbt-grow"),
      button("Dismiss", "nbt-btn nbt-quiet", () => line.remove()),
    );
    this.notes.append(line);
    // Typed texts stay until they are dismissed.
    const old = [...this.notes.children].filter((node) => !node.querySelector(".nbt-typed"));
    for (const node of old.slice(0, -5)) node.remove();
  }

  /** Show why there are no rows, and what to do. */
  explain([lead, text, code]: readonly [lead: string, text: string, code: string]) {
    if (this.empty.dataset.says === lead + text) return;
    this.empty.dataset.says = lead + text;
    this.empty.replaceChildren(h("p", "nbt-lead", {}, lead), h("p", "", {}, text));
    if (code) this.empty.append(h("code", "", {}, code));
  }

  /** @param known whether any rows have arrived */
  paint(edits: Edits, channel: Channel, known: boolean) {
    const s = this.summary;
    setText(this.title, s.title ?? "");
    setText(this.type, s.type ?? "");
    setText(this.where, s.where ?? "");
    this.where.className = "nbt-pill " + (s.local ? "nbt-local" : "nbt-paid");
    setText(this.locked, s.training ? "Training is running. The dataset can be changed when it has ended." : "");
    this.locked.hidden = !s.training;
    this.undo.disabled = !s.can_undo || Boolean(s.training);
    this.redo.disabled = !s.can_redo || Boolean(s.training);
    const phase = s.sync?.phase ?? "idle";
    const refused = s.counts?.retry ?? 0;
    const over = Boolean(s.training || (refused === 0 && phase !== "failed") || s.picking);
    // The focus must not fall back to the notebook, where "d d" deletes the cell.
    if (over && document.activeElement === this.retry) this.foot.focus();
    this.retry.hidden = over;
    setText(this.retry, over ? "" : refused ? `Retry ${refused} refused` : "Retry");
    let state = phase === "failed" ? "refused" : phase === "sending" ? "sending" : "saved";
    let text = s.sync?.message ?? "";
    if (/^\d|kept|locally/i.test(text) && state === "saved") state = "kept";
    if (edits.unsaved > 0) [state, text] = ["sending", `Saving ${edits.unsaved}…`];
    if (s.problem && phase !== "failed" && state !== "sending") [state, text] = ["refused", s.problem];
    if (channel.waited >= SLOW_MS) {
      state = "kept";
      text =
        channel.waited < 30_000
          ? "The kernel is busy: queued until the running cell ends"
          : known
            ? "The kernel is not responding. Is it running? What you typed is kept here, also when you run this cell again."
            : "The kernel is not responding. Run this cell again.";
    }
    setAttribute(this.dot, "data-state", state);
    setText(this.sync, text);
    this.dot.hidden = text === "";
    this.root.style.setProperty("--nbt-share", `${100 * (s.sync?.share ?? 0)}%`);
  }
}

const POLL_MS = 4000;
const IDLE_POLLS = 8;

/**
 * Call `heard` for every new summary. It is also polled, more often while something is being sent: a server under load
 * drops messages, and the last one may be among them.
 */
export function watchSummary(frame: Frame, channel: Channel, heard: () => void) {
  let asking = false;
  let quiet = 0;
  const news = () => {
    frame.heard = null;
    heard();
  };
  frame.model.on("change:summary", news);
  const timer = window.setInterval(async () => {
    const phase = frame.summary.sync?.phase;
    const idle = phase !== "waiting" && phase !== "sending";
    quiet = idle ? quiet + 1 : 0;
    if (asking || document.hidden || (idle && quiet < IDLE_POLLS)) return;
    [asking, quiet] = [true, 0];
    const { reply } = await channel.ask({ kind: "summary", idle });
    asking = false;
    if (!reply.ok || (reply.summary.version ?? 0) < (frame.summary.version ?? 0)) return; // a newer one came meanwhile
    frame.heard = reply.summary;
    const { selected } = reply;
    if (selected && String(selected) !== String(frame.model.get("selected"))) frame.model.set("selected", selected);
    heard();
  }, POLL_MS);
  frame.signal.addEventListener("abort", () => {
    clearInterval(timer);
    frame.model.off("change:summary", news);
  });
}
