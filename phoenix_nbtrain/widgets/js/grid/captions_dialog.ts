// The dialog that changes the captions of all selected images, with a preview.

import { errorText, newId } from "../common/channel";
import { openDialog } from "../common/dialog";
import { button, counted, h, perFrame, printable, setText } from "../common/dom";
import type { ImageRow } from "../common/messages";
import { paintThumbnail } from "../common/thumbnails";
import { keepDialogText } from "../common/typing";
import { captionProblem, difference, type Recaption, recaptioned } from "./caption_changes";
import type { Grid } from "./grid";
import { showUndoNotice } from "./undo_notice";

const WAYS = { set: "Set", before: "Prefix", after: "Suffix", replace: "Find and replace" };
const SAYS = { set: "Caption", before: "Prefix", after: "Suffix", replace: "Replace with" };
const HINTS = {
  set: "Every selected image gets this caption. Leave empty to clear.",
  before: "Joined with a comma; end with a space to join with a space. Captions that already have it don't change.",
  after: "Joined with a comma; begin with a space to join with a space. Captions that already have it don't change.",
  replace: "Replaces every match. Leave empty to delete it.",
};
const LISTED = 300; // further changes are only counted
const AROUND = 48; // characters shown on both sides of a change

export default async function (grid: Grid, ids: string[]) {
  if (ids.length === 0 || grid.locked) return;
  // Edits that are still being sent come first: the captions are read after them.
  if (grid.edits.unsaved > 0) await grid.edits.run([]);
  const { found: rows, revision } = await grid.rows.read(ids);

  const field = newId();
  const labelled = (says: string, input: HTMLElement) =>
    h("label", "nbt-labelled", {}, h("span", "nbt-label", {}, says), input);
  const { dialog, body, foot, close } = openDialog(grid.root, {
    title: rows.length === 1 ? `Caption of ${printable(rows[0].name)}` : `Captions of ${counted(rows.length, "image")}`,
    className: "nbt-recaption",
  });
  const ways = h("div", "nbt-segs nbt-ways", { role: "radiogroup", "aria-label": "How to change the captions" });
  for (const [value, text] of Object.entries(WAYS)) {
    const radio = h("input", "", { type: "radio", name: field, value });
    radio.checked = value === "set";
    ways.append(h("label", "nbt-seg nbt-way", {}, radio, text));
  }
  const find = h("input", "nbt-input", { type: "text", autocomplete: "off", spellcheck: "false" });
  const text = h("textarea", "nbt-input", { rows: "2", dir: "auto", "aria-describedby": `nbt-${field}` });
  const finding = labelled("Find", find);
  const writing = labelled("", text);
  const said = new Set(rows.map((row) => row.caption));
  const common = said.size === 1 ? rows[0].caption : ""; // begin with what all of them say
  text.value = common;
  const exact = h("input", "", { type: "checkbox" });
  const matching = h("label", "nbt-check", {}, exact, "Match case");
  const hint = h("div", "nbt-mute nbt-small-print", { id: `nbt-${field}` });
  const count = h("div", "nbt-changing", { role: "status" });
  const list = h("ul", "nbt-changes", {
    "aria-label": "What will change",
    tabindex: "0",
    "data-lm-suppress-shortcuts": "",
  });
  body.append(ways, finding, writing, matching, hint, count, list);

  const how = (): Recaption => ({
    way: (ways.querySelector("input:checked") as HTMLInputElement).value as Recaption["way"],
    text: text.value.normalize("NFC"),
    find: find.value,
    exact: exact.checked,
  });

  let changes: { row: ImageRow; next: string }[] = [];
  let taken = false;

  const preview = () => {
    const wish = how();
    const replacing = wish.way === "replace";
    finding.hidden = matching.hidden = !replacing;
    setText(writing.firstChild as HTMLElement, SAYS[wish.way]);
    setText(hint, HINTS[wish.way]);
    const empty = wish.way === "set" ? !wish.text && !taken : replacing ? !wish.find : !wish.text.trim();
    const all = empty ? [] : rows.map((row) => ({ row, next: recaptioned(row.caption, wish) }));
    const differing = all.filter(({ row, next }) => next !== row.caption);
    changes = differing.filter(({ next }) => !captionProblem(next));
    const refused = differing.length - changes.length;
    setText(
      count,
      empty
        ? ""
        : `${changes.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} will change` +
            (refused ? ` · ${refused.toLocaleString("en")} cannot` : ""),
    );
    list.replaceChildren(...differing.slice(0, LISTED).map(({ row, next }) => line(row, next)));
    if (differing.length > LISTED)
      list.append(h("li", "nbt-mute", {}, `and ${(differing.length - LISTED).toLocaleString("en")} more`));
    list.hidden = differing.length === 0;
    go.disabled = changes.length === 0;
    setText(go, changes.length ? `Change ${counted(changes.length, "caption")}` : "Change");
  };

  const line = (row: ImageRow, next: string) => {
    const img = h("img", "", { alt: "" });
    const holder = h("span", "nbt-thumb nbt-tiny", {}, img);
    paintThumbnail(holder, img, grid.thumbnails.get(row.image_id, row.version), row.colour);
    const [start, gone, come, end] = difference(row.caption, next);
    const head = start.length > AROUND ? "…" + start.slice(-AROUND) : start;
    const tail = end.length > AROUND ? end.slice(0, AROUND) + "…" : end;
    const was = row.caption
      ? h("div", "nbt-was", { dir: "auto" }, head, h("del", "", {}, gone), tail)
      : h("div", "nbt-was nbt-ghost", {}, "no caption");
    const becomes = next
      ? h("div", "nbt-becomes", { dir: "auto" }, head, h("ins", "", {}, come), tail)
      : h("div", "nbt-becomes nbt-ghost", {}, "no caption");
    const problem = captionProblem(next);
    const words = h(
      "div",
      "nbt-change-words",
      {},
      h("div", "nbt-small-print nbt-mute", {}, printable(row.name)),
      was,
      becomes,
    );
    if (problem) words.append(h("div", "nbt-reason", {}, problem));
    return h("li", problem ? "nbt-refused" : "", {}, holder, words);
  };

  const apply = async () => {
    if (changes.length === 0) return;
    const ops = changes.map(({ row, next }) => ({
      op: "set" as const,
      table: "images",
      row: row.image_id,
      column: "caption",
      value: next,
    }));
    for (const { row } of changes) grid.rows.hold(row.image_id);
    close();
    const reply = await grid.edits.run(ops, revision);
    const done = reply.ok ? reply.accepted.length : 0;
    if (reply.ok && done) showUndoNotice(grid, `${counted(done, "caption")} changed.`, reply.revision);
    const reason = reply.ok ? reply.refused[0]?.reason : errorText(reply);
    if (reason) grid.frame.note(`${counted(changes.length - done, "caption")} not changed: ${reason}`);
    grid.rows.refresh(grid.rows.total);
    grid.paint();
  };

  const end = new AbortController();
  grid.signal.addEventListener("abort", () => end.abort(), { signal: end.signal });
  const soon = perFrame(end.signal, preview);
  dialog.addEventListener("close", () => end.abort());
  dialog.addEventListener("input", (event) => {
    taken ||= event.target === text;
    if (!taken) text.value = how().way === "set" ? common : "";
    soon();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing && (event.ctrlKey || event.metaKey)) void apply();
  });
  const go = button("Change", "nbt-btn nbt-primary nbt-small", () => void apply(), { title: "Ctrl Enter" });
  foot.append(button("Cancel", "nbt-btn", close), go);
  preview();
  void keepDialogText(grid, dialog, text, "captions");
  text.focus();
  text.select();
}
