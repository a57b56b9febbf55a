// What a bulk change makes of each caption.

const CAPTION_BYTES = 64 * 1024;

export interface Recaption {
  way: "set" | "before" | "after" | "replace";
  text: string;
  find: string;
  exact: boolean;
}

/** Return the changed caption. */
export function recaptioned(caption: string, { way, text, find, exact }: Recaption): string {
  if (way === "set") return text;
  if (way === "before") return before(caption, text);
  if (way === "after") return after(caption, text);
  if (!find) return caption;
  const literal = find.normalize("NFC").replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  return caption.replace(new RegExp(literal, exact ? "gu" : "giu"), () => text);
}

/**
 * Put text before a caption, separated by a comma, or by the space or punctuation that it ends with. A caption that
 * contains it already is not changed.
 */
function before(caption: string, text: string) {
  const words = bare(text);
  const rest = bare(caption);
  if (!words || has(rest, words, rest.startsWith(words) && rest[words.length])) return caption;
  if (!rest) return words;
  const spaced = /[.:;!?–—]$/u.test(words) || (/\s$/u.test(text) && !/,\s*$/u.test(text));
  return words + (spaced ? " " : ", ") + rest;
}

/** Put text after a caption, likewise. */
function after(caption: string, text: string) {
  const words = bare(text);
  const rest = bare(caption);
  if (!words || has(rest, words, rest.endsWith(words) && rest[rest.length - words.length - 1])) return caption;
  if (!rest) return words;
  if (/^[.:;!?]/u.test(words)) return rest + words;
  const spaced = /[.:;!?–—]$/u.test(rest) || (/^\s/u.test(text) && !/^\s*,/u.test(text));
  return rest + (spaced ? " " : ", ") + words;
}

/** Strip spaces and commas. */
function bare(text: string) {
  return text.replace(/^[\s,]+|[\s,]+$/gu, "");
}

/** Whether a caption contains these words between commas, or at one end of it, next to the character `beside`. */
function has(caption: string, words: string, beside: string | false | undefined) {
  if (caption.split(",").some((part) => part.trim() === words)) return true;
  return beside !== false && !/[\p{L}\p{N}_-]/u.test(beside ?? "");
}

/** Why a caption would be refused; empty if it would not. */
export function captionProblem(caption: string) {
  return new TextEncoder().encode(caption).length > CAPTION_BYTES
    ? "It would be longer than 64 KiB, so it doesn't change."
    : "";
}

/** The common start and end of two texts and what differs between them, in whole words: [start, old, new, end]. */
export function difference(old: string, next: string): [string, string, string, string] {
  const [a, b] = [letters(old), letters(next)];
  let start = 0;
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  if (a.length > start + end && b.length > start + end) {
    // Whole words: "cat" to "cow" is another word, not the same "c" and other letters.
    const split = (i: number, all: string[]) => WORD.test(all[i - 1] ?? "") && WORD.test(all[i] ?? "");
    while (start > 0 && (split(start, a) || split(start, b))) start -= 1;
    while (end > 0 && (split(a.length - end, a) || split(b.length - end, b))) end -= 1;
  }
  const cut = (all: string[], from: number, to: number) => all.slice(from, to).join("");
  return [
    cut(a, 0, start),
    cut(a, start, a.length - end),
    cut(b, start, b.length - end),
    cut(a, a.length - end, a.length),
  ];
}

const WORD = /[\p{L}\p{N}]/u;

/** Split a text into grapheme clusters, so that no visible character is cut in two. */
function letters(text: string) {
  if (text.length > 4000 || !Intl.Segmenter) return Array.from(text);
  return Array.from(new Intl.Segmenter().segment(text), (part) => part.segment);
}
