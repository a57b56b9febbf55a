// What plain ipywidgets cannot do by themselves: tell the kernel that they are displayed, and that a field was left and
// with which text; label things for screen readers; update "40 s ago"; scroll to a part. It creates no elements and
// parses no data as HTML.

import { setAttribute } from "../common/dom";
import { refuseDroppedFiles } from "../common/dropped_files";
import { watchKernel } from "../common/kernel_status";
import type { Model } from "../common/messages";

const FRESH_MS = 5000;
const FIND_MS = 50;
const FIND_TRIES = 400;

function ago(seconds: number) {
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.floor(seconds / 10) * 10} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

function send(model: Model, content: object) {
  try {
    model.send(content);
  } catch {
    // The page was opened without a kernel.
  }
}

let numbers = 0;

/** Update labels, states and times. It is called after every change, so it only writes what differs. */
function refresh(root: Element) {
  for (const time of root.querySelectorAll("time[data-nbt-since]")) {
    const since = Number(time.getAttribute("data-nbt-since"));
    const words = `${time.getAttribute("data-nbt-before") ?? ""} ${ago(Math.max(0, Date.now() / 1000 - since))}`.trim();
    if (time.textContent !== words) time.textContent = words;
  }
  for (const field of root.querySelectorAll(".nbt-param")) {
    const notes = field.querySelector(".nbt-param-note");
    if (notes && !notes.id) notes.id = `nbt-note-${(numbers += 1)}-${Math.random().toString(36).slice(2, 8)}`;
    for (const input of field.querySelectorAll("input, textarea, select")) {
      setAttribute(input, "aria-invalid", field.classList.contains("nbt-invalid") ? "true" : null);
      if (notes) setAttribute(input, "aria-describedby", notes.id);
    }
    const name = field.querySelector(".widget-label")?.textContent;
    for (const handle of field.querySelectorAll(".noUi-handle")) if (name) setAttribute(handle, "aria-label", name);
  }
  for (const tab of root.querySelectorAll("[data-nbt-goto]")) {
    const here = tab.getAttribute("data-nbt-goto") === root.getAttribute("data-nbt-here");
    setAttribute(tab, "aria-current", here ? "true" : null);
  }
  for (const fold of root.querySelectorAll("button.nbt-fold")) {
    setAttribute(fold, "aria-expanded", String(fold.classList.contains("nbt-open")));
  }
}

/** The part that is being read: the last one that begins in the upper half of the window. */
function partInView(root: Element) {
  const links = [...root.querySelectorAll("[data-nbt-goto]")].map((link) => link.getAttribute("data-nbt-goto") ?? "");
  const begun = links.filter((key) => {
    const part = root.querySelector(`.nbt-part-${CSS.escape(key)}`);
    return part && part.getBoundingClientRect().top < window.innerHeight / 2;
  });
  return begun[begun.length - 1] ?? links[0] ?? "";
}

function dress(root: Element, model: Model, signal: AbortSignal) {
  let due = 0;
  const soon = () => {
    due ||= window.setTimeout(() => {
      due = 0;
      refresh(root);
    }, 30);
  };
  // Jupyter must not take a key that is meant for this panel as a command on the cell ("d d" deletes it).
  setAttribute(root, "data-lm-suppress-shortcuts", "");
  for (const kind of ["keydown", "keyup", "keypress"]) {
    root.addEventListener(kind, (event) => event.stopPropagation(), { signal });
  }
  root.addEventListener(
    "change",
    (event) => {
      const input = event.target;
      if (!(input instanceof HTMLInputElement || input instanceof HTMLTextAreaElement)) return;
      const holder = input.closest("[class*='nbt-in-']");
      const name = [...(holder?.classList ?? [])].find((c) => c.startsWith("nbt-in-"))?.slice(7);
      // With the text, because the widget's own update may still be waiting for the kernel.
      if (name && input.closest(".nbt-panel") === root) send(model, { kind: "left", field: name, text: input.value });
    },
    { signal },
  );
  // Closing the tab or the page does not blur the field.
  const leave = () => {
    const input = document.activeElement;
    if (input?.closest(".nbt-panel") === root) input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  window.addEventListener("pagehide", leave, { signal });
  document.addEventListener(
    "pointerdown",
    (event) => {
      if (!event.composedPath().includes(root)) leave();
    },
    { capture: true, signal },
  );
  root.addEventListener(
    "click",
    (event) => {
      const link = event.target instanceof Element ? event.target.closest("[data-nbt-goto]") : null;
      const part = link && root.querySelector(`.nbt-part-${CSS.escape(link.getAttribute("data-nbt-goto") ?? "")}`);
      if (!part) return;
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      part.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
    },
    { signal },
  );
  if (root.querySelector("[data-nbt-goto]")) {
    root.setAttribute("data-nbt-here", "images");
    document.addEventListener(
      "scroll",
      () => {
        root.setAttribute("data-nbt-here", partInView(root));
        soon();
      },
      { capture: true, passive: true, signal },
    );
  }
  const watch = new MutationObserver(soon);
  watch.observe(root, { subtree: true, childList: true, attributeFilter: ["class"] });
  const timer = window.setInterval(() => refresh(root), FRESH_MS);
  signal.addEventListener("abort", () => {
    watch.disconnect();
    clearInterval(timer);
    clearTimeout(due);
  });
  refresh(root);
  send(model, { kind: "displayed" });
}

export default {
  render({ model, el, signal }: { model: Model; el: HTMLElement; signal?: AbortSignal }) {
    const end = new AbortController();
    signal?.addEventListener("abort", () => end.abort());
    el.hidden = true;
    let tries = 0;
    let timer = 0;
    // The element is created before it is inserted into its panel.
    const find = () => {
      const root = el.closest(".nbt-panel");
      if (root) {
        watchKernel(model, root, end.signal);
        refuseDroppedFiles(root, end.signal);
        dress(root, model, end.signal);
      } else if ((tries += 1) < FIND_TRIES) timer = window.setTimeout(find, FIND_MS);
    };
    find();
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  },
};
