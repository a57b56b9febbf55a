"""How texts, paths, times and durations are written in messages, and names put in order."""

from __future__ import annotations

import re
import time
import unicodedata

MESSAGE_MAX = 200
"""Most characters of a message that people read."""


def shown(value: object, limit: int = 60) -> str:
    """Return ``value`` as one printable line of at most ``limit`` characters.

    Names and captions come from strangers' files: control characters, right-to-left overrides
    and lone surrogates are escaped, so that a message shows what is there and nothing else.
    """
    try:
        text = (value if isinstance(value, str) else repr(value))[: limit + 1]
    except Exception:  # an integer of over 4,300 digits, or an object with a faulty __repr__
        text = f"<{type(value).__name__}>"[: limit + 1]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def ending(path: object, limit: int = 60) -> str:
    """Return a path for a message: of a long one the end, which tells more than the start."""
    whole = str(path)
    return shown(whole if len(whole) <= limit else "…" + whole[1 - limit :], limit)


def counted(n: int, one: str) -> str:
    """Return a number with its noun: ``1 image``, ``24 images``."""
    return f"{n:,} {one if n == 1 else one + 's'}"


def lasting(seconds: float) -> str:
    """Return a finite time as people say it: ``42 s``, ``59 min 59 s``, ``1 h 5 min``."""
    whole = max(1, round(seconds))
    if whole < 3600:
        parts = ((whole // 60, "min"), (whole % 60, "s"))
    else:
        minutes = round(seconds / 60)
        parts = ((minutes // 60, "h"), (minutes % 60, "min"))
    return " ".join(f"{number:,} {unit}" for number, unit in parts if number)


def time_of(at: float) -> str:
    """Return a moment, seconds since 1970, as ``14:02``; with its date where that is not today's."""
    then = time.localtime(at)
    today = then[:3] == time.localtime()[:3]
    return time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", then)


def as_sentence(text: str, limit: int) -> str:
    """Return ``text`` as one line that ends like a sentence, of at most ``limit`` characters.

    What is too long ends with its last whole sentence, or, where the first is too long itself,
    with its last whole word.
    """
    line = shown(text.strip(), max(len(text) * 10, 1))  # escaped, nothing cut
    if not line.endswith((".", "!", "?", "…")):
        line += "."
    if len(line) <= limit:
        return line
    end = max(line.rfind(mark + " ", 0, limit + 1) for mark in ".!?")
    if end > 0:
        return line[: end + 1]
    words = line[: limit - 1].rpartition(" ")
    return (words[0] or words[2]) + "…"


def natural_key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Return a sort key under which ``img2`` comes before ``img10``."""
    parts = re.findall("[0-9]+|[^0-9]+", unicodedata.normalize("NFC", name).casefold())
    return (tuple(map(_part_key, parts)), name)


def _part_key(part: str) -> tuple[int, int, str]:
    if part[0] not in "0123456789":
        return (1, 0, part)
    # By length and then by text, not int(): Python refuses to read numbers of 4,300 digits.
    bare = part.lstrip("0")
    return (0, len(bare), bare)
