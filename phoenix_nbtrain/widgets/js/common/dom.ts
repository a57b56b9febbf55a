// Small things that every view is made of. Whatever comes from the kernel is text: it is set with textContent and never
// read as HTML.

/** Make an element. */
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

/** A button. Without the attribute, JupyterLab takes "d d" typed on it for "delete the cell". */
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

export function say(node: Element, text: string) {
  if (node.textContent !== text) node.textContent = text;
}

export function mark(node: Element, name: string, value: string | null) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export function counted(n: number, one: string, many: string = one + "s") {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** A stranger's name, with what would turn or hide its letters made visible. */
export function plain(name: string) {
  return name.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (c) => "\\u" + c.codePointAt(0)?.toString(16).padStart(4, "0"),
  );
}

/** A text as it is compared. */
export function low(text: string) {
  return text.normalize("NFC").toLocaleLowerCase().trim();
}

/** Run `work` once in the next frame, however often it is asked for. */
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
  kept: "kept on this computer",
  sending: "being sent",
  saved: "saved on the service",
  refused: "refused",
  missing: "to be looked at",
};

export function paintDot(dot: HTMLElement, state: string, reason: string) {
  const text = (STATES[state as keyof typeof STATES] ?? state) + (reason ? `: ${reason}` : "");
  mark(dot, "data-state", state);
  mark(dot, "title", text);
  mark(dot, "aria-label", text);
}

/** A file's name, its ending paler. */
export function paintName(node: HTMLElement, name: string) {
  if (node.dataset.name === name) return;
  node.dataset.name = name;
  const [, stem, ending] = /^(.+?)(\.[A-Za-z0-9]{1,5})?$/u.exec(plain(name)) ?? [];
  node.replaceChildren(stem ?? "", ...(ending ? [h("span", "nbt-ending", {}, ending)] : []));
}
