// The dialog that writes one instruction, made from a template, to many pairs.

import { errorText, newId } from "../common/channel";
import { openDialog } from "../common/dialog";
import { button, counted, h, setAttribute, setText } from "../common/dom";
import { keepDialogText } from "../common/typing";
import type { PairView } from "./pairs";

const SEEN = 50;

export default async function template(view: PairView) {
  const ids = await view.selection.ids();
  if (ids.length === 0 || view.locked()) return;
  const { dialog, body, foot, close } = openDialog(view.frame.root, {
    title: `Instruction of ${counted(ids.length, "pair")}`,
    className: "nbt-template",
  });
  const help = "nbt-" + newId();
  const field = h("textarea", "nbt-input", {
    rows: "2",
    "aria-label": "Template",
    "aria-describedby": help,
    placeholder: "colour {source}",
    dir: "auto",
  });
  field.value = view.valueOf(ids[0], "instruction");
  const fields = ["source", "target", "n", "source_caption", "target_caption"];
  const put = (word: string) => {
    field.setRangeText(`{${word}}`, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    void look();
  };
  const chips = fields.map((word) => button(`{${word}}`, "nbt-btn nbt-tiny", () => put(word)));
  const hint = h("div", "nbt-chips", { id: help }, h("span", "nbt-mute", {}, "Insert:"), ...chips);
  const problem = h("div", "nbt-reason", { role: "alert" });
  const list = h("ol", "nbt-preview");
  const more = h("p", "nbt-mute");
  body.append(field, hint, problem, list, more);
  const apply = button("Apply", "nbt-btn nbt-primary", () => void write());
  foot.append(button("Cancel", "nbt-btn", close), apply);
  let seen: { row: string; n: number; before: string; after: string }[] = [];
  let asked = 0;
  let timer = 0;

  async function look() {
    const mine = (asked += 1);
    clearTimeout(timer);
    apply.disabled = true; // nothing is written that was not previewed
    const { reply } = await view.channel.ask({ kind: "template", text: field.value, rows: ids });
    if (mine !== asked) return;
    seen = reply.ok ? reply.rows : [];
    setText(problem, reply.ok ? "" : errorText(reply));
    setAttribute(field, "aria-invalid", reply.ok ? null : "true");
    const changed = seen.filter(({ before, after }) => before !== after);
    list.replaceChildren(...seen.slice(0, SEEN).map(line));
    setText(more, seen.length > SEEN ? `and ${counted(seen.length - SEEN, "pair")} more` : "");
    apply.disabled = changed.length === 0;
    setText(apply, changed.length ? `Apply to ${counted(changed.length, "pair")}` : "Apply");
  }

  function line({ n, before, after }: (typeof seen)[number]) {
    const same = before === after;
    const old = h("del", "", {}, before || "(empty)");
    const text = h("ins", same ? "nbt-mute" : "", { dir: "auto" }, after || "(empty)");
    return h(
      "li",
      "",
      {},
      h("span", "nbt-n nbt-mute", {}, String(n)),
      h("span", "nbt-change", {}, ...(same ? [] : [old]), text),
    );
  }

  async function write() {
    const cells = seen
      .filter(({ before, after }) => before !== after)
      .map(({ row, after }) => ({ id: row, column: "instruction" as const, value: after }));
    close();
    await view.input?.commands.set(cells, (n: number) => `${counted(n, "instruction")} written.`);
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    apply.disabled = true;
    timer = window.setTimeout(() => void look(), 150);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!apply.disabled) void write();
  });
  field.focus();
  field.select();
  void look();
  void keepDialogText(view, dialog, field, "template");
}
