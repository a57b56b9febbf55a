// A view and its static twin: one of the two is looked at, and which one hangs on whether a kernel is
// there. The twin, plain HTML in an output of its own, says what the view showed when it was saved.

import { button, h } from "./dom";
import type { Model } from "./messages";

/** Keep a file that is dropped on a view from taking the page's place, and say where images are added. */
export function swallowFiles(root: Element, signal: AbortSignal) {
  const text =
    "Files cannot be dropped here. Upload them with Jupyter's file browser, then use the image picker or training.add_images().";
  const line = h("div", "nbt-note nbt-hint nbt-row", { role: "alert" }, h("span", "", {}, text));
  line.append(button("Dismiss", "nbt-btn nbt-quiet", () => line.remove()));
  for (const kind of ["dragover", "drop"])
    root.addEventListener(
      kind,
      (given) => {
        const event = given as DragEvent;
        if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        if (kind === "drop") root.prepend(line);
      },
      { signal },
    );
}

/**
 * Hide the twin once the kernel was heard, and fold the view while it is not.
 * A rule of a style sheet inside of the view hides it: nothing of the page is touched, and the twin is
 * back when the view goes.
 */
export function alive(model: Model, root: Element, signal: AbortSignal) {
  const twin = model.get("twin");
  if (!twin) return;
  const rule = h("style");
  const line = h("p", "nbt-alone", {}, "No kernel answers. What was here is below.");
  const hear = () => {
    line.remove();
    clearTimeout(due);
    // The twin's whole output goes with it, but none that holds a view besides.
    rule.textContent = `.${twin},:is(.jp-OutputArea-child,.output_container):has(.${twin}):not(:has(.nbt)){display:none}`;
  };
  // A kernel that is busy may take its time. Without a twin there is nothing better to look at; and
  // what is being typed stays in sight.
  const due = setTimeout(
    () => document.querySelector("." + twin) && !root.contains(document.activeElement) && root.append(line),
    4e3,
  );
  root.prepend(rule);
  const news = ["msg:custom", "change:summary"];
  news.forEach((one) => model.on(one, hear));
  signal.addEventListener("abort", () => news.forEach((one) => model.off(one, hear)));
}
