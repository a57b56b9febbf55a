// @ts-check
// Pictures dropped on the pair table: on a source or target they take its place, elsewhere they begin a pair.

const PICTURE_TYPE = "application/x-nbtrain-image";

class PairDrop {
  /** @param {PairView} view @param {PairCommands} commands */
  constructor(view, commands) {
    this.view = view;
    this.commands = commands;
    /** @type {Element | null} what is marked as the place to drop on */
    this.over = null;
    const { body } = view.frame;
    for (const kind of ["dragstart", "dragover", "dragleave", "drop", "dragend"]) {
      body.addEventListener(kind, this, { signal: view.signal });
    }
  }

  /** @param {Event} given */
  handleEvent(given) {
    const event = /** @type {DragEvent} */ (given);
    if (event.type === "dragstart") return this.start(event);
    if (!event.dataTransfer?.types.includes(PICTURE_TYPE) || this.view.frame.summary.training) return;
    const place = this.view.cells.placeOf(event.target);
    const column = place ? COLUMNS[place.column] : undefined;
    const side = column === "source" || column === "target" ? column : null;
    const line = place && this.view.lines.shown.get(place.index);
    if (event.type === "dragover" || event.type === "drop") event.preventDefault();
    this.mark(event.type !== "dragover" ? null : line && side ? line[side].box : this.view.frame.body);
    if (event.type === "dragover") event.dataTransfer.dropEffect = "copy";
    if (event.type === "drop") this.drop(event.dataTransfer.getData(PICTURE_TYPE).trim().split(/\s/)[0], line?.id ?? "", side);
  }

  /** A picture of the table itself can be dragged, too. @param {DragEvent} event */
  start(event) {
    const { cells, rows } = this.view;
    const place = cells.placeOf(event.target);
    const column = place ? COLUMNS[place.column] : undefined;
    const id = place && (column === "source" || column === "target") ? rows.at(place.index)?.[column] : "";
    if (!id || !event.dataTransfer) return;
    event.dataTransfer.setData(PICTURE_TYPE, id);
    event.dataTransfer.effectAllowed = "copy";
  }

  /** @param {Element | null} over */
  mark(over) {
    if (over === this.over) return;
    this.over?.classList.remove("nbt-drop");
    over?.classList.add("nbt-drop");
    this.over = over;
  }

  /** @param {string} image @param {string} row @param {"source" | "target" | null} side */
  drop(image, row, side) {
    const { view } = this;
    const picture = view.images.byId(image);
    if (!picture) return view.frame.note("That picture is not in this training. Drag one from its own grid.");
    if (side && row) {
      view.edits.set("pairs", row, side, image, view.revision.seen);
      view.frame.announce(`${plain(picture.name)} is the ${side} now.`);
    } else void this.commands.insert(view.rows.total, { source: image });
  }
}
