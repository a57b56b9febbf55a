// How a view begins and ends.

import { alive, swallowFiles } from "./kernel_status";
import type { Model } from "./messages";

/** What anywidget is given: a view that ends with its signal, or when it is told to. */
export function viewOf(make: (model: Model, el: HTMLElement, signal: AbortSignal) => unknown) {
  return {
    render({ model, el, signal }: { model: Model; el: HTMLElement; signal?: AbortSignal }) {
      const end = new AbortController();
      signal?.addEventListener("abort", () => end.abort());
      make(model, el, end.signal);
      const root = el.firstElementChild as Element;
      alive(model, root, end.signal);
      swallowFiles(root, end.signal);
      return () => end.abort();
    },
  };
}
