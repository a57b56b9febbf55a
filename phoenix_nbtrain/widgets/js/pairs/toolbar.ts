// The toolbar of the pair table, and the chips that lead to pairs which lack something.

import { button, counted, h, setText } from "../common/dom";
import type { PairsNeed } from "../common/messages";
import type { PairInput } from "./input";
import type { PairView } from "./pairs";

export class PairToolbar {
  private readonly count = h("span", "nbt-mute");
  private readonly add = this.command("Add pair", "", (input) => input.commands.insert(this.view.rows.total));
  private readonly bring = this.file("Import…", "import");
  private readonly export = this.file("Export…", "export");
  private readonly group = h(
    "div",
    "nbt-group",
    { role: "group", "aria-label": "Selected pairs" },
    this.count,
    this.command("Swap", "Swap source and target (Alt+→)", (input) => input.commands.swap()),
    this.command("Fill down", "Copy the first value to all (Ctrl+D)", (input) => input.commands.fillDown()),
    this.command(
      "Template…",
      "One sentence for all, with placeholders",
      () => void this.view.parts.run("template_dialog", this.view),
    ),
    this.command("Delete", "Delete the selected pairs (Ctrl+Delete)", (input) => input.commands.remove()),
  );
  readonly needs = h("div", "nbt-needs", { role: "group", "aria-label": "Pairs that need attention" });
  /** What the chips show. */
  private needed: PairsNeed[] | null | undefined = null;

  constructor(readonly view: PairView) {
    const { bar, undo, redo } = view.frame;
    const heading = h(
      "h3",
      "nbt-heading",
      {},
      "Pairs",
      h("small", "", {}, "source → target, with an edit instruction"),
    );
    const help = button("?", "nbt-btn nbt-quiet nbt-icon", () => view.help(), {
      title: "Keyboard shortcuts (Ctrl+/)",
      "aria-label": "Keyboard shortcuts",
    });
    bar.append(heading, h("span", "nbt-grow"), this.group, this.add, this.bring, this.export, undo, redo, help);
  }

  private command(text: string, title: string, work: (input: PairInput) => void) {
    return button(text, "nbt-btn", () => this.view.withInput(work), title ? { title } : {});
  }

  private file(text: string, way: "import" | "export") {
    return button(text, "nbt-btn nbt-quiet", () => void this.view.parts.run("files_dialog", this.view, way), {
      title: "CSV or JSON lines",
    });
  }

  paint() {
    const { frame, images, selection } = this.view;
    const { training, total } = frame.summary;
    this.add.disabled = this.bring.disabled = Boolean(training) || images.total < 2;
    this.export.disabled = !total;
    this.group.hidden = selection.size === 0 || Boolean(training);
    setText(this.count, `${selection.size.toLocaleString("en")} selected`);
    setText(frame.count, total ? counted(total, "pair") : "");
    this.paintNeeds();
  }

  private paintNeeds() {
    const { needs } = this.view.frame.summary;
    if (needs === this.needed) return;
    this.needed = needs;
    const chips = (needs ?? []).map((need) =>
      button(need.text, `nbt-chip nbt-${need.tone}`, () => this.view.withInput((input) => input.jump(need)), {
        title: "Go to the next one",
      }),
    );
    this.needs.replaceChildren(...chips);
    this.needs.hidden = chips.length === 0;
  }
}
