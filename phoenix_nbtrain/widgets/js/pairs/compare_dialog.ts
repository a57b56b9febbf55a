// The dialog that compares the images of a pair: wipe, difference, or side by side.

import { openDialog } from "../common/dialog";
import { button, h, printable, setAttribute, setText } from "../common/dom";
import type { ImageRow } from "../common/messages";
import { urlOf } from "../common/thumbnails";
import type { PairView } from "./pairs";

const LOOK_PX = 2048;
const WAYS = [
  ["wipe", "Wipe"],
  ["difference", "Difference"],
  ["beside", "Side by side"],
] as const;
/** The largest factor by which a difference is brightened. */
const BRIGHTEST = 16;

/** @param id the pair to show first */
export default function compare(view: PairView, id: string) {
  const end = new AbortController();
  let urls: string[] = [];
  let asked = 0;
  let way: (typeof WAYS)[number][0] = "wipe";
  const at = { wipe: 50, difference: 1 };

  const done = () => {
    end.abort();
    drop();
    // Focus the pair that was shown last.
    const index = view.rows.indexOf(id);
    if (index >= 0 && !view.signal.aborted) queueMicrotask(() => view.focus.go(index, view.focus.at.column));
  };
  const { dialog, heading, body, foot } = openDialog(view.frame.root, {
    title: "Compare",
    className: "nbt-compare",
    closed: done,
  });
  // Directly: a dialog that is removed from the page fires its close event late, if at all.
  view.signal.addEventListener("abort", done, { signal: end.signal });

  const [source, target] = [
    h("img", "nbt-source", { draggable: "false" }),
    h("img", "nbt-target", { draggable: "false" }),
  ];
  const bar = h("span", "nbt-divide", { "aria-hidden": "true" });
  const problem = h("p", "nbt-reason", { role: "alert" });
  const stage = h("div", "nbt-stage", {}, source, target, bar);
  const names = [h("span", "nbt-tag"), h("span", "nbt-tag")];
  const tags = h("div", "nbt-tags", {}, ...names);
  const slider = h("input", "nbt-slide", { type: "range" });
  const said = h("p", "nbt-said", { dir: "auto" });
  const sizes = h("p", "nbt-mute");
  const choices = WAYS.map(([key, label]) => button(label, "nbt-btn", () => show(key), { "aria-pressed": "false" }));
  body.append(
    h("div", "nbt-ways", { role: "group", "aria-label": "How to compare" }, ...choices),
    stage,
    tags,
    slider,
    problem,
    said,
    sizes,
  );
  const before = button("‹ Previous", "nbt-btn", () => void step(-1), { title: "Page ↑" });
  const after = button("Next ›", "nbt-btn", () => void step(1), { title: "Page ↓" });
  const place = h("span", "nbt-mute", { "aria-live": "polite" });
  foot.append(place, h("span", "nbt-grow"), before, after);

  slider.addEventListener("input", () => {
    if (way !== "beside") at[way] = Number(slider.value);
    paint();
  });
  const wipeTo = (event: PointerEvent) => {
    if (way !== "wipe" || !(event.buttons & 1)) return;
    const box = stage.getBoundingClientRect();
    at.wipe = Math.round(1000 * Math.max(0, Math.min(1, (event.clientX - box.left) / box.width))) / 10;
    slider.value = String(at.wipe);
    paint();
  };
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    wipeTo(event);
  });
  stage.addEventListener("pointermove", wipeTo);
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "PageUp" && event.key !== "PageDown") return;
    event.preventDefault();
    void step(event.key === "PageUp" ? -1 : 1);
  });

  function drop() {
    for (const url of urls) URL.revokeObjectURL(url);
    urls = [];
  }

  function show(to: (typeof WAYS)[number][0]) {
    way = to;
    const wipe = way === "wipe";
    setAttribute(slider, "min", wipe ? "0" : "1");
    setAttribute(slider, "max", wipe ? "100" : String(BRIGHTEST));
    setAttribute(slider, "step", wipe ? "0.5" : "1");
    setAttribute(
      slider,
      "aria-label",
      wipe ? "How much of the source is shown" : "How much brighter the difference is shown",
    );
    slider.hidden = way === "beside";
    if (way !== "beside") slider.value = String(at[way]);
    WAYS.forEach(([key], i) => setAttribute(choices[i], "aria-pressed", String(key === way)));
    paint();
  }

  function paint() {
    setAttribute(stage, "data-way", way);
    stage.style.setProperty("--nbt-at", `${at.wipe}%`);
    stage.style.setProperty("--nbt-bright", String(at.difference));
    setAttribute(
      slider,
      "aria-valuetext",
      way === "wipe" ? `${Math.round(at.wipe)} % source` : `${at.difference} times`,
    );
    setText(names[0], way === "difference" ? "black where identical" : `source: ${source.alt}`);
    setText(names[1], way === "difference" ? `${at.difference}× as bright` : `target: ${target.alt}`);
  }

  async function step(by: 1 | -1) {
    const index = view.rows.indexOf(id) + by;
    if (index < 0 || index >= view.rows.total) return;
    const [next] = await view.rows.ids(index, index + 1);
    if (next) await load(next);
  }

  async function load(pair: string) {
    const mine = (asked += 1);
    id = pair;
    await view.arrived(id, view.rows.indexOf(id));
    const row = view.rows.byId(id) ?? (await view.rows.byIds([id]))[0];
    if (!row || mine !== asked || end.signal.aborted) return;
    const index = view.rows.indexOf(id);
    setText(heading, `Pair ${index + 1}`);
    setText(place, `${(index + 1).toLocaleString("en")} of ${view.rows.total.toLocaleString("en")}`);
    before.disabled = index <= 0;
    after.disabled = index + 1 >= view.rows.total;
    const images = [view.images.byId(row.source), view.images.byId(row.target)];
    setText(said, row.instruction || "no instruction");
    said.classList.toggle("nbt-ghost", !row.instruction);
    source.alt = printable(images[0]?.name ?? "(removed)");
    target.alt = printable(images[1]?.name ?? "(removed)");
    setText(sizes, images[0] && images[1] ? sized(images[0], images[1]) : "");
    paint();
    stage.classList.add("nbt-waits");
    const ids = images.flatMap((image) => (image ? [image.image_id] : []));
    const { reply, buffers } = await view.channel.ask({ kind: "thumbnails", ids, px: LOOK_PX });
    if (mine !== asked || end.signal.aborted) return;
    drop();
    const failed = reply.ok ? reply.thumbnails.find((t) => t.error)?.error : reply.error.message;
    setText(problem, failed ?? (ids.length < 2 ? "One of the two images is no longer in the dataset." : ""));
    [source, target].forEach((img, i) => {
      const image = images[i];
      const thumbnail = image && reply.ok ? reply.thumbnails[ids.indexOf(image.image_id)] : undefined;
      const buffer = thumbnail?.buffer === undefined ? undefined : buffers[thumbnail.buffer];
      if (buffer) urls.push((img.src = urlOf(buffer, thumbnail?.mime)));
      else img.removeAttribute("src");
      img.hidden = !buffer;
    });
    const [one] = images;
    stage.style.aspectRatio = one?.width && one.height ? `${one.width} / ${one.height}` : "1";
    body.style.setProperty("--nbt-ratio", String(one?.width && one.height ? one.width / one.height : 1));
    stage.classList.remove("nbt-waits");
  }

  show("wipe");
  void load(id);
  slider.focus();
}

/** Describe the sizes of two images. */
function sized(a: ImageRow, b: ImageRow) {
  const size = (image: ImageRow) => (image.width && image.height ? `${image.width} × ${image.height}` : "size unknown");
  if (size(a) === size(b)) return size(a);
  const shapes = [a, b].map((image) => (image.width ?? 0) / (image.height ?? 0));
  const same = Math.abs(shapes[0] / shapes[1] - 1) < 0.01;
  return `The sizes differ: ${size(a)} → ${size(b)}${same ? ", with the same aspect ratio" : ", and so do the aspect ratios: each is shown whole"}.`;
}
