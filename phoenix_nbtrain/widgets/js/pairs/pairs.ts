// The pair table: sources, targets and instructions.

import { Channel, Revision } from "../common/channel";
import { button, h, perFrame, setAttribute } from "../common/dom";
import { type CellEdit, Edits, showOutcome, showTextsOfGoneRows, undoOrRedo } from "../common/edits";
import { Frame, watchSummary } from "../common/frame";
import type { Model } from "../common/messages";
import { Parts } from "../common/parts";
import { PAGE, Rows } from "../common/rows";
import { pxFor, Thumbnails } from "../common/thumbnails";
import { viewOf } from "../common/view";
import * as columns from "./columns";
import { COLUMNS, type DataColumn, isData } from "./columns";
import type compareDialog from "./compare_dialog";
import type { Editing } from "./editor";
import type filesDialog from "./files_dialog";
import { PairFocus } from "./focus";
import type pairInput from "./input";
import type { PairInput } from "./input";
import type paste from "./paste";
import { PairLines } from "./row_rendering";
import { PairSelection } from "./selection";
import type shortcutsHelp from "./shortcuts_help";
import type templateDialog from "./template_dialog";
import { PairToolbar } from "./toolbar";

/** Parts, which the kernel sends when they are first used. */
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
  readonly thumbnails: Thumbnails;
  readonly parts: Parts<PairParts>;
  readonly lines: PairLines;
  readonly selection: PairSelection;
  readonly focus: PairFocus;
  /** The cell that is being edited. */
  editing: Editing | null = null;
  input: PairInput | null = null;
  loadingInput: Promise<PairInput | null> | null = null;
  /** The kernel that this view talks to, and the cells that were edited in it (`common/typing.ts`). */
  kernel: string | undefined;
  typedHere: Map<string, string> | undefined;
  version: number | undefined = -1;
  readonly toolbar: PairToolbar;
  readonly pairUp = button("Pair up by names", "nbt-btn", () =>
    this.withInput((input) => void input.commands.pairByNames(this.pairUp)),
  );
  readonly begin = h("div", "nbt-begin", {}, this.pairUp);

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
    this.thumbnails = new Thumbnails(this.channel, signal, pxFor(44), () => {
      this.editing?.chooser?.isOpen && this.editing.chooser.paint();
      this.paint();
    });
    this.parts = new Parts(this.frame, this.channel, { "pairs/columns": columns });
    this.lines = new PairLines(this);
    this.selection = new PairSelection(this);
    this.focus = new PairFocus(this);
    const f = this.frame;
    this.toolbar = new PairToolbar(this);
    f.body.append(this.begin);
    // A click focuses it, so that a block can be pasted into an empty table.
    for (const name of ["tabindex", "data-lm-suppress-shortcuts"]) setAttribute(f.empty, name, "-1");
    f.body.insertBefore(this.toolbar.needs, f.empty);
    f.onUndoRedo = (kind, of) => void undoOrRedo(kind, f, this.edits, [this.rows, this.images], this.paint, of);
    f.body.append(this.lines.grid);
    this.listen();
    this.refreshed();
    setAttribute(this.lines.grid, "aria-busy", "true"); // keys do nothing yet
    this.withInput(() => this.paint());
  }

  /** Do something with the part that is loaded right after the table. */
  withInput(work: (input: PairInput) => void) {
    if (this.input) return work(this.input);
    this.loadingInput ??= this.parts.run("input", this).then((input) => {
      this.loadingInput = null; // if it failed, it is requested again
      if (input) setAttribute(this.lines.grid, "aria-busy", null);
      return (this.input = input ?? null);
    });
    void this.loadingInput?.then((input) => input && work(input));
  }

  listen() {
    const { grid } = this.lines;
    this.focus.listen();
    const scrolled = () => {
      this.editing?.chooser?.close();
      this.paint();
    };
    grid.addEventListener("scroll", scrolled, { passive: true });
    const size = new ResizeObserver(this.paint);
    size.observe(grid);
    watchSummary(this.frame, this.channel, () => this.refreshed());
    this.signal.addEventListener("abort", () => {
      size.disconnect();
      this.editing?.chooser?.remove();
    });
  }

  refreshed() {
    const { summary } = this.frame;
    this.revision.see(summary.revision ?? 0);
    if (summary.version !== this.version) {
      this.version = summary.version;
      this.rows.refresh(summary.total ?? 0);
      this.images.refresh(summary.counts?.images ?? 0);
      if (!this.rows.known || this.rows.problem) void this.rows.want(0, PAGE); // rows first, then their images
      void this.images.want(0, this.images.total);
      void this.selection.read();
    }
    this.paint();
  }

  paintNow() {
    showTextsOfGoneRows(this);
    this.frame.paint(this.edits, this.channel, this.rows.known);
    this.toolbar.paint();
    this.paintEmpty();
    this.lines.layout();
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

  // -- for its parts ------------------------------------------------------------------------------

  /** The focused column, if it holds data. */
  get column(): DataColumn | undefined {
    const column = COLUMNS[this.focus.at.column];
    return isData(column) ? column : undefined;
  }

  /** Whether nothing can be changed now; that is announced. */
  locked() {
    const locked = Boolean(this.frame.summary.training);
    if (locked) this.frame.announce("Training is running; pairs can be changed when it has ended.");
    return locked;
  }

  /** The value of a cell: the pending one, or the accepted one. */
  valueOf(id: string, column: DataColumn): string {
    const edit = this.edits.cell("pairs", id, column);
    return edit?.phase === "pending" ? edit.value : (this.selection.row(id)?.[column] ?? "");
  }

  /** The text of a cell: images by their names. */
  wordsOf(id: string, column: DataColumn): string {
    const value = this.valueOf(id, column);
    return column === "instruction" ? value : (this.images.byId(value)?.name ?? value);
  }

  /** Wait until a row has arrived at its place. */
  async arrived(id: string, index: number) {
    for (let tries = 0; tries < 5 && this.rows.indexOf(id) < 0; tries += 1) await this.rows.want(index, index + 1);
  }

  settled(cell: CellEdit) {
    const named = cell.column !== "instruction" && !this.images.byId(cell.value);
    if (cell.phase === "refused" || !named) showOutcome(this, cell);
    else this.rows.refresh(this.rows.total); // it was given by name: the kernel resolves it
  }

  look(id: string) {
    void this.parts.run("compare_dialog", this, id);
  }

  help() {
    void this.parts.run("shortcuts_help", this.frame.root);
  }
}

export default viewOf((model, el, signal) => new PairView(model, el, signal));
