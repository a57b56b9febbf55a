// Actions on all selected images, and a note with an Undo button.

import { errorText } from "../common/channel";
import { counted } from "../common/dom";
import type { Grid } from "./grid";
import { twoSaid } from "./tiles";
import { showUndoNotice } from "./undo_notice";

/** @param chosen the images to act on; by default, the selected ones */
export default async function (grid: Grid, what: "remove" | "pair" | "mine" | "theirs", chosen?: string[]) {
  const ids = chosen ?? [...grid.selection.ids];
  if (ids.length === 0 || grid.locked || (what === "pair" && !grid.summary.pairs)) return;
  // There is nothing to choose where nobody else changed the caption.
  if ((what === "mine" || what === "theirs") && !ids.every((id) => twoSaid(grid.rows.byId(id)))) return;
  if (what === "remove") await remove(grid, ids);
  else if (what === "pair") await pair(grid, ids);
  else await keep(grid, ids, what);
  grid.rows.refresh(grid.rows.total);
  grid.paint();
}

async function remove(grid: Grid, ids: string[]) {
  const reply = await grid.edits.run(ids.map((row) => ({ op: "delete", table: "images", row })));
  const taken = reply.ok ? reply.accepted.length : 0;
  const reason = reply.ok ? reply.refused[0]?.reason : errorText(reply);
  if (reason) grid.frame.note(`Not removed: ${reason}`);
  if (reply.ok && taken) showUndoNotice(grid, `${counted(taken, "image")} removed.`, reply.revision);
}

async function pair(grid: Grid, ids: string[]) {
  const reply = await grid.edits.ask({ kind: "pair", ids });
  if (reply.ok) showUndoNotice(grid, reply.message, reply.made > 0 ? reply.revision : 0);
  else grid.frame.note(errorText(reply));
}

async function keep(grid: Grid, ids: string[], side: "mine" | "theirs") {
  const reply = await grid.edits.run(ids.map((row) => ({ op: "keep", table: "images", row, column: "caption", side })));
  const reason = reply.ok ? reply.refused[0]?.reason : errorText(reply);
  if (reason) grid.frame.note(reason);
  else grid.frame.announce(side === "mine" ? "Kept yours." : "Accepted theirs.");
}
