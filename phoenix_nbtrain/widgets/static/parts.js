// @ts-check
// Parts of a view that are wanted now and then, such as its dialogs. They come from the kernel when
// they are first opened: a saved notebook holds the text of each view, and need not hold theirs.

/** What a part may use of what is here already. */
const kit = { h, button, say, mark, counted, newId, plain, low, perFrame, paintDot, paintName, paintPicture, words };
/** @typedef {typeof kit} Kit */

class Parts {
  /** @param {Frame} frame @param {Channel} channel @param {{ [name: string]: any }} [more] what its view lends besides */
  constructor(frame, channel, more = {}) {
    this.frame = frame;
    this.channel = channel;
    this.kit = { ...kit, ...more };
    /** @type {Map<string, Promise<(kit: Kit, ...given: any[]) => any>>} */
    this.loaded = new Map();
  }

  /** Run a part: call the function that its module exports.
   * @param {string} name @param {...any} given */
  async run(name, ...given) {
    if (!this.loaded.has(name)) this.loaded.set(name, this.load(name));
    try {
      return await (await /** @type {Promise<any>} */ (this.loaded.get(name)))(this.kit, ...given);
    } catch (error) {
      this.loaded.delete(name);
      this.frame.note(`This could not be opened: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** @param {string} name */
  async load(name) {
    const { reply } = await this.channel.ask({ kind: "part", name });
    if (!reply.ok) throw new Error(words(reply));
    const url = URL.createObjectURL(new Blob([reply.text], { type: "text/javascript" }));
    try {
      return (await import(/* @vite-ignore */ url)).default;
    } finally {
      URL.revokeObjectURL(url);
    }
  }
}
