// Files that are dropped on a view: a browser would open them in the place of the page.

import { button, h } from "./dom";

/** Ignore dropped files, and say how images are added. */
export function refuseDroppedFiles(root: Element, signal: AbortSignal) {
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
