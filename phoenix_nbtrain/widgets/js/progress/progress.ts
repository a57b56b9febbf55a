// The progress panel. All that it shows is in one trait, except for the sample images, which are requested by id.

import { Channel, errorText, SLOW_MS } from "../common/channel";
import { button, h, perFrame, setAttribute, setText } from "../common/dom";
import type { Model, ProgressSummary, Samples } from "../common/messages";
import { Thumbnails } from "../common/thumbnails";
import { viewOf } from "../common/view";

const SVG = "http://www.w3.org/2000/svg";
const CURVE = { width: 290, height: 120, left: 8, right: 10, top: 28, bottom: 12 };
const REASK_MS = 4000;

function svg(tag: string, attributes: { [name: string]: string | number }) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

/** A running mean: the loss of a single step depends on the images in its batch. */
function smoothed(values: number[]) {
  const keep = 0.9;
  let [sum, weight] = [0, 0];
  return values.map((value) => {
    sum = keep * sum + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return sum / weight;
  });
}

/** The loss by step as a faint line, and its running mean. */
class Curve {
  readonly root: SVGElement;
  readonly title = svg("title", {});
  readonly text = svg("text", { x: 8, y: 16, class: "nbt-curve-text" });
  readonly raw = svg("polyline", { class: "nbt-curve-raw", fill: "none" });
  readonly line = svg("polyline", { class: "nbt-curve-line", fill: "none" });
  readonly last = svg("circle", { r: 2.6, class: "nbt-curve-dot" });

  constructor() {
    const { width, height } = CURVE;
    this.root = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "nbt-curve", role: "img" });
    this.root.append(this.title, this.text, this.raw, this.line, this.last);
  }

  paint(losses: [number, number][]) {
    const some = losses.length > 0;
    this.last.setAttribute("visibility", some ? "visible" : "hidden");
    if (!some) {
      this.text.textContent = "";
      this.raw.setAttribute("points", "");
      this.line.setAttribute("points", "");
      return;
    }
    const steps = losses.map(([step]) => step);
    const values = losses.map(([, loss]) => loss);
    const [from, to] = [Math.min(...steps), Math.max(...steps)];
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const { width, height, left, right, top, bottom } = CURVE;
    const x = (s: number) => left + ((s - from) / (to - from || 1)) * (width - left - right);
    const y = (v: number) => top + (1 - (v - least) / (most - least || 1)) * (height - top - bottom);
    const smooth = smoothed(values);
    const points = (ys: number[]) => ys.map((v, i) => `${x(steps[i]).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
    this.raw.setAttribute("points", points(values));
    this.line.setAttribute("points", points(smooth));
    const [step, loss] = [steps[steps.length - 1], smooth[smooth.length - 1]];
    this.last.setAttribute("cx", x(step).toFixed(1));
    this.last.setAttribute("cy", y(loss).toFixed(1));
    const words = `loss ${loss.toPrecision(3)}`;
    if (this.text.textContent !== words) this.text.textContent = words;
    this.title.textContent = `${words} at step ${step.toLocaleString("en")}, ${values[0].toPrecision(3)} at the start`;
  }
}

class Progress {
  readonly paint: () => void;
  readonly channel: Channel;
  readonly thumbnails: Thumbnails;
  readonly cells = new Map<string, { cell: HTMLElement; img: HTMLImageElement; why: HTMLElement }>();
  /** Epochs that were requested in addition to the newest. */
  older: Samples[] = [];
  asking = false;
  stopping = false;
  refusal = "";
  heard = Date.now();
  /** A summary that was polled, until the next one is pushed. */
  newer: ProgressSummary | null = null;
  /** The phase that was last shown. */
  phase: string | undefined = undefined;
  readonly small = h("small");
  readonly stop: HTMLButtonElement;
  readonly where = h("span", "nbt-pill nbt-where");
  readonly question = h("span");
  readonly yes: HTMLButtonElement;
  readonly no: HTMLButtonElement;
  readonly confirm: HTMLDivElement;
  readonly note = h("div", "nbt-note nbt-bad", { role: "alert" });
  readonly fill = h("span");
  readonly bar: HTMLDivElement;
  readonly curve = new Curve();
  readonly honest = h("div", "nbt-fine");
  readonly left: HTMLDivElement;
  readonly all: HTMLButtonElement;
  readonly samples = h("div", "nbt-samples", { role: "group", "aria-label": "Samples by epoch" });
  readonly right: HTMLDivElement;
  readonly live: HTMLDivElement;
  readonly said = h("div", "nbt-hidden", { "aria-live": "polite" });
  readonly root: HTMLDivElement;

  constructor(
    readonly model: Model,
    el: HTMLElement,
    readonly signal: AbortSignal,
  ) {
    this.paint = perFrame(signal, () => this.paintNow());
    this.channel = new Channel(model, signal, this.paint);
    const px = 96 * Math.min(4, Math.ceil(window.devicePixelRatio || 1));
    this.thumbnails = new Thumbnails(this.channel, signal, px, this.paint);
    this.stop = button("Stop…", "nbt-btn", () => this.ask(true));
    const heading = h("h2", "nbt-heading", {}, "Training ", this.small, h("span", "nbt-grow"), this.where, this.stop);
    this.yes = button("Stop the training", "nbt-btn nbt-danger", () => this.stopNow());
    this.no = button("Keep training", "nbt-btn", () => this.ask(false));
    this.confirm = h(
      "div",
      "nbt-note nbt-warn nbt-row",
      { role: "group", "aria-label": "Stop the training?" },
      this.question,
      h("span", "nbt-grow"),
      this.yes,
      this.no,
    );
    this.bar = h(
      "div",
      "nbt-progress",
      { role: "progressbar", "aria-label": "Training", "aria-valuemin": "0", "aria-valuemax": "100" },
      this.fill,
    );
    this.left = h("div", "nbt-live-left", {}, this.curve.root, this.honest);
    this.all = button("", "nbt-btn nbt-quiet", () => void this.showAll());
    this.right = h("div", "nbt-live-right", {}, this.all, this.samples);
    this.live = h("div", "nbt-live", {}, this.left, this.right);
    const body = h("div", "nbt-section", {}, heading, this.confirm, this.note, this.bar, this.live);
    this.root = h("div", "nbt nbt-run", {}, body, this.said);
    for (const kind of ["keydown", "keyup", "keypress"] as const) {
      this.root.addEventListener(kind, (event) => event.stopPropagation());
    }
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.stopping) this.ask(false);
    });
    el.append(this.root);
    this.signal.addEventListener("abort", () => this.root.remove());

    this.listen();
    this.paintNow();
  }

  get summary(): ProgressSummary {
    return this.newer ?? this.model.get("summary") ?? {};
  }

  listen() {
    const changed = () => {
      this.heard = Date.now();
      this.newer = null;
      this.paint();
    };
    this.model.on("change:summary", changed);
    // A server under load drops messages, and the last one may be among them.
    const timer = window.setInterval(() => void this.catchUp(), REASK_MS);
    this.signal.addEventListener("abort", () => {
      this.model.off("change:summary", changed);
      clearInterval(timer);
    });
  }

  async catchUp() {
    const going = ["running", "stopping", "starting", "waiting"].includes(this.summary.phase ?? "");
    if (!going || this.asking || Date.now() - this.heard < REASK_MS) return;
    this.asking = true;
    const { reply } = await this.channel.ask({ kind: "summary" });
    this.asking = false;
    if (!reply.ok) return;
    this.heard = Date.now();
    this.newer = reply.summary;
    this.paint();
  }

  ask(open: boolean) {
    this.stopping = open;
    this.refusal = "";
    this.paintNow();
    (open ? this.no : this.stop).focus();
  }

  async stopNow() {
    this.stopping = false;
    this.paintNow();
    const { reply } = await this.channel.ask({ kind: "stop" });
    this.refusal = reply.ok ? "" : errorText(reply);
    this.paint();
  }

  async showAll() {
    const { reply } = await this.channel.ask({ kind: "samples" });
    if (reply.ok) this.older = reply.samples;
    this.paint();
  }

  paintNow() {
    const s = this.summary;
    const busy = this.channel.waited >= SLOW_MS;
    setText(this.small, busy ? `${s.standing ?? ""} · the kernel is busy` : (s.headline ?? ""));
    setText(this.where, s.where ?? "");
    this.where.className = `nbt-pill nbt-where ${s.local ? "nbt-local" : "nbt-paid"}`;
    this.stop.hidden = !s.can_stop || this.stopping;
    if (!s.can_stop) this.stopping = false;
    this.confirm.hidden = !this.stopping;
    setText(this.question, `Stop the training? ${s.stop_words ?? ""}`);
    const why = this.refusal || s.message || s.problem || "";
    setText(this.note, why);
    this.note.hidden = why === "";
    this.paintBar(s);
    const losses = s.losses ?? [];
    const shows = s.phase !== "none" && s.phase !== "starting";
    this.curve.paint(losses);
    this.curve.root.toggleAttribute("hidden", losses.length === 0);
    setText(this.honest, s.honest ?? "");
    this.honest.hidden = !s.honest;
    this.root.classList.toggle("nbt-idle", !shows);
    this.paintSamples(s);
    if (this.phase !== undefined && this.phase !== s.phase) setText(this.said, s.headline ?? "");
    this.phase = s.phase;
  }

  paintBar(s: ProgressSummary) {
    const ended = ["trained", "failed", "training-canceled"].includes(s.phase ?? "");
    this.bar.hidden = s.phase === "none" || (ended && s.phase !== "trained");
    const known = typeof s.progress === "number";
    const share = s.progress ?? 0;
    const percent = Math.round(share * 100);
    this.bar.classList.toggle("nbt-unknown", !known && !ended);
    this.bar.classList.toggle("nbt-done", s.phase === "trained");
    this.bar.classList.toggle("nbt-old", Boolean(s.old));
    this.fill.style.width = known ? `${share * 100}%` : "";
    setAttribute(this.bar, "aria-valuenow", known ? String(percent) : null);
    setAttribute(this.bar, "aria-valuetext", known ? `${percent} %, ${s.headline}` : (s.headline ?? ""));
  }

  paintSamples(s: ProgressSummary) {
    const epochs: Map<number, Samples> = new Map();
    for (const entry of [...this.older, ...(s.samples ?? [])]) epochs.set(entry.epoch, entry);
    const shown = (s.samples ?? []).length === 0 ? [] : [...epochs.values()].sort((a, b) => a.epoch - b.epoch);
    const hidden = (s.epochs_sampled ?? 0) - shown.length;
    this.all.hidden = hidden <= 0;
    setText(this.all, `Show ${hidden} earlier ${hidden === 1 ? "epoch" : "epochs"}`);
    this.right.hidden = shown.length === 0;
    const columns = Math.max(0, ...shown.map(({ ids }) => ids.length));
    this.samples.style.setProperty("--nbt-columns", String(columns));
    const prompts = s.prompts ?? [];
    const wanted = [];
    const kept = new Set<string>();
    const nodes: HTMLElement[] = [];
    for (const { epoch, ids } of shown) {
      nodes.push(this.label(epoch, kept));
      for (let i = 0; i < columns; i += 1) {
        const key = `${epoch}/${i}`;
        kept.add(key);
        const cell = this.cell(key);
        const id = ids[i] ?? "";
        if (id) wanted.push({ id, version: "" });
        this.paintCell(cell, id, `epoch ${epoch}${prompts[i] ? `, “${prompts[i]}”` : `, sample ${i + 1}`}`);
        nodes.push(cell.cell);
      }
    }
    for (const key of [...this.cells.keys()]) if (!kept.has(key)) this.cells.delete(key);
    if (nodes.length !== this.samples.childElementCount || nodes.some((n, i) => this.samples.children[i] !== n)) {
      this.samples.replaceChildren(...nodes);
    }
    this.thumbnails.want(wanted);
  }

  label(epoch: number, kept: Set<string>) {
    const key = `${epoch}`;
    kept.add(key);
    const { cell } = this.cell(key, "nbt-epoch");
    setText(cell, `epoch ${epoch}`);
    return cell;
  }

  cell(key: string, className: string = "nbt-sample") {
    let entry = this.cells.get(key);
    if (!entry) {
      const img = h("img", "", { alt: "", decoding: "async", draggable: "false" });
      const why = h("span", "nbt-sample-why");
      entry = { cell: h("div", className), img, why };
      if (className === "nbt-sample") entry.cell.append(img, why);
      this.cells.set(key, entry);
    }
    return entry;
  }

  paintCell(
    { cell, img, why }: { cell: HTMLElement; img: HTMLImageElement; why: HTMLElement },
    id: string,
    name: string,
  ) {
    const image = id ? this.thumbnails.get(id, "") : undefined;
    const url = image?.url ?? "";
    if (url && img.src !== url) img.src = url;
    img.hidden = !url;
    img.alt = name;
    cell.title = name;
    setText(why, image?.error ? "not shown" : "");
    if (image?.error) cell.title = `${name}: ${image.error}`;
  }
}

export default viewOf((model, el, signal) => new Progress(model, el, signal));
