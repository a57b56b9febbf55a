// @ts-check
// What is done with the selected images at once, and told with a way back.

/**
 * @param {import("../parts.js").Kit & { twoSaid: (row: any) => string }} kit @param {any} grid
 * @param {"remove" | "pair" | "mine" | "theirs"} what @param {string[]} [chosen] what it is done with, if not the selected
 */
export default async function (kit, grid, what, chosen) {
  const ids = chosen ?? [...grid.selection.ids];
  if (ids.length === 0 || grid.locked || (what === "pair" && !grid.summary.pairs)) return;
  // One that nobody else has changed is no choice.
  if ((what === "mine" || what === "theirs") && !ids.every((id) => kit.twoSaid(grid.rows.byId(id) ?? {}))) return;
  if (what === "remove") await remove(kit, grid, ids);
  else if (what === "pair") await pair(kit, grid, ids);
  else await keep(kit, grid, ids, what);
  grid.rows.refresh(grid.rows.total);
  grid.paint();
}

/** @param {import("../parts.js").Kit} kit @param {any} grid @param {string[]} ids */
async function remove(kit, grid, ids) {
  const reply = await grid.edits.run(ids.map((row) => ({ op: "delete", table: "images", row })));
  const taken = reply.ok ? reply.accepted.length : 0;
  const reason = reply.ok ? reply.refused[0]?.reason : kit.words(reply);
  if (reason) grid.frame.note(`Not removed: ${reason}`);
  if (taken) tell(kit, grid, `${kit.counted(taken, "image")} removed.`, reply.revision);
}

/** @param {import("../parts.js").Kit} kit @param {any} grid @param {string[]} ids */
async function pair(kit, grid, ids) {
  const reply = await grid.edits.ask({ kind: "pair", ids });
  if (reply.ok) tell(kit, grid, reply.message, reply.made > 0 ? reply.revision : 0);
  else grid.frame.note(kit.words(reply));
}

/** @param {import("../parts.js").Kit} kit @param {any} grid @param {string[]} ids @param {"mine" | "theirs"} side */
async function keep(kit, grid, ids, side) {
  const reply = await grid.edits.run(ids.map((row) => ({ op: "keep", table: "images", row, column: "caption", side })));
  const reason = reply.ok ? reply.refused[0]?.reason : kit.words(reply);
  if (reason) grid.frame.note(reason);
  else grid.frame.announce(side === "mine" ? "Yours is kept." : "Theirs is taken.");
}
