// The selected pairs and cells.

import { counted } from "../common/dom";
import type { PairRow } from "../common/messages";
import { COLUMNS, DATA, type DataColumn } from "./columns";
import type { PairView } from "./pairs";

/** The ids of the selected rows, and whether they are selected as a whole or only some columns. */
export class PairSelection {
  rows = new Set<string>();
  whole = false;
  columns: DataColumn[] = [];
  /** Where a range began. */
  anchor: { id: string; index: number; column: number } | null = null;
  /** Selected rows that are out of view. */
  far = new Map<string, PairRow>();
  asked = 0;

  constructor(readonly view: PairView) {}

  get size() {
    return this.rows.size;
  }

  has(id: string) {
    return this.rows.has(id);
  }

  holds(id: string, column: DataColumn) {
    return this.rows.has(id) && this.columns.includes(column);
  }

  row(id: string): PairRow | undefined {
    return this.view.rows.byId(id) ?? this.far.get(id);
  }

  clear() {
    this.anchor = null;
    if (this.size > 0) this.take([], true);
  }

  take(ids: string[], whole: boolean, columns: readonly DataColumn[] = DATA) {
    this.asked += 1; // what is still being read for an earlier range is out of date
    this.rows = new Set(ids);
    this.whole = whole;
    this.columns = [...columns];
    void this.read();
    const cells = whole ? "" : `, ${columns.join(", ")}`;
    this.view.frame.announce(ids.length ? `${counted(ids.length, "pair")} selected${cells}` : "Nothing selected");
    this.view.paint();
  }

  /** Select from the anchor to a cell. The number and the buttons select whole rows. */
  async span(index: number, column: number) {
    const { at } = this.view.focus;
    this.anchor ??= { ...at };
    const begun = this.view.rows.indexOf(this.anchor.id);
    const from = begun < 0 ? this.anchor.index : begun;
    const [a, b] = [this.anchor.column, column].map((c) => DATA.indexOf(COLUMNS[c] as DataColumn));
    const whole = a < 0 || b < 0;
    const columns = whole ? DATA : DATA.slice(Math.min(a, b), Math.max(a, b) + 1);
    const asked = (this.asked += 1);
    const ids = await this.view.rows.ids(Math.min(from, index), Math.max(from, index) + 1);
    if (asked === this.asked) this.take(ids, whole, columns);
  }

  /** Add a whole row to the selection, or remove it. */
  toggle(index: number) {
    const id = this.view.rows.at(index)?.pair_id;
    if (!id) return;
    const rows = new Set(this.rows);
    if (!rows.delete(id) || !this.whole) rows.add(id);
    this.anchor = { id, index, column: 0 };
    this.take([...rows], true);
  }

  async all() {
    const asked = (this.asked += 1);
    const ids = await this.view.rows.ids(0, this.view.rows.total);
    if (asked === this.asked) this.take(ids, true);
  }

  /** The ids of the selected rows in the table's order, or of the focused one. */
  async ids() {
    const { rows, focus } = this.view;
    if (this.size === 0) return focus.at.id ? [focus.at.id] : [];
    const ids = [...this.rows];
    if (ids.some((id) => rows.indexOf(id) < 0)) return (await rows.ids(0, rows.total)).filter((id) => this.has(id));
    return ids.sort((a, b) => rows.indexOf(a) - rows.indexOf(b));
  }

  /** Read the selected rows that are out of view, so that they can be copied at once. Deselect those that are gone. */
  async read() {
    const { rows } = this.view;
    const far = [...this.rows].filter((id) => !rows.byId(id));
    this.far.clear();
    if (far.length === 0) return;
    const asked = this.asked;
    const found = await rows.byIds(far).catch(() => null);
    if (!found || asked !== this.asked) return;
    this.far = new Map(found.map((row) => [row.pair_id, row]));
    for (const id of far) if (!this.far.has(id) && !rows.byId(id)) this.rows.delete(id);
    this.view.paint();
  }
}
