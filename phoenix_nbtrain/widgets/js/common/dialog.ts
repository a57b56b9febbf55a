// Modal dialogs.

import { button, h } from "./dom";

/** Open a modal dialog inside the view's root, so that it gets the view's colours and key handling. */
export function openDialog(
  root: HTMLElement,
  { title, className = "", closed }: { title: string; className?: string; closed?: () => void },
) {
  const from = document.activeElement;
  const heading = h("h3", "nbt-dialog-title", {}, title);
  const body = h("div", "nbt-dialog-body");
  const foot = h("div", "nbt-dialog-foot");
  const close = () => dialog.close();
  const x = button("✕", "nbt-btn nbt-quiet nbt-icon", close, { "aria-label": "Close" });
  const head = h("div", "nbt-dialog-head", {}, heading, h("span", "nbt-grow"), x);
  const dialog = h(
    "dialog",
    `nbt-dialog ${className}`,
    { "aria-label": title, "data-lm-suppress-shortcuts": "" },
    head,
    body,
    foot,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed?.();
    if (from instanceof HTMLElement && from.isConnected) from.focus({ preventScroll: true });
  });
  root.append(dialog);
  dialog.showModal();
  return { dialog, heading, body, foot, close };
}
