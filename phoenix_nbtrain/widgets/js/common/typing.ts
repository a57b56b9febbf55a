// Text that is being typed is sent to the kernel as it is typed, since a page can be closed without notice.

import type { Grid } from "../grid/grid";
import type { PairView } from "../pairs/pairs";
import { newId } from "./channel";
import { button, counted, h } from "./dom";
import { type CellEdit, keyOf } from "./edits";
import type { Cell } from "./messages";

/** A view of rows. */
type RowView = Grid | PairView;

const TYPED_MS = 300;

const STORED = "nbt-left";

/**
 * By cell: texts of views that have ended on this page, or on the page before its reload, and were not accepted by then.
 * It is on the window, because each view has its own copy of this module.
 */
function leftInPage() {
  return (window.nbtLeft ??= stored());
}

function stored(): Map<string, LeftCell> {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(STORED) ?? "[]"));
  } catch {
    return new Map(); // some hosts give a page no storage
  }
}

function store() {
  try {
    sessionStorage.setItem(STORED, JSON.stringify([...leftInPage()]));
  } catch {
    // It is kept for as long as the page lives.
  }
}

declare global {
  interface Window {
    nbtLeft?: Map<string, LeftCell>;
    /** The views on this page. */
    nbtViews?: Set<RowView>;
  }
}

interface LeftCell extends Cell {
  value: string;
  /** The kernel that has the text, which it forgets when it is restarted; empty if none is known to have it. */
  kernel: string;
}

function leaveInPage(view: RowView, cell: Cell & { value: string; phase?: CellEdit["phase"] }) {
  const { table, row, column, value, phase } = cell;
  // An edit without a reply may never have reached its kernel.
  const kernel = phase === "pending" ? "" : (view.kernel ?? "");
  leftInPage().set(keyOf(cell), { table, row, column, value, kernel });
  store();
}

/**
 * Keep what is typed in a field until it is sent or discarded.
 * @param cell the cell that is being edited
 * @param leave called when the user leaves the view, to accept what was typed
 * @returns a function that ends this; its argument says whether an edit now carries the text
 */
export function keepTypedText(
  view: RowView,
  field: HTMLInputElement | HTMLTextAreaElement,
  cell: Cell,
  leave?: () => void,
): (sent?: boolean) => void {
  const { model, signal, frame, channel } = view;
  const input: HTMLElement = field; // which tells the types of its events
  const end = new AbortController();
  const on = { signal: end.signal };
  const begun = field.value;
  let known = begun;
  let timer = 0;
  const tell = () => {
    clearTimeout(timer);
    timer = 0;
    if (field.value === known) return;
    known = field.value;
    (view.typedHere ??= new Map()).set(keyOf(cell), known);
    try {
      // Not through the channel, which would send it again when it may be out of date.
      model.send({ id: newId(), kind: "typing", ...cell, value: known });
    } catch {
      // The kernel is gone. The text is still in the field.
    }
  };
  const finish = (sent = false) => {
    if (end.signal.aborted) return;
    end.abort();
    clearTimeout(timer);
    if (signal.aborted && field.value !== begun) leaveInPage(view, { ...cell, value: field.value });
    // The edit may wait behind others, and the page may be closed before it is sent.
    if (sent || signal.aborted) tell();
    else if (known !== begun) void channel.ask({ kind: "let go", ...cell });
  };
  input.addEventListener("input", () => (timer ||= window.setTimeout(tell, TYPED_MS)), on);
  // The modifier of a shortcut that closes the tab is pressed first.
  input.addEventListener("keydown", (event) => (event.ctrlKey || event.altKey || event.metaKey) && tell(), on);
  const away = () => {
    const { value } = field;
    tell();
    leave?.();
    // What is sent while the page is closed may not arrive.
    if (value !== begun) leaveInPage(view, { ...cell, value, phase: "pending" });
  };
  window.addEventListener("pagehide", away, on);
  // Closing a tab by mouse does not blur the field.
  document.addEventListener(
    "pointerdown",
    (event) => {
      if (!event.composedPath().includes(frame.root)) leave?.(); // its path, since a host may keep views in shadow trees
    },
    { ...on, capture: true },
  );
  signal.addEventListener("abort", () => finish(), on);
  return finish;
}

/** Keep what is typed in a dialog, and restore what was typed there before the page was closed. */
export async function keepDialogText(
  view: RowView,
  dialog: HTMLDialogElement,
  field: HTMLInputElement | HTMLTextAreaElement,
  name: string,
) {
  const cell = { table: "dialogs", row: "", column: name };
  const begun = field.value;
  const finish = keepTypedText(view, field, cell);
  dialog.addEventListener("close", () => {
    finish();
    void view.channel.ask({ kind: "let go", ...cell });
  });
  const { reply } = await view.channel.ask({ kind: "refused", table: cell.table });
  const kept = reply.ok && reply.cells.find((one) => one.column === name);
  if (!kept || !dialog.open || field.value !== begun) return;
  field.value = kept.value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/**
 * Forget the refused text that a field was opened with, if any: the user has dealt with it. A text that was refused
 * while the field was open stays, because nobody was offered it yet.
 */
export function forgetRefused({ edits, channel }: RowView, offered: CellEdit | undefined) {
  if (!offered) return;
  const { table, row, column } = offered;
  if (edits.cell(table, row, column) !== offered) return; // another has come in its place
  edits.drop(offered);
  void channel.ask({ kind: "let go", table, row, column });
}

/**
 * Offer texts that were refused, or not accepted yet, before this page was loaded or its kernel restarted.
 * @param goOn opens the field of a cell, and returns whether it is open
 * @param back takes the focus back
 */
export async function offerKeptTexts(view: RowView, goOn: (row: string, column: string) => unknown, back: () => void) {
  const { edits, channel, rows, frame } = view;
  const leaveAll = () => edits.cells.forEach((cell) => leaveInPage(view, cell));
  view.signal.addEventListener("abort", leaveAll);
  window.addEventListener("pagehide", leaveAll, { signal: view.signal });
  const views = (window.nbtViews ??= new Set());
  views.add(view);
  view.signal.addEventListener("abort", () => views.delete(view));
  const here = leftInPage();
  const left = [...here.values()].filter((cell) => cell.table === rows.table);
  const { reply } = await channel.ask({ kind: "refused", table: rows.table, left });
  view.kernel = reply.ok ? reply.kernel : undefined;
  const elsewhere = new Set(reply.ok ? reply.elsewhere : left.map((cell) => cell.row));
  for (const cell of left) if (!elsewhere.has(cell.row)) here.delete(keyOf(cell));
  store();
  // Cells that were edited here before the reply came are left out: this view knows their state. So are texts that
  // come from another view of this page, which shows them itself until they are saved.
  const cells = (reply.ok ? reply.cells : []).filter(
    (cell) =>
      !edits.cells.has(keyOf(cell)) &&
      !view.typedHere?.has(keyOf(cell)) &&
      ![...views].some((other) => other.typedHere?.get(keyOf(cell)) === cell.value),
  );
  for (const { table, row, column, value, reason, line } of cells)
    edits.refuse(table, row, column, value, reason, line ?? undefined);
  const typed = cells.filter((one) => one.typed && one.there);
  if (typed.length === 0) return;
  const [{ row, column }] = typed;
  const what = typed.length === 1 ? "what you were typing" : `${counted(typed.length, "text")} that you were typing`;
  const line = h(
    "div",
    "nbt-note nbt-hint nbt-row",
    { role: "status" },
    h("span", "", {}, `Kept: ${what}.`),
    h("span", "nbt-grow"),
  );
  const dismiss = () => {
    line.remove();
    back();
  };
  line.append(
    button("Continue", "nbt-btn", async () => {
      if (await goOn(row, column)) line.remove();
      else frame.announce("It can't be opened now: it is filtered out, or the training is running.");
    }),
    button("✕", "nbt-btn nbt-quiet nbt-icon", dismiss, { "aria-label": "Dismiss" }),
  );
  frame.notes.append(line);
}
