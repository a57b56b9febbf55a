// The pair table: source, target and what should happen between them.

import { Channel, Revision } from "../common/channel";
import { button, counted, h, mark, perFrame, say } from "../common/dom";
import { again, type CellEdit, Edits, giveBackGone, settle } from "../common/edits";
import { Frame, watchSummary } from "../common/frame";
import type { Model, PairsNeed } from "../common/messages";
import { Parts } from "../common/parts";
import { Pictures, pxFor } from "../common/pictures";
import { PAGE, Rows } from "../common/rows";
import { viewOf } from "../common/view";
import * as columns from "./columns";
import { COLUMNS, type DataColumn, isData } from "./columns";
import type compareDialog from "./compare_dialog";
import type { Editing } from "./editor";
import type filesDialog from "./files_dialog";
import { PairCells } from "./focus";
import type pairInput from "./input";
import type { PairInput } from "./input";
import type paste from "./paste";
import { PairLines } from "./row_rendering";
import { PairSelection } from "./selection";
import type shortcutsHelp from "./shortcuts_help";
import type templateDialog from "./template_dialog";

/** Modules that come from the kernel when they are first used. */
interface PairParts {
  compare_dialog: typeof compareDialog;
  files_dialog: typeof filesDialog;
  input: typeof pairInput;
  paste: typeof paste;
  shortcuts_help: typeof shortcutsHelp;
  template_dialog: typeof templateDialog;
}

export class PairView {
  readonly paint: () => void;
  readonly frame: Frame;
  readonly channel: Channel;
  readonly revision = new Revision();
  readonly rows: Rows<"pairs">;
  readonly images: Rows<"images">;
  readonly edits: Edits;
  readonly pictures: Pictures;
  readonly parts: Parts<PairParts>;
  readonly lines: PairLines;
  readonly chosen: PairSelection;
  readonly cells: PairCells;
  /** The cell that is being typed in. */
  open: Editing | null = null;
  input: PairInput | null = null;
  coming: Promise<PairInput | null> | null = null;
  /** Which kernel has the words that this page left, and the cells that were typed in here (`common/typing.ts`). */
  kernel: string | undefined;
  typedHere: Set<string> | undefined;
  version: number | undefined = -1;
  count!: HTMLSpanElement;
  group!: HTMLDivElement;
  add!: HTMLButtonElement;
  bring!: HTMLButtonElement;
  export!: HTMLButtonElement;
  pairUp!: HTMLButtonElement;
  begin!: HTMLDivElement;
  /** what the chips were made of */
  needed: PairsNeed[] | null | undefined = null;
  needs!: HTMLDivElement;

  constructor(
    readonly model: Model,
    el: HTMLElement,
    readonly signal: AbortSignal,
  ) {
    this.paint = perFrame(signal, () => this.paintNow());
    this.frame = new Frame(model, el, signal, "nbt-pairs");
    this.channel = new Channel(model, signal, this.paint);
    this.rows = new Rows(this.channel, "pairs", this.revision, this.paint);
    this.images = new Rows(this.channel, "images", this.revision, this.paint);
    this.edits = new Edits(this.channel, this.revision, this.paint, (cell) => this.settled(cell));
    this.pictures = new Pictures(this.channel, signal, pxFor(44), () => {
      this.open?.chooser?.isOpen && this.open.chooser.paint();
      this.paint();
    });
    this.parts = new Parts(this.frame, this.channel, { "pairs/columns": columns });
    this.lines = new PairLines(this);
    this.chosen = new PairSelection(this);
    this.cells = new PairCells(this);
    this.bar();
    this.frame.body.append(this.lines.grid);
    this.listen();
    this.refreshed();
    mark(this.lines.grid, "aria-busy", "true"); // no key does anything yet
    this.withInput(() => this.paint());
  }

  /** Do something with what comes a moment after the table itself. */
  withInput(work: (input: PairInput) => void) {
    if (this.input) return work(this.input);
    this.coming ??= this.parts.run("input", this).then((input) => {
      this.coming = null; // where it did not come, it is asked for once more
      if (input) mark(this.lines.grid, "aria-busy", null);
      return (this.input = input ?? null);
    });
    void this.coming?.then((input) => input && work(input));
  }

  bar() {
    const f = this.frame;
    const act = (work: (input: PairInput) => void) => () => this.withInput(work);
    const heading = h("h3", "nbt-heading", {}, "Pairs", h("small", "", {}, "source → target, with what should happen"));
    this.count = h("span", "nbt-mute");
    this.group = h(
      "div",
      "nbt-group",
      { role: "group", "aria-label": "Selected pairs" },
      this.count,
      button(
        "Swap",
        "nbt-btn",
        act((input) => input.commands.swap()),
        { title: "Swap source and target (Alt+→)" },
      ),
      button(
        "Fill down",
        "nbt-btn",
        act((input) => input.commands.fillDown()),
        { title: "Give all what the first one says (Ctrl+D)" },
      ),
      button("Template…", "nbt-btn", () => this.withInput(() => void this.parts.run("template_dialog", this)), {
        title: "One sentence for all, with what differs",
      }),
      button(
        "Delete",
        "nbt-btn",
        act((input) => input.commands.remove()),
        { title: "Delete the selected pairs (Ctrl+Delete)" },
      ),
    );
    this.add = button(
      "Add pair",
      "nbt-btn",
      act((input) => input.commands.insert(this.rows.total)),
    );
    const help = button("?", "nbt-btn nbt-quiet nbt-icon", () => this.help(), {
      title: "Keys (Ctrl+/)",
      "aria-label": "Keys",
    });
    const file = (text: string, way: "import" | "export") =>
      button(text, "nbt-btn nbt-quiet", () => void this.parts.run("files_dialog", this, way), {
        title: "CSV or JSON lines",
      });
    [this.bring, this.export] = [file("Import…", "import"), file("Export…", "export")];
    f.bar.append(heading, h("span", "nbt-grow"), this.group, this.add, this.bring, this.export, f.undo, f.redo, help);
    this.pairUp = button(
      "Pair up by names",
      "nbt-btn",
      act((input) => void input.commands.pairByNames(this.pairUp)),
    );
    this.begin = h("div", "nbt-begin", {}, this.pairUp);
    f.body.append(this.begin);
    // A click takes the focus, so that a block can be pasted where nothing is yet.
    for (const name of ["tabindex", "data-lm-suppress-shortcuts"]) mark(f.empty, name, "-1");
    this.needs = h("div", "nbt-needs", { role: "group", "aria-label": "Pairs to look at" });
    f.body.insertBefore(this.needs, f.empty);
    f.onAgain = (kind, of) => void again(kind, f, this.edits, [this.rows, this.images], this.paint, of);
  }

  listen() {
    const { grid } = this.lines;
    this.cells.listen();
    const scrolled = () => {
      this.open?.chooser?.close();
      this.paint();
    };
    grid.addEventListener("scroll", scrolled, { passive: true });
    const size = new ResizeObserver(this.paint);
    size.observe(grid);
    watchSummary(this.frame, this.channel, () => this.refreshed());
    this.signal.addEventListener("abort", () => {
      size.disconnect();
      this.open?.chooser?.remove();
    });
  }

  refreshed() {
    const { summary } = this.frame;
    this.revision.see(summary.revision ?? 0);
    if (summary.version !== this.version) {
      this.version = summary.version;
      this.rows.refresh(summary.total ?? 0);
      this.images.refresh(summary.counts?.images ?? 0);
      if (!this.rows.known || this.rows.problem) void this.rows.want(0, PAGE); // first: pictures come to their rows
      void this.images.want(0, this.images.total);
      void this.chosen.read();
    }
    this.paint();
  }

  paintNow() {
    giveBackGone(this);
    const f = this.frame;
    const s = f.summary;
    f.paint(this.edits, this.channel, this.rows.known);
    this.add.disabled = this.bring.disabled = Boolean(s.training) || this.images.total < 2;
    this.export.disabled = !s.total;
    this.group.hidden = this.chosen.size === 0 || Boolean(s.training);
    say(this.count, `${this.chosen.size.toLocaleString("en")} selected`);
    say(f.count, s.total ? counted(s.total, "pair") : "");
    this.paintNeeds();
    this.paintEmpty();
    this.lines.layout();
  }

  paintNeeds() {
    const { needs } = this.frame.summary;
    if (needs === this.needed) return;
    this.needed = needs;
    const chips = (needs ?? []).map((need) =>
      button(need.text, `nbt-chip nbt-${need.tone}`, () => this.withInput((input) => input.jump(need)), {
        title: "Go to the next one",
      }),
    );
    this.needs.replaceChildren(...chips);
    this.needs.hidden = chips.length === 0;
  }

  paintEmpty() {
    const f = this.frame;
    const { grid } = this.lines;
    const nothing = this.rows.total === 0 || this.rows.problem !== "";
    f.empty.hidden = !nothing;
    this.begin.hidden = !nothing || this.images.total < 2 || this.rows.problem !== "" || Boolean(f.summary.training);
    if (nothing && grid.contains(document.activeElement)) f.undo.focus();
    grid.hidden = nothing;
    if (!nothing) return;
    if (this.rows.problem) f.explain(["", this.rows.problem, ""]);
    else if (f.summary.empty) f.explain(f.summary.empty);
  }

  // -- what its parts ask of it -------------------------------------------------------------------

  /** The column of data that has the focus, if one has. */
  get column(): DataColumn | undefined {
    const column = COLUMNS[this.cells.at.column];
    return isData(column) ? column : undefined;
  }

  /** Whether nothing can be changed now, which is said. */
  locked() {
    const locked = Boolean(this.frame.summary.training);
    if (locked) this.frame.announce("Training is running; pairs can be changed when it has ended.");
    return locked;
  }

  /** What a cell holds: what is on its way, else what stands. */
  valueOf(id: string, column: DataColumn): string {
    const edit = this.edits.of("pairs", id, column);
    return edit?.phase === "pending" ? edit.value : (this.chosen.row(id)?.[column] ?? "");
  }

  /** What a cell says: pictures by their names. */
  wordsOf(id: string, column: DataColumn): string {
    const value = this.valueOf(id, column);
    return column === "instruction" ? value : (this.images.byId(value)?.name ?? value);
  }

  /** Wait until a row is where it was put. */
  async arrived(id: string, index: number) {
    for (let tries = 0; tries < 5 && this.rows.indexOf(id) < 0; tries += 1) await this.rows.want(index, index + 1);
  }

  settled(cell: CellEdit) {
    const named = cell.column !== "instruction" && !this.images.byId(cell.value);
    if (cell.phase === "refused" || !named) settle(this, cell);
    else this.rows.refresh(this.rows.total); // called by a name: the kernel tells which picture that is
  }

  look(id: string) {
    void this.parts.run("compare_dialog", this, id);
  }

  help() {
    void this.parts.run("shortcuts_help", this.frame.root);
  }
}

export default viewOf((model, el, signal) => new PairView(model, el, signal));
