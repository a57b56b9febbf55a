// The dialog that lists the keyboard shortcuts of the pair table.

import { openDialog } from "../common/dialog";
import { h, setAttribute } from "../common/dom";

export default function keys(root: HTMLElement) {
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  const command = mac ? "⌘" : "Ctrl";
  const alt = mac ? "⌥" : "Alt";
  const groups: [string, [string[], string][]][] = [
    [
      "Move",
      [
        [["← → ↑ ↓"], "from cell to cell"],
        [["Page ↑", "Page ↓"], "by a screenful"],
        [["Home", "End"], `to the row's ends; with ${command} to the table's`],
      ],
    ],
    [
      "Write",
      [
        [["Enter"], "edit; again to save and go down"],
        [["Shift Enter"], "a new line in an instruction"],
        [["Tab", "Shift Tab"], "save and go to the next cell, or back"],
        [["Esc"], "cancel the edit"],
        [["Delete"], "empty the selected cells"],
        [[`${command} D`], "fill down"],
      ],
    ],
    [
      "Select",
      [
        [["Shift ↑ ↓ ← →"], "a range of cells"],
        [["Shift Space"], "the whole row"],
        [["Ctrl Space"], "toggle this row"],
        [[`${command} A`], "everything"],
        [["Esc"], "nothing"],
      ],
    ],
    [
      "Pairs",
      [
        [["Space"], "compare the two images"],
        [[`${alt} Enter`, `${alt} Shift Enter`], "a new pair below, or above"],
        [[`${alt} →`], "swap source and target"],
        [[`${alt} ↑`, `${alt} ↓`], "move the pairs up or down"],
        [[`${command} Delete`], "delete the pairs"],
        [[`${command} C`, `${command} X`, `${command} V`], "copy, cut and paste, to and from a spreadsheet"],
        [[`${command} Z`, `${command} Shift Z`], "undo, redo"],
      ],
    ],
  ];
  const { body } = openDialog(root, { title: "Keyboard shortcuts", className: "nbt-keys" });
  // It may be longer than the screen, and contains nothing focusable that would let keys scroll it.
  for (const [key, value] of [
    ["tabindex", "0"],
    ["data-lm-suppress-shortcuts", ""],
    ["role", "group"],
    ["aria-label", "Keyboard shortcuts"],
  ])
    setAttribute(body, key, value);
  for (const [name, lines] of groups) {
    const list = h("dl", "nbt-keylist");
    for (const [combos, what] of lines) {
      const keyed = combos.map((combo) =>
        h("span", "nbt-combo", {}, ...combo.split(" ").map((part) => h("kbd", "", {}, part))),
      );
      list.append(h("dt", "", {}, ...keyed), h("dd", "", {}, what));
    }
    body.append(h("section", "", {}, h("h4", "", {}, name), list));
  }
  body.append(
    h(
      "p",
      "nbt-mute",
      {},
      "Copied text that a spreadsheet would read as a formula begins with ', which is removed when it is pasted here.",
    ),
  );
}
