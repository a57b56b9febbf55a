// The dialog that lists the keyboard shortcuts of the grid.

import { openDialog } from "../common/dialog";
import { h } from "../common/dom";
import type { Grid } from "./grid";

const KEYS = [
  ["Arrows, Page Up, Page Down, Home, End", "move from image to image"],
  ["Space", "toggle selection"],
  ["Shift with a move, a click or Space", "select everything from there to here"],
  ["Ctrl or ⌘ with a click", "add to or remove from the selection"],
  ["Ctrl A · Esc", "select all · none"],
  ["Enter or F2", "edit the caption; then Enter and Tab save and continue, Shift Enter adds a line, Esc reverts"],
  ["O, Ctrl Enter or a double click", "open large; then arrows go through the images, + − 0 1 zoom, Esc closes"],
  ["C", "captions of the selected images at once"],
  ["P", "pair the selected images"],
  ["M · T", "if someone else changed the caption too: keep mine · take theirs"],
  ["Delete", "remove the selected images"],
  ["Ctrl Z · Ctrl Y", "undo · redo"],
  ["/", "search"],
  ["?", "this list"],
];

export default function (grid: Grid) {
  const { body } = openDialog(grid.root, { title: "Keyboard shortcuts", className: "nbt-keys" });
  for (const [name, value] of [
    ["tabindex", "0"],
    ["data-lm-suppress-shortcuts", ""],
  ])
    body.setAttribute(name, value); // it may scroll
  const list = h("dl", "nbt-keylist");
  for (const [keys, does] of KEYS) {
    const names = keys.split(/( or | · |, )/).map((part, i) => (i % 2 ? part : kbd(part)));
    list.append(h("dt", "", {}, ...names), h("dd", "", {}, does));
  }
  body.append(list);
}

/** Show the name of a key as a key cap. */
function kbd(part: string) {
  return /^(Ctrl |Page )?(\S{1,6}|Delete)$/.test(part) && part !== "Arrows" ? h("kbd", "", {}, part) : part;
}
