// The toolbar of the grid: search, filter, order, tile size, and actions on the selected images.

import { button, counted, h, setAttribute, setText } from "../common/dom";
import type { Wish } from "../common/messages";
import type { Grid } from "./grid";

const SORT_NAMES = {
  added: "As added",
  name: "By name",
  caption: "No caption first",
  size: "Smallest first",
  state: "Not saved first",
};
/** For the files of a folder. */
const SORT_NAMES_PICKING = { added: "By name", size: "Smallest first" };
const DENSITIES = ["small", "medium", "large"] as const;

export class Toolbar {
  attention = false;
  timer = 0;
  readonly search: HTMLInputElement;
  readonly chip: HTMLButtonElement;
  readonly sort = h("select", "nbt-input nbt-sort", { "aria-label": "Order" });
  readonly sizes: HTMLButtonElement[];
  readonly looks: HTMLSpanElement;
  readonly chosen = h("span", "nbt-mute nbt-chosen");
  readonly all: HTMLButtonElement;
  readonly open: HTMLButtonElement;
  readonly recaption: HTMLButtonElement;
  readonly pair: HTMLButtonElement;
  readonly replace: HTMLButtonElement;
  readonly remove: HTMLButtonElement;
  readonly bulkActions: HTMLSpanElement;

  constructor(readonly grid: Grid) {
    const { frame } = grid;
    const { picking } = grid.summary;
    const sought = picking ? "Search names" : "Search names and captions";
    this.search = h("input", "nbt-input nbt-search", { type: "search", placeholder: sought, "aria-label": sought });
    this.chip = button("", "nbt-chip", () => this.toggleAttention(), { "aria-pressed": "false" });
    for (const [value, text] of Object.entries(picking ? SORT_NAMES_PICKING : SORT_NAMES))
      this.sort.append(h("option", "", { value }, text));
    this.sizes = DENSITIES.map((density) =>
      button("", `nbt-seg nbt-${density}`, () => grid.setDensity(density), { title: `${density} tiles` }),
    );
    const densities = h("div", "nbt-segs", { role: "group", "aria-label": "Tile size" }, ...this.sizes);
    this.looks = h("span", "nbt-group", {}, this.sort, densities);
    this.all = button("", "nbt-btn nbt-quiet", () => void grid.selection.all(), { title: "Select all (Ctrl+A)" });
    const act = (text: string, title: string, does: () => void) => button(text, "nbt-btn", does, { title });
    this.open = act("Open", "Open large (O)", () => grid.open());
    this.recaption = act("Caption…", "Change the captions (C)", () => grid.recaption());
    this.pair = act("Pair", "Pair (P)", () => grid.bulkAction("pair"));
    this.replace = act(
      "Replace…",
      "Put another image in its place",
      () => void grid.parts.run("replace_dialog", grid, [...grid.selection.ids][0]),
    );
    this.remove = act("Remove", "Remove (Delete)", () => grid.bulkAction("remove"));
    this.bulkActions = h(
      "span",
      "nbt-group nbt-acts",
      { role: "group", "aria-label": "Selected images" },
      this.chosen,
      this.all,
      this.open,
      this.recaption,
      this.pair,
      this.replace,
      this.remove,
    );
    const keys = button("?", "nbt-btn nbt-quiet nbt-icon", () => void grid.parts.run("shortcuts_help", grid), {
      "aria-label": "Keyboard shortcuts",
      title: "Keyboard shortcuts (?)",
    });
    frame.bar.append(
      this.search,
      this.chip,
      h("span", "nbt-grow"),
      this.bulkActions,
      this.looks,
      frame.undo,
      frame.redo,
      keys,
    );

    this.search.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.look(), 120);
    });
    this.sort.addEventListener("change", () => this.look());
    grid.signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  /** Search, filter and order, as the kernel is asked for them. */
  get wish(): Wish {
    const search = this.search.value.trim();
    return {
      ...(search && { search }),
      ...(this.attention && { attention: true }),
      ...(this.sort.value !== "added" && { sort: this.sort.value }),
    };
  }

  get filtered() {
    return Boolean(this.wish.search || this.attention);
  }

  toggleAttention() {
    this.attention = !this.attention;
    setAttribute(this.chip, "aria-pressed", String(this.attention));
    void this.look();
  }

  async look() {
    const { grid, wish } = this;
    if (JSON.stringify(wish) === JSON.stringify(grid.rows.wish)) return;
    grid.top();
    await grid.rows.look(wish);
    if (this.filtered && wish === grid.rows.wish) grid.frame.announce(`${counted(grid.count, "image")} found`);
  }

  paint() {
    const { grid } = this;
    const s = grid.summary;
    const total = s.total ?? 0;
    const counts = s.counts ?? {};
    const selected = grid.selection.size;
    const todo = counts.attention ?? 0;
    setText(this.chip, `${todo.toLocaleString("en")} ${todo === 1 ? "needs" : "need"} attention`);
    this.chip.hidden = (todo === 0 && !this.attention) || Boolean(s.picking);
    this.search.hidden = total === 0;
    this.looks.hidden = total === 0 || selected > 0;
    grid.frame.bar.hidden = total === 0 && !s.can_undo && !s.can_redo;
    DENSITIES.forEach((density, i) => setAttribute(this.sizes[i], "aria-pressed", String(density === grid.density)));

    this.bulkActions.hidden = selected === 0;
    setText(this.chosen, `${selected.toLocaleString("en")} selected`);
    setText(this.all, `Select all ${grid.count.toLocaleString("en")}`);
    this.all.hidden = selected >= grid.count;
    for (const edit of [this.recaption, this.pair, this.replace, this.remove]) {
      edit.hidden = Boolean(s.picking);
      edit.disabled = grid.locked;
    }
    this.open.hidden = selected !== 1;
    this.replace.hidden ||= selected !== 1;
    this.pair.hidden ||= selected < 2 || !s.pairs;

    const words = [];
    if (this.filtered) words.push(`${grid.count.toLocaleString("en")} of ${counted(total, "image")}`);
    else if (total) words.push(counted(total, "image"));
    if (total && !s.picking)
      words.push(`${((counts.images ?? 0) - (counts.uncaptioned ?? 0)).toLocaleString("en")} captioned`);
    setText(grid.frame.count, words.join(" · "));
  }
}
