// The selected images. The kernel has the selection; the page is ahead of it while it sends a change.

import type { Channel } from "../common/channel";
import type { Model } from "../common/messages";
import type { Rows } from "../common/rows";

export class ImageSelection {
  /** In the order of selection. */
  ids: Set<string>;
  /** The row where a range begins. */
  anchor = 0;
  telling = 0;
  picking = 0;

  constructor(
    readonly model: Model,
    readonly channel: Channel,
    readonly rows: Rows,
    readonly changed: () => void,
  ) {
    this.ids = new Set(model.get("selected") ?? []);
  }

  get size() {
    return this.ids.size;
  }

  has(id: string) {
    return this.ids.has(id);
  }

  /** The kernel has changed the selection. */
  heard() {
    if (this.telling > 0) return; // it is older than what is being sent
    this.ids = new Set(this.model.get("selected") ?? []);
    this.changed();
  }

  async pick(index: number, how: "only" | "toggle" | "range") {
    const picking = (this.picking += 1);
    const id = this.rows.idAt(index);
    if (how === "range") {
      const ids = await this.rows.ids(Math.min(this.anchor, index), Math.max(this.anchor, index) + 1);
      if (picking === this.picking) this.set(ids); // else the selection changed meanwhile
    } else if (id) {
      this.anchor = index;
      if (how === "toggle") this.set(this.has(id) ? [...this.ids].filter((one) => one !== id) : [...this.ids, id]);
      else this.set(this.size === 1 && this.has(id) ? [] : [id]);
    }
  }

  async all() {
    const picking = (this.picking += 1);
    const ids = await this.rows.ids(0, this.rows.total);
    if (picking === this.picking) this.set(ids);
  }

  set(ids: string[]) {
    this.picking += 1;
    this.ids = new Set(ids);
    void this.tell();
  }

  async tell() {
    this.changed();
    this.telling += 1;
    if (this.telling > 1) return; // the pending request is followed by the newest state
    for (let sent = -1; sent !== this.telling; ) {
      sent = this.telling;
      await this.channel.ask({ kind: "select", ids: [...this.ids] });
    }
    this.telling = 0;
    this.heard();
  }
}
