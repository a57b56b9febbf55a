// @ts-check
// Small things that every view is made of. Each view's module is several files put together as text,
// this one first, so nothing is exported. Whatever comes from the kernel is text: it is set with
// textContent and never read as HTML.

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {{ [attribute: string]: string }} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
function h(tag, className = "", attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/**
 * A button. Without the attribute, JupyterLab takes "d d" typed on it for "delete the cell".
 * @param {string} text
 * @param {string} className
 * @param {() => void} onClick
 * @param {{ [attribute: string]: string }} [attributes]
 */
function button(text, className, onClick, attributes = {}) {
  const node = h("button", className, { type: "button", "data-lm-suppress-shortcuts": "", ...attributes }, text);
  node.addEventListener("click", onClick);
  return node;
}

/** @param {Element} node @param {string} text */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} node @param {string} name @param {string | null} value */
function mark(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** @param {number} n @param {string} one @param {string} [many] */
function counted(n, one, many = one + "s") {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** A stranger's name, with what would turn or hide its letters made visible. @param {string} name */
function plain(name) {
  return name.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (c) =>
    "\\u" + c.codePointAt(0)?.toString(16).padStart(4, "0"));
}

/** A text as it is compared. @param {string} text */
function low(text) {
  return text.normalize("NFC").toLocaleLowerCase().trim();
}

/** Run `work` once in the next frame, however often it is asked for.
 * @param {AbortSignal} signal @param {() => void} work */
function perFrame(signal, work) {
  let due = 0;
  return () => {
    if (due || signal.aborted) return;
    due = requestAnimationFrame(() => {
      due = 0;
      if (!signal.aborted) work();
    });
  };
}

/** Keep lines in reading order, without moving the one that has the focus: it would lose it.
 * @param {HTMLElement} space @param {HTMLElement[]} nodes */
function arrange(space, nodes) {
  // From the last: each goes before one that stands already, so that nobody else has to move for it.
  for (let i = nodes.length - 1; i >= 0; i -= 1) {
    const next = nodes[i + 1] ?? null;
    if (nodes[i].contains(document.activeElement)) continue;
    if (nodes[i].parentNode !== space || nodes[i].nextSibling !== next) space.insertBefore(nodes[i], next);
  }
}

const STATES = {
  kept: "kept on this computer",
  sending: "being sent",
  saved: "saved on the service",
  refused: "refused",
  missing: "to be looked at",
};

/** @param {HTMLElement} dot @param {string} state @param {string} reason */
function paintDot(dot, state, reason) {
  const text = (STATES[/** @type {keyof typeof STATES} */ (state)] ?? state) + (reason ? `: ${reason}` : "");
  mark(dot, "data-state", state);
  mark(dot, "title", text);
  mark(dot, "aria-label", text);
}

/** A file's name, its ending paler. @param {HTMLElement} node @param {string} name */
function paintName(node, name) {
  if (node.dataset.name === name) return;
  node.dataset.name = name;
  const [, stem, ending] = /^(.+?)(\.[A-Za-z0-9]{1,5})?$/u.exec(plain(name)) ?? [];
  node.replaceChildren(stem ?? "", ...(ending ? [h("span", "nbt-ending", {}, ending)] : []));
}
