// @ts-check
// A picture to look into: it fits its stage, or is as large as one likes. Prepended to the parts that show one.

const ZOOM_MOST = 16;
const ZOOM_STEP = 1.25;

class Zoom {
  /** @param {HTMLElement} stage @param {HTMLElement} img @param {AbortSignal} signal @param {() => void} changed */
  constructor(stage, img, signal, changed) {
    this.stage = stage;
    this.img = img;
    this.changed = changed;
    this.width = this.height = 1;
    /** CSS pixels to a pixel of the picture; 0 while it fits its stage, whatever that takes. */
    this.chosen = 0;
    this.x = this.y = 0;
    const size = new ResizeObserver(() => this.place());
    size.observe(stage);
    signal.addEventListener("abort", () => size.disconnect());
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.by(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event);
    }, { passive: false });
    stage.addEventListener("dblclick", (event) => this.toggle(event));
    stage.addEventListener("pointerdown", (event) => this.grab(event));
    stage.addEventListener("pointermove", (event) => this.drag(event));
    for (const kind of /** @type {const} */ (["pointerup", "pointercancel"])) stage.addEventListener(kind, () => this.drop());
    /** @type {{ x: number, y: number } | null} */
    this.held = null;
  }

  /** What is shown, in pixels. @param {number} width @param {number} height */
  of(width, height) {
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

  /** @param {number} scale @param {MouseEvent} [event] what is under the pointer stays there */
  to(scale, event) {
    const box = this.stage.getBoundingClientRect();
    const at = event ? [event.clientX - box.left, event.clientY - box.top] : [box.width / 2, box.height / 2];
    const before = this.scale;
    const [px, py] = [(at[0] - this.x) / before, (at[1] - this.y) / before];
    // No smaller than it fits; and back at that, it fits whatever becomes of the stage.
    this.chosen = scale < this.fitting * 1.001 ? 0 : Math.min(ZOOM_MOST, scale);
    this.x = at[0] - px * this.scale;
    this.y = at[1] - py * this.scale;
    this.place();
    this.changed();
  }

  /** @param {number} factor @param {MouseEvent} [event] */
  by(factor, event) {
    this.to(this.scale * factor, event);
  }

  /** Fit, or pixel by pixel; twice that where it fits pixel by pixel. @param {MouseEvent} [event] */
  toggle(event) {
    if (this.chosen) this.fit();
    else this.to(this.fitting < 1 ? 1 : 2, event);
  }

  place() {
    const { stage, scale } = this;
    const inside = (/** @type {number} */ at, /** @type {number} */ size, /** @type {number} */ room) =>
      size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, at));
    this.x = inside(this.x, this.width * scale, stage.clientWidth);
    this.y = inside(this.y, this.height * scale, stage.clientHeight);
    const { style } = this.img;
    style.width = `${this.width}px`;
    style.height = `${this.height}px`;
    style.transform = `translate(${this.x}px, ${this.y}px) scale(${scale})`;
    stage.classList.toggle("nbt-zoomed", this.chosen > 0);
  }

  /** @param {PointerEvent} event */
  grab(event) {
    if (event.button !== 0 || !this.chosen || event.target instanceof HTMLButtonElement) return;
    this.held = { x: event.clientX - this.x, y: event.clientY - this.y };
    this.stage.setPointerCapture(event.pointerId);
    this.stage.classList.add("nbt-held");
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (!this.held) return;
    this.x = event.clientX - this.held.x;
    this.y = event.clientY - this.held.y;
    this.place();
  }

  drop() {
    this.held = null;
    this.stage.classList.remove("nbt-held");
  }

  /** Whether a key was for it. @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "+" || event.key === "=") this.by(ZOOM_STEP);
    else if (event.key === "-") this.by(1 / ZOOM_STEP);
    else if (event.key === "0") this.fit();
    else if (event.key === "1") this.to(1);
    else return false;
    return true;
  }
}
