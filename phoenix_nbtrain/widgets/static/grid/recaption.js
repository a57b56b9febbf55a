// @ts-check
// Captions changed at once: what becomes of each. Prepended to the part that shows it.

const CAPTION_BYTES = 64 * 1024;

/**
 * @typedef {{ way: "set" | "before" | "after" | "replace", text: string, find: string, exact: boolean }} Recaption
 */

/** What becomes of a caption. @param {string} caption @param {Recaption} how @returns {string} */
function recaptioned(caption, { way, text, find, exact }) {
  if (way === "set") return text;
  if (way === "before") return before(caption, text);
  if (way === "after") return after(caption, text);
  if (!find) return caption;
  const literal = find.normalize("NFC").replace(/[.*+?^${}()|[\]\\\/]/g, "\\$&");
  return caption.replace(new RegExp(literal, exact ? "gu" : "giu"), () => text);
}

/** Put words before a caption: with a comma, or as whoever typed them ended them.
 * A caption that has them already stays as it is. @param {string} caption @param {string} text */
function before(caption, text) {
  const words = bare(text);
  const rest = bare(caption);
  if (!words || has(rest, words, rest.startsWith(words) && rest[words.length])) return caption;
  if (!rest) return words;
  const spaced = /[.:;!?–—]$/u.test(words) || (/\s$/u.test(text) && !/,\s*$/u.test(text));
  return words + (spaced ? " " : ", ") + rest;
}

/** Put words after a caption, likewise. @param {string} caption @param {string} text */
function after(caption, text) {
  const words = bare(text);
  const rest = bare(caption);
  if (!words || has(rest, words, rest.endsWith(words) && rest[rest.length - words.length - 1])) return caption;
  if (!rest) return words;
  if (/^[.:;!?]/u.test(words)) return rest + words;
  const spaced = /[.:;!?–—]$/u.test(rest) || (/^\s/u.test(text) && !/^\s*,/u.test(text));
  return rest + (spaced ? " " : ", ") + words;
}

/** A text without the spaces and commas around it. @param {string} text */
function bare(text) {
  return text.replace(/^[\s,]+|[\s,]+$/gu, "");
}

/** Whether a caption has these words as a part between commas, or at this end of it, next to the letter `beside`.
 * @param {string} caption @param {string} words @param {string | false | undefined} beside */
function has(caption, words, beside) {
  if (caption.split(",").some((part) => part.trim() === words)) return true;
  return beside !== false && !/[\p{L}\p{N}_-]/u.test(beside ?? "");
}

/** Why a caption cannot be taken; empty if it can. @param {string} caption */
function captionProblem(caption) {
  return new TextEncoder().encode(caption).length > CAPTION_BYTES ? "It would be longer than 64 KiB, and stays as it is." : "";
}

/** What two texts share at both ends, and what is between, in whole words: [start, gone, come, end].
 * @param {string} old @param {string} next @returns {[string, string, string, string]} */
function difference(old, next) {
  const [a, b] = [letters(old), letters(next)];
  let start = 0;
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  if (a.length > start + end && b.length > start + end) {
    // Words that became others: "cat" to "cow" is no c and two letters more.
    const split = (/** @type {number} */ i, /** @type {string[]} */ all) => WORD.test(all[i - 1] ?? "") && WORD.test(all[i] ?? "");
    while (start > 0 && (split(start, a) || split(start, b))) start -= 1;
    while (end > 0 && (split(a.length - end, a) || split(b.length - end, b))) end -= 1;
  }
  const cut = (/** @type {string[]} */ all, /** @type {number} */ from, /** @type {number} */ to) => all.slice(from, to).join("");
  return [cut(a, 0, start), cut(a, start, a.length - end), cut(b, start, b.length - end), cut(a, a.length - end, a.length)];
}

const WORD = /[\p{L}\p{N}]/u;

/** A text's letters as people see them, so that none is cut in two. @param {string} text */
function letters(text) {
  if (text.length > 4000 || !Intl.Segmenter) return Array.from(text);
  return Array.from(new Intl.Segmenter().segment(text), (part) => part.segment);
}
