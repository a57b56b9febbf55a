// Drag and drop on the pair table. An image is put on the side where it is dropped, and elsewhere starts a new pair. A
// pair that is dragged by its handle is moved.

import { printable } from "../common/dom";
import { COLUMNS } from "./columns";
import type { PairCommands } from "./commands";
import type { PairView } from "./pairs";

const IMAGE_TYPE = "application/x-nbtrain-image";
const PAIR_TYPE = "application/x-nbtrain-pair";

export class PairDrop {
  /** The marked drop target, and its class. */
  over: { node: Element; as: string } | null = null;
  /** The pairs that are being moved. */
  moving: Promise<string[]> | null = null;

  constructor(
    readonly view: PairView,
    readonly commands: PairCommands,
  ) {
    const { body } = view.frame;
    for (const kind of ["dragstart", "dragover", "dragleave", "drop", "dragend"]) {
      body.addEventListener(kind, this, { signal: view.signal });
    }
  }

  handleEvent(given: Event) {
    const event = given as DragEvent;
    const { view } = this;
    const locked = Boolean(view.frame.summary.training);
    const types = event.dataTransfer?.types ?? [];
    if (event.type === "dragstart") this.start(event, locked);
    else if (event.type === "dragend") {
      this.mark(null);
      this.moving = null;
    } else if (locked) return;
    else if (types.includes(IMAGE_TYPE)) this.dragImage(event);
    else if (types.includes(PAIR_TYPE) && this.moving) this.pair(event, this.moving);
  }

  /** Start to drag a pair by its handle, together with all selected ones, or an image. */
  start(event: DragEvent, locked: boolean) {
    const { focus, rows, selection, lines } = this.view;
    const place = focus.placeOf(event.target);
    const line = place && lines.scroll.shown.get(place.index);
    if (!place || !line || !event.dataTransfer) return;
    if (event.target instanceof Element && event.target.classList.contains("nbt-grip")) {
      if (locked) return event.preventDefault();
      this.moving = selection.whole && selection.has(line.id) ? selection.ids() : Promise.resolve([line.id]);
      event.dataTransfer.setData(PAIR_TYPE, line.id);
      event.dataTransfer.setDragImage(line.row, 20, 20);
      event.dataTransfer.effectAllowed = "move";
      return;
    }
    const column = COLUMNS[place.column];
    const id = column === "source" || column === "target" ? rows.at(place.index)?.[column] : "";
    if (!id) return;
    event.dataTransfer.setData(IMAGE_TYPE, id);
    event.dataTransfer.effectAllowed = "copy";
  }

  pair(event: DragEvent, moving: Promise<string[]>) {
    const place = this.view.focus.placeOf(event.target);
    const line = place && this.view.lines.scroll.shown.get(place.index);
    const box = line?.row.getBoundingClientRect();
    if (event.type === "dragleave" || !line || !box) return this.mark(null);
    event.preventDefault();
    const after = event.clientY > box.top + box.height / 2;
    this.mark(event.type === "drop" ? null : line.row, after ? "nbt-after" : "nbt-before");
    if (event.type === "drop") void moving.then((ids) => this.commands.place(ids, line.index + Number(after)));
  }

  dragImage(event: DragEvent) {
    const place = this.view.focus.placeOf(event.target);
    const column = place ? COLUMNS[place.column] : undefined;
    const side = column === "source" || column === "target" ? column : null;
    const line = place && this.view.lines.scroll.shown.get(place.index);
    const { dataTransfer } = event;
    this.mark(event.type !== "dragover" ? null : line && side ? line[side].box : this.view.frame.body);
    if (event.type === "dragleave" || !dataTransfer) return;
    event.preventDefault();
    dataTransfer.dropEffect = "copy";
    if (event.type === "drop") this.drop(dataTransfer.getData(IMAGE_TYPE).trim().split(/\s/)[0], line?.id ?? "", side);
  }

  mark(node: Element | null, as: string = "nbt-drop") {
    if (node === this.over?.node && (!node || as === this.over?.as)) return;
    this.over?.node.classList.remove(this.over.as);
    node?.classList.add(as);
    this.over = node && { node, as };
  }

  drop(image: string, row: string, side: "source" | "target" | null) {
    const { view } = this;
    const found = view.images.byId(image);
    if (!found) return view.frame.note("That image is not in this training. Drag one from its own grid.");
    if (side && row) {
      view.edits.set("pairs", row, side, image, view.revision.seen);
      view.frame.announce(`${printable(found.name)} is now the ${side}.`);
    } else void this.commands.insert(view.rows.total, { source: image });
  }
}
