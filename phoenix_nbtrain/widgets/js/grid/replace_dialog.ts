// The dialog that replaces the file of an image. The kernel reads the file: images are not uploaded through the page.

import { errorText, newId } from "../common/channel";
import { openDialog } from "../common/dialog";
import { button, h, paintName, setAttribute, setText } from "../common/dom";
import { paintThumbnail } from "../common/thumbnails";
import type { Grid } from "./grid";

export default function (grid: Grid, id: string) {
  const row = grid.rows.byId(id);
  if (!row || grid.locked) return;
  const { body, foot, close } = openDialog(grid.root, { title: "Replace image", className: "nbt-replace" });
  const img = h("img", "", { alt: "" });
  const holder = h("span", "nbt-thumb", {}, img);
  paintThumbnail(holder, img, grid.thumbnails.get(id, row.version), row.colour);
  const name = h("span", "nbt-name");
  paintName(name, row.name);
  const field = newId();
  const path = h("input", "nbt-input nbt-newpath", {
    type: "text",
    id: `nbt-${field}`,
    placeholder: "images/better.png",
    spellcheck: "false",
    autocomplete: "off",
    "aria-describedby": `nbt-${field}-why`,
  });
  const label = h(
    "label",
    "nbt-label",
    { for: path.id },
    "Path of the new image, on the computer where this notebook runs",
  );
  const why = h("div", "nbt-reason", { id: `nbt-${field}-why`, role: "alert" });
  const keeps = h("p", "nbt-mute", {}, "Name, caption and pairs stay. Undo brings the old image back.");
  body.append(h("div", "nbt-who", {}, holder, name), label, path, why, keeps);

  const apply = async () => {
    const typed = path.value.trim();
    if (!typed || go.disabled) return path.focus();
    go.disabled = path.readOnly = true;
    setText(go, "Reading…");
    const reply = await grid.edits.ask({ kind: "replace", row: id, path: typed });
    if (reply.ok) {
      close();
      grid.frame.announce("Image replaced. Undo restores the old one.");
      grid.rows.refresh(grid.rows.total);
      return grid.paint();
    }
    go.disabled = path.readOnly = false;
    setText(go, "Replace");
    setText(why, errorText(reply));
    setAttribute(path, "aria-invalid", "true");
    path.focus();
  };
  const go = button("Replace", "nbt-btn nbt-primary nbt-small", () => void apply());
  foot.append(button("Cancel", "nbt-btn", close), go);
  path.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && void apply());
  path.addEventListener("input", () => {
    setText(why, "");
    setAttribute(path, "aria-invalid", null);
  });
  path.focus();
}
