// The dialogs that import and export pairs. The files are on the kernel's computer.

import { errorText } from "../common/channel";
import { openDialog } from "../common/dialog";
import { button, counted, h, setAttribute, setText } from "../common/dom";
import type { PairView } from "./pairs";

const FORMATS = [
  ["csv", "CSV"],
  ["jsonl", "JSON lines"],
] as const;

export default function files(view: PairView, way: "import" | "export") {
  return way === "import" ? bring(view) : take(view);
}

function bring(view: PairView) {
  if (view.locked()) return;
  const { body, foot, close } = openDialog(view.frame.root, { title: "Import pairs", className: "nbt-files" });
  const path = field("pairs.csv");
  const said = h("p", "nbt-lead", { role: "status" });
  const problem = h("div", "nbt-reason", { role: "alert" });
  const fates = h("div", "nbt-fates", {
    role: "region",
    "aria-label": "Result for each line",
    tabindex: "0",
    "data-lm-suppress-shortcuts": "",
  });
  fates.hidden = true;
  const text =
    "A .csv or .jsonl file with source, target and instruction, on the kernel's computer. Images are called by their names. A pair of the same two images gets the file's instruction.";
  const go = button("Import", "nbt-btn nbt-primary", () => void run());
  body.append(h("p", "nbt-mute", {}, text), path, problem, said, fates);
  foot.append(button("Close", "nbt-btn", close), go);
  path.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && void run());
  path.focus();

  async function run() {
    go.disabled = true;
    setText(problem, "");
    const { reply } = await view.channel.ask({ kind: "add pairs", path: path.value });
    go.disabled = false;
    setText(problem, reply.ok ? "" : errorText(reply));
    setText(said, reply.ok ? `${reply.summary}.` : "");
    const rows = reply.ok ? reply.rows : [];
    fates.hidden = rows.length === 0;
    fates.replaceChildren(
      ...rows.map((row) =>
        h(
          "div",
          `nbt-fate nbt-${row.fate === "refused" ? "bad" : "mute"}`,
          {},
          h("span", "", {}, `line ${row.line}`),
          h("span", "", {}, row.names),
          h("span", "", {}, `${row.fate}: ${row.reason}`),
        ),
      ),
    );
    if (reply.ok && reply.more > 0) fates.append(h("div", "nbt-mute", {}, `and ${counted(reply.more, "line")} more`));
    if (reply.ok) view.frame.announce(`Imported: ${reply.summary}.`);
  }
}

function take(view: PairView) {
  const { body, foot, close } = openDialog(view.frame.root, { title: "Export pairs", className: "nbt-files" });
  const path = field("pairs.csv");
  path.value = "pairs.csv";
  const preview = h("textarea", "nbt-input nbt-filetext", {
    readonly: "",
    rows: "8",
    "aria-label": "File contents",
    wrap: "off",
  });
  const said = h("p", "nbt-lead", { role: "status" });
  const problem = h("div", "nbt-reason", { role: "alert" });
  const choices = FORMATS.map(([format, label]) =>
    button(label, "nbt-btn", () => void show(format), { "aria-pressed": "false" }),
  );
  const over = button("Overwrite", "nbt-btn nbt-danger", () => void write(true));
  over.hidden = true;
  const copy = button("Copy", "nbt-btn", () => {
    copyText(preview.value);
    setText(said, "Copied.");
  });
  body.append(
    h("div", "nbt-ways", { role: "group", "aria-label": "Format" }, ...choices),
    preview,
    h("p", "nbt-mute", {}, "The file is saved on the kernel's computer; Import reads it back."),
    path,
    problem,
    said,
  );
  foot.append(
    copy,
    h("span", "nbt-grow"),
    button("Close", "nbt-btn", close),
    over,
    button("Write file", "nbt-btn nbt-primary", () => void write(false)),
  );
  path.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && void write(false));
  path.addEventListener("input", () => (over.hidden = true));
  path.focus();
  void show("csv");

  async function show(format: "csv" | "jsonl") {
    FORMATS.forEach(([each], i) => setAttribute(choices[i], "aria-pressed", String(each === format)));
    path.value = path.value.replace(/\.(csv|jsonl)$/i, "") + `.${format}`;
    over.hidden = true;
    const { reply } = await view.channel.ask({ kind: "pairs as text", format });
    preview.value = reply.ok ? reply.text : "";
    setText(problem, reply.ok ? "" : errorText(reply));
  }

  async function write(overwrite: boolean) {
    setText(problem, "");
    const { reply } = await view.channel.ask({ kind: "save pairs", path: path.value, overwrite });
    setText(said, reply.ok ? `Written: ${reply.path}` : "");
    const why = reply.ok ? "" : reply.error.message;
    setText(problem, why);
    over.hidden = !/different content/.test(why);
  }
}

function field(hint: string) {
  return h("input", "nbt-input", {
    "aria-label": "File on the kernel's computer",
    placeholder: hint,
    spellcheck: "false",
    autocomplete: "off",
  });
}

/** Copy a text. This needs no permission and works without TLS. */
function copyText(text: string) {
  const fill = (event: ClipboardEvent) => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  window.addEventListener("copy", fill, { capture: true, once: true });
  document.execCommand("copy");
  window.removeEventListener("copy", fill, { capture: true });
}
