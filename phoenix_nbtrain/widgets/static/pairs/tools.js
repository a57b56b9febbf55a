// @ts-check
// What a part of the table uses of the table's own module. A part is a module of its own, so it is handed over.

/** @typedef {import("../parts.js").Kit & { COLUMNS: typeof COLUMNS, DATA: typeof DATA, SIDES: typeof SIDES, isData: typeof isData }} Tools */

/** @type {any} typed where they are defined */
let h, button, say, mark, counted, newId, plain, low, paintPicture, words, COLUMNS, DATA, SIDES, isData;

/** @param {Tools} tools */
function use(tools) {
  ({ h, button, say, mark, counted, newId, plain, low, paintPicture, words, COLUMNS, DATA, SIDES, isData } = tools);
}
