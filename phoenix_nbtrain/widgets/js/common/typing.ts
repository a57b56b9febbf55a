// What is typed and not taken yet, told to the kernel while it is: a page can go away without a word to its fields.

import { newId } from "./channel";
import { button, counted, h } from "./dom";
import { type CellEdit, keyOf } from "./edits";
import type { Cell } from "./messages";
import type { RowView } from "./row_view";

const TYPED_MS = 300;

const STORED = "nbt-left";

/**
 * What ended views of this page, or of the page before its reload, had not seen accepted, by cell, with the kernel that
 * they told: one that was restarted has forgotten it. Each view has a copy of this module, so it is the window's.
 */
function leftHere() {
  return (window.nbtLeft ??= stored());
}

function stored(): Map<string, LeftCell> {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(STORED) ?? "[]"));
  } catch {
    return new Map(); // some hosts allow a page no storage
  }
}

function store() {
  try {
    sessionStorage.setItem(STORED, JSON.stringify([...leftHere()]));
  } catch {
    // It is kept for as long as the page lives.
  }
}

declare global {
  interface Window {
    nbtLeft?: Map<string, LeftCell>;
  }
}

interface LeftCell extends Cell {
  value: string;
  /** The kernel that was told; empty if none is known to have heard. */
  kernel: string;
}

/** @param cell its place and its text */
function leaveHere(view: RowView, cell: Cell & { value: string; phase?: CellEdit["phase"] }) {
  const { table, row, column, value, phase } = cell;
  // An edit without a reply may never have reached its kernel.
  const kernel = phase === "pending" ? "" : (view.kernel ?? "");
  leftHere().set(keyOf(cell), { table, row, column, value, kernel });
  store();
}

/**
 * Keep what is typed in a field until it is sent or let go.
 * @param cell what it is the text of
 * @param leave take what was typed, for somebody turns away from the view
 * @returns the end of it, with whether an edit has the text now
 */
export function keepTyped(
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
  let told = begun;
  let timer = 0;
  const tell = () => {
    clearTimeout(timer);
    timer = 0;
    if (field.value === told) return;
    told = field.value;
    (view.typedHere ??= new Set()).add(keyOf(cell));
    try {
      // Not through the channel, which would send it again: by then it may be old.
      model.send({ id: newId(), kind: "typing", ...cell, value: told });
    } catch {
      // The kernel is away. What is typed is still in the field.
    }
  };
  const finish = (sent = false) => {
    if (end.signal.aborted) return;
    end.abort();
    clearTimeout(timer);
    if (signal.aborted && field.value !== begun) leaveHere(view, { ...cell, value: field.value });
    // An edit may have to wait behind others, and the page be closed before it is sent.
    if (sent || signal.aborted) tell();
    else if (told !== begun) void channel.ask({ kind: "let go", ...cell });
  };
  input.addEventListener("input", () => (timer ||= window.setTimeout(tell, TYPED_MS)), on);
  // The key that begins a shortcut comes before the one that may close the tab.
  input.addEventListener("keydown", (event) => (event.ctrlKey || event.altKey || event.metaKey) && tell(), on);
  const away = () => {
    const { value } = field;
    tell();
    leave?.();
    // What is sent while the page goes may not arrive.
    if (value !== begun) leaveHere(view, { ...cell, value, phase: "pending" });
  };
  window.addEventListener("pagehide", away, on);
  // Closing a tab by mouse takes no focus from the field.
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

/** Keep what is typed in a dialog. What was typed there before the page was closed is there again. */
export async function keepDialog(
  view: RowView,
  dialog: HTMLDialogElement,
  field: HTMLInputElement | HTMLTextAreaElement,
  name: string,
) {
  const cell = { table: "dialogs", row: "", column: name };
  const begun = field.value;
  const finish = keepTyped(view, field, cell);
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

/** Let refused words go: somebody has seen to them. */
export function letGo({ edits, channel }: RowView, cell: CellEdit) {
  const { table, row, column } = cell;
  edits.drop(cell);
  void channel.ask({ kind: "let go", table, row, column });
}

/**
 * Offer again what was refused, or not taken yet, before this page was loaded or its kernel restarted.
 * @param goOn open the field of a cell, and
 * say whether it is open
 * @param back have the focus again
 */
export async function offer(view: RowView, goOn: (row: string, column: string) => unknown, back: () => void) {
  const { edits, channel, rows, frame } = view;
  const leaveAll = () => edits.cells.forEach((cell) => leaveHere(view, cell));
  view.signal.addEventListener("abort", leaveAll);
  window.addEventListener("pagehide", leaveAll, { signal: view.signal });
  const here = leftHere();
  const left = [...here.values()].filter((cell) => cell.table === rows.table);
  const { reply } = await channel.ask({ kind: "refused", table: rows.table, left });
  view.kernel = reply.ok ? reply.kernel : undefined;
  const elsewhere = new Set(reply.ok ? reply.elsewhere : left.map((cell) => cell.row));
  for (const cell of left) if (!elsewhere.has(cell.row)) here.delete(keyOf(cell));
  store();
  // What was typed here while the answer was late is not offered: this page knows what became of it.
  const cells = (reply.ok ? reply.cells : []).filter(
    (cell) => !edits.cells.has(keyOf(cell)) && !view.typedHere?.has(keyOf(cell)),
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
    button("Go on", "nbt-btn", async () => {
      if (await goOn(row, column)) line.remove();
      else frame.announce("It can't be opened now: it is filtered out, or the training is running.");
    }),
    button("✕", "nbt-btn nbt-quiet nbt-icon", dismiss, { "aria-label": "Dismiss" }),
  );
  frame.notes.append(line);
}
