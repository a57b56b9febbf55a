// Parts of a view that are used now and then, such as its dialogs. The kernel sends them when they are first used,
// because a saved notebook holds the text of each view and need not hold theirs.

import * as channel from "./channel";
import * as dialog from "./dialog";
import * as dom from "./dom";
import type { Frame } from "./frame";
import * as thumbnails from "./thumbnails";
import * as typing from "./typing";

/** Modules by their path. A part that imports one gets it from here instead of bundling it again. */
interface Shared {
  readonly [path: string]: object;
}

/** The modules that every view of rows shares with its parts. */
const COMMON: Shared = {
  "common/channel": channel,
  "common/dialog": dialog,
  "common/dom": dom,
  "common/thumbnails": thumbnails,
  "common/typing": typing,
};

// biome-ignore lint/suspicious/noExplicitAny: each part takes what its view gives it
type Part = (...given: any[]) => unknown;

/** `P` maps the name of each part to the function that its module exports. */
export class Parts<P extends { [N in keyof P]: Part }> {
  private readonly loaded = new Map<keyof P, Promise<P[keyof P]>>();

  constructor(
    readonly frame: Frame,
    readonly channel: channel.Channel,
    readonly shared: Shared,
  ) {}

  /** Call the function that a part exports. If the part cannot be loaded, a note says so and undefined is returned. */
  async run<N extends keyof P & string>(
    name: N,
    ...given: Parameters<P[N]>
  ): Promise<Awaited<ReturnType<P[N]>> | undefined> {
    let loading = this.loaded.get(name);
    if (!loading) this.loaded.set(name, (loading = this.load(name)));
    try {
      return (await (
        await loading
      )(...given)) as Awaited<ReturnType<P[N]>>;
    } catch (error) {
      this.loaded.delete(name);
      this.frame.note(`This could not be opened: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
  }

  private async load(name: string): Promise<P[keyof P]> {
    const { reply } = await this.channel.ask({ kind: "part", name });
    if (!reply.ok) throw new Error(channel.errorText(reply));
    const url = URL.createObjectURL(new Blob([reply.text], { type: "text/javascript" }));
    try {
      const shared: Shared = { ...COMMON, ...this.shared };
      return (await import(/* @vite-ignore */ url)).default((path: string) => shared[path]);
    } finally {
      URL.revokeObjectURL(url);
    }
  }
}
