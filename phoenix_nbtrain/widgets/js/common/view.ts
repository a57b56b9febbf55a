// The entry point of a view.

import { refuseDroppedFiles } from "./dropped_files";
import { watchKernel } from "./kernel_status";
import type { Model } from "./messages";

/** Return what anywidget expects. The view ends with the given signal, or when the returned function is called. */
export function viewOf(make: (model: Model, el: HTMLElement, signal: AbortSignal) => unknown) {
  return {
    render({ model, el, signal }: { model: Model; el: HTMLElement; signal?: AbortSignal }) {
      const end = new AbortController();
      signal?.addEventListener("abort", () => end.abort());
      make(model, el, end.signal);
      const root = el.firstElementChild as Element;
      watchKernel(model, root, end.signal);
      refuseDroppedFiles(root, end.signal);
      return () => end.abort();
    },
  };
}
