"""What a name and a caption may be. Both come from strangers' files and stay plain text."""

from __future__ import annotations

import unicodedata

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import shown

CAPTION_BYTES_MAX = 64 * 1024
"""Longest caption or instruction as UTF-8. No source states the service's own limit."""
NAME_BYTES_MAX = 255
"""Longest name as UTF-8: what file systems take, so that a downloaded set can be written."""


def caption_text(value: object, what: str = "caption") -> str:
    r"""Return a caption or instruction in the form that is kept.

    Unicode is composed (NFC), so that the same words from two keyboards are the same caption, and
    line ends are ``\n``. Nothing else is changed: spaces and further lines may be meant.

    Raises:
        InputError: not a text, longer than 64 KiB, or not writable as UTF-8.
    """
    if not isinstance(value, str):
        article = "An" if what[:1] in "aeiou" else "A"
        raise InputError(
            f"{article} {what} must be text, not {shown(value, 40)}.", remedy="Put it in quotes."
        )
    if len(value) > CAPTION_BYTES_MAX:  # before any work: it may be 10 MB
        raise InputError(f"The {what} is longer than 64 KiB.", remedy="Shorten it.")
    value = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n"))
    if "\0" in value:
        raise InputError(f"The {what} contains a NUL character.", remedy="Type it again.")
    if _size(value, what) > CAPTION_BYTES_MAX:
        raise InputError(f"The {what} is longer than 64 KiB.", remedy="Shorten it.")
    return value


def name_text(value: object) -> str:
    """Return an image's name in the form that is kept: as given, without outer spaces.

    A name is not composed: ``é.png`` can be two files side by side.

    Raises:
        InputError: not a text, empty, over 255 bytes, of several lines, or not writable as UTF-8.
    """
    if not isinstance(value, str):
        raise InputError(f"A name must be text, not {shown(value, 40)}.")
    name = value.strip()
    if not name:
        raise InputError("A name cannot be empty.", remedy="It needs at least one letter.")
    if len(name) > NAME_BYTES_MAX or _size(name, "name") > NAME_BYTES_MAX:
        raise InputError("The name is longer than 255 bytes.", remedy="Shorten it.")
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in name):
        raise InputError(f"The name {shown(name)} contains a line break or control character.")
    return name


def _size(value: str, what: str) -> int:
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        raise InputError(
            f"The {what} {shown(value, 40)} contains half a character (a lone surrogate).",
            remedy="Type it again." if what != "name" else "Rename the file.",
        ) from None
