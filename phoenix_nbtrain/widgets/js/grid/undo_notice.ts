// What was done with several images, said where it was done. Prepended to the parts that do such things.

import { button, h } from "../common/dom";
import type { Grid } from "./grid";

/**
 * Say what was done, with a way back as long as it is the last thing that was done.
 * @param made the revision that it made
 */
export function tell(grid: Grid, text: string, made?: number) {
  const line = h(
    "div",
    "nbt-note nbt-hint nbt-row nbt-told",
    { role: "status" },
    h("span", "", {}, text),
    h("span", "nbt-grow"),
  );
  const away = () => {
    // The focus must not fall through to the notebook, where "d d" deletes the cell.
    if (line.contains(document.activeElement)) grid.focusOn(grid.focus);
    line.remove();
    grid.watchers.delete(watcher);
  };
  const undo = button("Undo", "nbt-btn nbt-quiet", () => {
    away();
    grid.frame.onAgain("undo", made);
  });
  const watcher = {
    painted() {
      const { revision = 0, undoes, training } = grid.summary;
      undo.disabled = Boolean(training);
      // It was undone, or another change came after it.
      if (!line.isConnected || (made && revision >= made && undoes !== made)) away();
    },
  };
  if (made) line.append(undo);
  line.append(button("✕", "nbt-btn nbt-quiet nbt-icon", away, { "aria-label": "Dismiss" }));
  grid.frame.notes.querySelector(".nbt-told")?.remove();
  grid.frame.notes.append(line);
  if (made) grid.watchers.add(watcher);
}
