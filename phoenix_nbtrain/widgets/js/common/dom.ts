// DOM helpers that all views use. Text from the kernel is only ever set as textContent, never parsed as HTML.

/** Create an element. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  attributes: { [attribute: string]: string } = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Create a button. Without the attribute, JupyterLab deletes the cell when "d d" is typed on it. */
export function button(
  text: string,
  className: string,
  onClick: () => void,
  attributes: { [attribute: string]: string } = {},
) {
  const node = h("button", className, { type: "button", "data-lm-suppress-shortcuts": "", ...attributes }, text);
  node.addEventListener("click", onClick);
  return node;
}

export function setText(node: Element, text: string) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node: Element, name: string, value: string | null) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export function counted(n: number, one: string, many: string = one + "s") {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** Escape control and bidirectional characters, which could disguise a file name. */
export function printable(name: string) {
  return name.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (c) => "\\u" + c.codePointAt(0)?.toString(16).padStart(4, "0"),
  );
}

/** Normalize a text for comparison. */
export function comparable(text: string) {
  return text.normalize("NFC").toLocaleLowerCase().trim();
}

/** Return a function that runs `work` once in the next frame, however often it is called before. */
export function perFrame(signal: AbortSignal, work: () => void) {
  let due = 0;
  return () => {
    if (due || signal.aborted) return;
    due = requestAnimationFrame(() => {
      due = 0;
      if (!signal.aborted) work();
    });
  };
}

const STATES = {
  kept: "saved locally",
  sending: "being sent",
  saved: "saved on the service",
  refused: "refused",
  missing: "to be looked at",
};

export function paintDot(dot: HTMLElement, state: string, reason: string) {
  const text = (STATES[state as keyof typeof STATES] ?? state) + (reason ? `: ${reason}` : "");
  setAttribute(dot, "data-state", state);
  setAttribute(dot, "title", text);
  setAttribute(dot, "aria-label", text);
}

/** Show a file name, its extension in a paler colour. */
export function paintName(node: HTMLElement, name: string) {
  if (node.dataset.name === name) return;
  node.dataset.name = name;
  const [, stem, ending] = /^(.+?)(\.[A-Za-z0-9]{1,5})?$/u.exec(printable(name)) ?? [];
  node.replaceChildren(stem ?? "", ...(ending ? [h("span", "nbt-ending", {}, ending)] : []));
}
