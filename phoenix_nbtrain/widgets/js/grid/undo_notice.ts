// A note that says what was done, with an Undo button.

import { button, h } from "../common/dom";
import type { Grid } from "./grid";

/**
 * Show what was done. Undo is offered while it is the latest change.
 * @param made the revision that the change made
 */
export function showUndoNotice(grid: Grid, text: string, made?: number) {
  const line = h(
    "div",
    "nbt-note nbt-hint nbt-row nbt-told",
    { role: "status" },
    h("span", "", {}, text),
    h("span", "nbt-grow"),
  );
  const away = () => {
    // The focus must not fall back to the notebook, where "d d" deletes the cell.
    if (line.contains(document.activeElement)) grid.focusOn(grid.focus);
    line.remove();
    grid.watchers.delete(watcher);
  };
  const undo = button("Undo", "nbt-btn nbt-quiet", () => {
    away();
    grid.frame.onUndoRedo("undo", made);
  });
  const watcher = {
    painted() {
      const { revision = 0, undoes, training } = grid.summary;
      undo.disabled = Boolean(training);
      // It was undone, or followed by another change.
      if (!line.isConnected || (made && revision >= made && undoes !== made)) away();
    },
  };
  if (made) line.append(undo);
  line.append(button("✕", "nbt-btn nbt-quiet nbt-icon", away, { "aria-label": "Dismiss" }));
  grid.frame.notes.querySelector(".nbt-told")?.remove();
  grid.frame.notes.append(line);
  if (made) grid.watchers.add(watcher);
}
