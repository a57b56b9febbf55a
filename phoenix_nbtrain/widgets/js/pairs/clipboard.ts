// Copy, cut and paste between the pair table and spreadsheets.

import { counted, h } from "../common/dom";
import { COLUMNS, DATA, isData } from "./columns";
import type { PairView } from "./pairs";

/** A text that a spreadsheet would take for a formula, with any number of quotes before it. */
const FORMULA = /^'*[=+\-@＝＋－＠\t\r\n]/u;

export class PairClipboard {
  constructor(readonly view: PairView) {
    // On the document: a cell is not a field, so the browser dispatches them on the body.
    for (const kind of ["copy", "cut", "paste"]) {
      document.addEventListener(kind, this, { capture: true, signal: view.signal });
    }
  }

  handleEvent(given: Event) {
    const event = given as ClipboardEvent;
    const { view } = this;
    const { editing, lines, frame } = view;
    const active = document.activeElement;
    if (!event.clipboardData || !active || !frame.root.contains(active)) return;
    if (!lines.grid.contains(active) && (event.type !== "paste" || active.closest("input, textarea, dialog"))) return;
    const field = editing?.field;
    if (
      active === field &&
      !(event.type === "paste" && isBlock(event.clipboardData, editing?.column === "instruction"))
    )
      return;
    if (event.type !== "paste" && !getSelection()?.isCollapsed) return; // selected text of the page
    event.preventDefault();
    event.stopPropagation();
    if (event.type === "paste") this.paste(event.clipboardData.getData("text/plain"));
    else if (this.copy(event.clipboardData) && event.type === "cut")
      void (view.selection.whole ? view.input?.commands.remove() : view.input?.commands.clear());
  }

  /** @returns whether everything was copied */
  copy(data: DataTransfer): boolean {
    const { view } = this;
    const { selection, focus, rows, frame } = view;
    const column = COLUMNS[focus.at.column];
    const columns = selection.size > 0 ? selection.columns : isData(column) ? [column] : DATA;
    const ids = selection.size > 0 ? [...selection.rows] : [focus.at.id];
    const there = ids.every((id) => selection.row(id));
    if (!there) frame.announce("The selected pairs are still loading. Copy again.");
    if (!there) return false;
    if (ids.every((id) => rows.indexOf(id) >= 0)) ids.sort((a, b) => rows.indexOf(a) - rows.indexOf(b));
    const block = ids.map((id) => columns.map((c) => guarded(view.wordsOf(id, c))));
    data.setData("text/plain", block.map((row) => row.map(quoted).join("\t")).join("\n"));
    const body = block.map((row) => h("tr", "", {}, ...row.map((text) => h("td", "", {}, text))));
    data.setData("text/html", h("table", "", {}, ...body).outerHTML);
    frame.announce(ids.length * columns.length === 1 ? "Copied." : `${counted(ids.length, "row")} copied.`);
    return true;
  }

  paste(text: string) {
    const { view } = this;
    const { selection, focus, rows, frame, lines } = view;
    if (view.locked()) return;
    view.input?.editor.save();
    if (rows.total > 0 && selection.size === 0 && !lines.grid.contains(document.activeElement)) {
      return frame.note("Not pasted: select a cell first.");
    }
    // The target is where the focus is now, however long the part takes to load.
    const column = selection.size > 0 ? selection.columns[0] : (view.column ?? DATA[0]);
    void view.parts.run("paste", view, text, {
      ids: selection.ids(),
      index: focus.at.index,
      column,
      many: selection.size > 1,
    });
  }
}

/**
 * Whether what is pasted into a field is a block of cells rather than text for the field.
 * @param lines whether the field takes several lines
 */
function isBlock(data: DataTransfer, lines: boolean) {
  const text = data.getData("text/plain").trim();
  return /\t/.test(text) || (/\n/.test(text) && (!lines || /<table/i.test(data.getData("text/html"))));
}

/** Quote a text that a spreadsheet would run as a formula. Pasting it here removes the quote. */
function guarded(text: string) {
  return FORMULA.test(text) ? "'" + text : text;
}

function quoted(text: string) {
  return /[\t\n\r"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
