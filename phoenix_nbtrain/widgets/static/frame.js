// @ts-check
// What stands around the content of a view of rows.

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
    /** @type {(kind: "undo" | "redo", of?: number) => void} */
    this.onAgain = () => {};
    const retry = () => model.send({ id: newId(), kind: "retry" });
    this.retry = button("", "nbt-btn", retry, { title: "Send refused rows again" });
    const head = h("div", "nbt-head", {}, this.title, this.type, h("span", "nbt-grow"), this.where);
    this.foot = h("div", "nbt-foot", { tabindex: "-1", "data-lm-suppress-shortcuts": "" },
      this.dot, this.sync, this.retry, h("span", "nbt-grow"), this.count);
    this.body.append(this.bar, this.locked, this.notes, this.empty);
    this.root = h("div", `nbt ${className}`, {}, head, this.body, this.foot, this.live);
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
    if (typed) line.append(h("code", "nbt-typed", { tabindex: "0", "data-lm-suppress-shortcuts": "" }, typed)); // it may scroll
    line.append(h("span", "nbt-grow"), button("Dismiss", "nbt-btn nbt-quiet", () => line.remove()));
    this.notes.append(line);
    // Words that were typed stay until somebody has seen to them.
    const old = [...this.notes.children].filter((node) => !node.querySelector(".nbt-typed"));
    for (const node of old.slice(0, -5)) node.remove();
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
    say(this.locked, s.training ? "Training is running. The dataset can be changed when it has ended." : "");
    this.locked.hidden = !s.training;
    this.undo.disabled = !s.can_undo || s.training;
    this.redo.disabled = !s.can_redo || s.training;
    const phase = s.sync?.phase ?? "idle";
    const refused = s.counts?.retry ?? 0;
    const over = s.training || (refused === 0 && phase !== "failed") || s.picking;
    // The focus must not fall through to the notebook, where "d d" deletes the cell.
    if (over && document.activeElement === this.retry) this.foot.focus();
    this.retry.hidden = over;
    say(this.retry, over ? "" : refused ? `Retry ${refused} refused` : "Retry");
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
          ? "The kernel does not answer. Is it running? What you typed is kept here, also when you run this cell again."
          : "No kernel answers. Run this cell again.";
    }
    mark(this.dot, "data-state", state);
    say(this.sync, text);
    this.dot.hidden = text === "";
    this.root.style.setProperty("--nbt-share", `${100 * (s.sync?.share ?? 0)}%`);
  }
}

const POLL_MS = 4000;
const IDLE_POLLS = 8;

/**
 * Hear of new summaries, and ask for one now and then, oftener while something is on its way: a server under
 * load drops messages, and what it dropped may have been the last.
 * @param {Frame} frame @param {Channel} channel @param {() => void} heard
 */
function watchSummary(frame, channel, heard) {
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
    if (!reply.ok || reply.summary.version < frame.summary.version) return; // a newer one came meanwhile
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
