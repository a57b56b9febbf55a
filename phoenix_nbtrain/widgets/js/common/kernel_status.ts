// Whether a kernel answers decides what is shown: the view, or its snapshot, which is plain HTML in an output of its
// own and shows what the view showed when the notebook was saved.

import { h } from "./dom";
import type { Model } from "./messages";

/**
 * Hide the snapshot once the kernel has sent something, and fold the view while it has not.
 * A CSS rule inside the view hides the snapshot, so nothing else in the page is changed, and the snapshot is visible again when
 * the view is removed.
 */
export function watchKernel(model: Model, root: Element, signal: AbortSignal) {
  const snapshotClass = model.get("snapshot_class");
  if (!snapshotClass) return;
  const rule = h("style");
  const line = h("p", "nbt-alone", {}, "The kernel is not responding. The last saved view is below.");
  const hear = () => {
    line.remove();
    clearTimeout(due);
    // The snapshot's whole output is hidden, unless it holds a view as well.
    rule.textContent = `.${snapshotClass},:is(.jp-OutputArea-child,.output_container):has(.${snapshotClass}):not(:has(.nbt)){display:none}`;
  };
  // The kernel may only be busy, so wait. Without a snapshot there is nothing better to show, and a field that somebody is
  // typing in must stay visible.
  const due = setTimeout(
    () => document.querySelector("." + snapshotClass) && !root.contains(document.activeElement) && root.append(line),
    4e3,
  );
  root.prepend(rule);
  const news = ["msg:custom", "change:summary"];
  news.forEach((one) => model.on(one, hear));
  signal.addEventListener("abort", () => news.forEach((one) => model.off(one, hear)));
}
