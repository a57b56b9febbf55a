"""Captions for many images at once, as operations for `edits.apply`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from phoenix_nbtrain.dataset.allowed_text import caption_text
from phoenix_nbtrain.dataset.edits import Op
from phoenix_nbtrain.dataset.left_out import Names
from phoenix_nbtrain.dataset.lookup import Lookup
from phoenix_nbtrain.draft import Draft, ImageRow
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import shown


def tokens(caption: str) -> tuple[str, ...]:
    """Return a caption's comma separated parts, without the spaces around them."""
    return tuple(part.strip() for part in caption.split(","))


def leading_words(caption: str) -> str:
    """Return what a caption opens with: its first part if more follow, else its first word."""
    first, comma, _ = caption.partition(",")
    return first.strip() if comma else caption.split(maxsplit=1)[0] if caption.split() else ""


def ensure_trigger(draft: Draft, word: str) -> tuple[Op, ...]:
    """Return the operations that let every caption open with ``word``.

    "``word, ``" is put before captions that do not have it. A caption has it where it opens with
    it as a word of its own or holds it as a whole comma separated part; upper and lower case
    differ, since the service compares bytes. An empty caption becomes the word alone.

    Raises:
        InputError: ``word`` is empty, of several lines, or holds a comma.
    """
    if not isinstance(word, str) or not word.strip():
        raise InputError(
            "A trigger word needs at least one letter.",
            remedy="Give one word, for example 'sks_style'.",
        )
    word = caption_text(word.strip(), "trigger word")
    if "," in word or "\n" in word:
        raise InputError(
            f"The trigger word {shown(word, 40)} contains a comma or a line break.",
            remedy="Give one word, for example 'sks_style'.",
        )
    captions: dict[str, str] = {}
    for row in draft.images:
        if not _has(row.caption, word):
            rest = row.caption.strip()
            captions[row.image_id] = f"{word}, {rest}" if rest else word
    return _set(draft, captions)


def set_captions(
    draft: Draft, captions: Mapping[str, str] | Callable[[ImageRow], str | None]
) -> tuple[Op, ...]:
    """Return the operations that set captions.

    Args:
        draft: the draft whose images are captioned.
        captions: a mapping from image (id, name or path) to caption, or a function that gets
            each row and returns its caption, ``None`` for "leave it". Images that a person
            removed may be in the mapping, and are passed over.

    Raises:
        InputError: an image is unknown or ambiguous, or a caption cannot be taken. All or
            nothing: then there are no operations at all.
    """
    new: dict[str, str] = {}
    if isinstance(captions, Mapping):
        lookup = Lookup(draft.images, refused=InputError)
        removed = Names(draft)
        for key, caption in captions.items():
            if key in removed:
                continue
            row = lookup.find(key)
            if row.image_id in new:
                raise InputError(f"{shown(row.name)} is given two captions.", remedy="Keep one.")
            new[row.image_id] = _checked(row, caption)
    elif callable(captions):
        for row in draft.images:
            made = captions(row)
            if made is not None:
                new[row.image_id] = _checked(row, made)
    else:
        raise InputError(
            f"Captions must be a mapping or a function, not {shown(type(captions).__name__, 40)}.",
            remedy='For example {"cat.png": "a cat"}.',
        )
    return _set(draft, new)


def _has(caption: str, word: str) -> bool:
    if word in tokens(caption):
        return True
    caption = caption.lstrip()
    after = caption[len(word) : len(word) + 1]
    return caption.startswith(word) and not (after.isalnum() or after in ("_", "-"))


def _checked(row: ImageRow, caption: object) -> str:
    try:
        return caption_text(caption)
    except InputError as error:
        raise InputError(f"{shown(row.name, 50)}: {error.message}", remedy=error.remedy) from None


def _set(draft: Draft, captions: Mapping[str, str]) -> tuple[Op, ...]:
    # The same caption again is a wish to send a refused image again. For one that is there it is
    # not: a cell that is merely run again must not overwrite what somebody else wrote.
    return tuple(
        {"op": "set", "table": "images", "row": i, "column": "caption", "value": caption}
        for i, caption in captions.items()
        if caption != draft.image[i].caption
        or (draft.image[i].refusal and not draft.image[i].attached and not draft.image[i].waits)
    )
