// A field in which an image is chosen by name.

import { newId } from "../common/channel";
import { comparable, h, printable, setAttribute } from "../common/dom";
import type { Frame } from "../common/frame";
import type { ImageRow } from "../common/messages";
import type { Rows } from "../common/rows";
import { paintThumbnail, type Thumbnails } from "../common/thumbnails";
import type { PairLines } from "./row_rendering";

/** What a chooser needs of its view. */
interface Choosing {
  frame: Frame;
  images: Rows<"images">;
  thumbnails: Thumbnails;
  lines: PairLines;
}

/** A combobox: a text field with a list of images below it. */
export class Chooser {
  at = 0;
  id = "";
  fits: ImageRow[] = [];
  readonly list = h("div", "nbt-list", { role: "listbox", id: "nbt-" + newId(), "aria-label": "Images" });

  constructor(
    readonly view: Choosing,
    readonly input: HTMLInputElement,
    readonly chosen: () => void,
  ) {
    this.list.hidden = true;
    if ("popover" in this.list) this.list.setAttribute("popover", "manual");
    for (const [name, value] of Object.entries({
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.list.id,
      autocomplete: "off",
      spellcheck: "false",
    }))
      input.setAttribute(name, value);
    view.frame.root.append(this.list);
    input.addEventListener("input", () => {
      this.id = "";
      this.open();
    });
    input.addEventListener("click", () => this.open());
    input.addEventListener("blur", () => this.close());
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the field keeps the focus
      const option = event.target instanceof Element ? event.target.closest("[role=option]") : null;
      if (option) this.choose(Number(option.getAttribute("data-index")));
    });
  }

  open() {
    const all = this.view.images.loaded();
    const typed = comparable(this.input.value);
    const starts = all.filter((row) => comparable(row.name).startsWith(typed));
    const holds = all.filter((row) => !starts.includes(row) && comparable(row.name).includes(typed));
    const chosen = all.findIndex((row) => row.image_id === this.id);
    // The name of the chosen image is not a search: show all of them.
    this.fits = (chosen >= 0 || !typed ? all : [...starts, ...holds]).slice(0, 200);
    this.at = Math.max(0, chosen);
    this.list.hidden = false;
    if (this.list.popover && !this.list.matches(":popover-open")) this.list.showPopover();
    setAttribute(this.input, "aria-expanded", "true");
    this.paint();
    this.place();
    this.view.thumbnails.want([
      ...this.view.lines.imagesInView,
      ...this.fits.slice(0, 30).map((row) => ({ id: row.image_id, version: row.version })),
    ]);
  }

  paint() {
    const { thumbnails } = this.view;
    this.list.replaceChildren(
      ...this.fits.map((row, i) => {
        const img = h("img", "", { alt: "" });
        const holder = h("span", "nbt-thumb", {}, img);
        holder.style.setProperty("--nbt-colour", row.colour || null);
        paintThumbnail(holder, img, thumbnails.get(row.image_id, row.version));
        return h(
          "div",
          "nbt-option",
          {
            role: "option",
            id: `${this.list.id}-${i}`,
            "data-index": String(i),
            "aria-selected": String(i === this.at),
          },
          holder,
          h("span", "nbt-name", {}, printable(row.name)),
        );
      }),
    );
    if (this.fits.length === 0) {
      const none = this.view.images.total === 0 ? "There are no images yet." : "No image has that name.";
      this.list.append(
        h("div", "nbt-option nbt-mute", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, none),
      );
    }
    setAttribute(this.input, "aria-activedescendant", this.fits.length ? `${this.list.id}-${this.at}` : null);
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  place() {
    const box = this.input.getBoundingClientRect();
    const below = window.innerHeight - box.bottom;
    const width = Math.max(box.width, 220);
    const most = Math.min(280, Math.max(120, Math.max(below, box.top) - 12));
    const { style } = this.list;
    style.width = `${width}px`;
    style.maxHeight = `${most}px`;
    style.left = `${Math.max(4, Math.min(box.left, window.innerWidth - width - 4))}px`;
    const height = Math.min(most, this.list.offsetHeight);
    const up = below < height + 8 && box.top > below;
    style.top = `${up ? box.top - height - 4 : box.bottom + 4}px`;
  }

  get isOpen() {
    return !this.list.hidden;
  }

  close() {
    if (this.list.popover && this.list.matches(":popover-open")) this.list.hidePopover();
    this.list.hidden = true;
    setAttribute(this.input, "aria-expanded", "false");
    setAttribute(this.input, "aria-activedescendant", null);
  }

  remove() {
    this.close();
    this.list.remove();
  }

  /** The id of the chosen image, or of the one that the text names; empty if it names none or several. */
  get value() {
    const typed = comparable(this.input.value);
    const all = this.view.images.loaded();
    const exact = all.filter((row) => comparable(row.name) === typed);
    const some = exact.length || !typed ? exact : all.filter((row) => comparable(row.name).includes(typed));
    return this.id || (some.length === 1 ? String(some[0].image_id) : "");
  }

  choose(index: number) {
    const row = this.fits[index];
    if (!row) return;
    this.input.value = row.name;
    this.id = row.image_id;
    this.close();
    this.chosen();
  }

  /** @returns whether the list handled the key */
  key(event: KeyboardEvent): boolean {
    if (event.isComposing) return true;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!this.isOpen) this.open();
      else if (this.fits.length) {
        this.at = (this.at + (event.key === "ArrowDown" ? 1 : -1) + this.fits.length) % this.fits.length;
        this.paint();
      }
    } else if (event.key === "Enter" && this.isOpen && this.fits.length) this.choose(this.at);
    else return false;
    event.preventDefault();
    return true;
  }
}
