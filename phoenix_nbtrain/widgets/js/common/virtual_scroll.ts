// Virtual scrolling: of a long list, only the lines in view exist in the page.

import { h } from "./dom";

const SPARE_KEPT = 4;

/** The lines of a list. Those that scroll out of view are used again for those that come into it. */
export class VirtualScroll<L extends { row: HTMLElement }> {
  /** The lines that exist in the page, by their place in the list. */
  readonly shown = new Map<number, L>();
  private spare: L[] = [];
  /** What the lines are put into. It is as high as the whole list. */
  readonly space = h("div", "nbt-space", { role: "presentation" });
  /** Pixels from the top of one line to the top of the next. */
  pitch = 1;

  constructor(
    readonly scroller: HTMLElement,
    private readonly newLine: () => L,
  ) {
    scroller.append(this.space);
  }

  /** Show the wanted ones of `count` lines, and no others. */
  show(wanted: Set<number>, count: number, paint: (line: L, n: number) => void) {
    for (const [n, line] of this.shown) {
      if (wanted.has(n) && n < count) continue;
      this.shown.delete(n);
      line.row.remove();
      this.spare.push(line);
    }
    const order = [...wanted].filter((n) => n >= 0 && n < count).sort((a, b) => a - b);
    const rows = order.map((n) => {
      let line = this.shown.get(n);
      if (!line) this.shown.set(n, (line = this.spare.pop() ?? this.newLine()));
      paint(line, n);
      return line.row;
    });
    arrange(this.space, rows);
    if (this.spare.length > SPARE_KEPT) this.spare.length = SPARE_KEPT;
  }

  /** Take all lines away; new ones are made for what is shown next. */
  clear() {
    for (const line of this.shown.values()) line.row.remove();
    this.shown.clear();
    this.spare = [];
  }

  /** Scroll a line into view. */
  reveal(n: number) {
    const { scroller, pitch } = this;
    const top = n * pitch;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + pitch > scroller.scrollTop + scroller.clientHeight)
      scroller.scrollTop = top + pitch - scroller.clientHeight;
  }

  /** How many lines fit at once. */
  get page() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / this.pitch));
  }
}

/** Put lines into reading order without moving the one that has the focus, which would lose it. */
function arrange(space: HTMLElement, nodes: HTMLElement[]) {
  // From the last to the first: each is inserted before one that is already in place.
  for (let i = nodes.length - 1; i >= 0; i -= 1) {
    const next = nodes[i + 1] ?? null;
    if (nodes[i].contains(document.activeElement)) continue;
    if (nodes[i].parentNode !== space || nodes[i].nextSibling !== next) space.insertBefore(nodes[i], next);
  }
}
