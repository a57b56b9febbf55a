// @ts-check
// What was done with several images, said where it was done. Prepended to the parts that do such things.

/** Say what was done, with a way back.
 * @param {import("../parts.js").Kit} kit @param {any} grid @param {string} text @param {boolean} undo */
function tell({ h, button }, grid, text, undo) {
  const line = h("div", "nbt-note nbt-hint nbt-row nbt-told", { role: "status" }, h("span", "", {}, text), h("span", "nbt-grow"));
  const away = () => {
    // The focus must not fall through to the notebook, where "d d" deletes the cell.
    if (line.contains(document.activeElement)) grid.focusOn(grid.focus);
    line.remove();
  };
  if (undo) line.append(button("Undo", "nbt-btn nbt-quiet", () => (away(), grid.frame.onAgain("undo"))));
  line.append(button("✕", "nbt-btn nbt-quiet nbt-icon", away, { "aria-label": "Dismiss" }));
  grid.frame.notes.querySelector(".nbt-told")?.remove();
  grid.frame.notes.append(line);
}
