// Zooming and panning an image inside its stage.

const ZOOM_MOST = 16;
export const ZOOM_STEP = 1.25;

/** A point on the stage. */
type Spot = [x: number, y: number];

export class Zoom {
  width = 1;
  height = 1;
  /** CSS pixels per pixel of the image; 0 while it is fitted to the stage. */
  chosen = 0;
  x = 0;
  y = 0;
  /** Where the mouse, or each finger, holds it. */
  readonly held = new Map<number, Spot>();
  /** At the start of a drag or pinch: the point that is held, the scale, and the distance of two fingers. */
  grip: { x: number; y: number; scale: number; apart: number } | null = null;

  constructor(
    readonly stage: HTMLElement,
    readonly img: HTMLElement,
    signal: AbortSignal,
    readonly changed: () => void,
  ) {
    const size = new ResizeObserver(() => this.place());
    size.observe(stage);
    signal.addEventListener("abort", () => size.disconnect());
    stage.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.by(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), this.spot(event));
      },
      { passive: false },
    );
    stage.addEventListener("dblclick", (event) => this.toggle(this.spot(event)));
    stage.addEventListener("pointerdown", (event) => this.grab(event));
    stage.addEventListener("pointermove", (event) => this.drag(event));
    for (const kind of ["pointerup", "pointercancel"] as const)
      stage.addEventListener(kind, (event) => this.drop(event));
  }

  /** Set the size of the image, in pixels. */
  of(width: number, height: number) {
    if (width === this.width && height === this.height) return;
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    this.fit();
  }

  get fitting() {
    const { clientWidth, clientHeight } = this.stage;
    return Math.min(clientWidth / this.width, clientHeight / this.height, 1) || 1;
  }

  get scale() {
    return this.chosen || this.fitting;
  }

  fit() {
    this.to(0);
  }

  spot(event: MouseEvent): Spot {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** @param at the point that does not move; by default, the middle */
  to(scale: number, at: Spot = [this.stage.clientWidth / 2, this.stage.clientHeight / 2]) {
    const before = this.scale;
    const [px, py] = [(at[0] - this.x) / before, (at[1] - this.y) / before];
    // Never smaller than fitted. Back at that scale, it stays fitted when the stage is resized.
    this.chosen = scale < this.fitting * 1.001 ? 0 : Math.min(ZOOM_MOST, scale);
    this.x = at[0] - px * this.scale;
    this.y = at[1] - py * this.scale;
    this.place();
    this.changed();
  }

  by(factor: number, at?: Spot) {
    this.to(this.scale * factor, at);
  }

  /** Toggle between fitted and 100 %, or 200 % if it is fitted at 100 %. */
  toggle(at?: Spot) {
    if (this.chosen) this.fit();
    else this.to(this.fitting < 1 ? 1 : 2, at);
  }

  place() {
    const { stage, scale } = this;
    const inside = (at: number, size: number, room: number) =>
      size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, at));
    this.x = inside(this.x, this.width * scale, stage.clientWidth);
    this.y = inside(this.y, this.height * scale, stage.clientHeight);
    const { style } = this.img;
    style.width = `${this.width}px`;
    style.height = `${this.height}px`;
    style.transform = `translate(${this.x}px, ${this.y}px) scale(${scale})`;
    stage.classList.toggle("nbt-zoomed", this.chosen > 0);
  }

  grab(event: PointerEvent) {
    if (event.button !== 0 || this.held.size === 2 || event.target instanceof HTMLButtonElement) return;
    this.held.set(event.pointerId, this.spot(event));
    this.stage.setPointerCapture(event.pointerId);
    this.grasp();
  }

  drag(event: PointerEvent) {
    if (!this.grip || !this.held.has(event.pointerId)) return;
    this.held.set(event.pointerId, this.spot(event));
    const { x, y, scale, apart } = this.grip;
    const hold = this.hold();
    if (!apart && !this.chosen) return;
    // The point under the finger, or between two, stays there. Two fingers zoom by their distance.
    this.x = hold.x - (x * this.scale) / scale;
    this.y = hold.y - (y * this.scale) / scale;
    if (apart) this.to((scale * hold.apart) / apart, [hold.x, hold.y]);
    else this.place();
  }

  drop(event: PointerEvent) {
    if (this.held.delete(event.pointerId)) this.grasp();
  }

  /** Start again from the current position with the fingers that are there now. */
  grasp() {
    const { x, y, apart } = this.hold();
    this.grip = this.held.size ? { x: x - this.x, y: y - this.y, scale: this.scale, apart } : null;
    this.stage.classList.toggle("nbt-held", this.held.size > 0 && this.chosen > 0);
  }

  /** The centre of the pointers that hold it, and the distance of two fingers; 0 for one. */
  hold() {
    const [one = [0, 0], two = one] = this.held.values();
    return { x: (one[0] + two[0]) / 2, y: (one[1] + two[1]) / 2, apart: Math.hypot(one[0] - two[0], one[1] - two[1]) };
  }

  /** Handle a key; return whether it was one of its own. */
  key(event: KeyboardEvent) {
    if (event.key === "+" || event.key === "=") this.by(ZOOM_STEP);
    else if (event.key === "-") this.by(1 / ZOOM_STEP);
    else if (event.key === "0") this.fit();
    else if (event.key === "1") this.to(1);
    else return false;
    return true;
  }
}
