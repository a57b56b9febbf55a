"""The automatic caption: main colours and shape, and the words of the file's name.

No model looks at the image, and the caption does not pretend that one did.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

_COLOURS = {
    "black": (20, 20, 20),
    "white": (245, 245, 245),
    "grey": (128, 128, 128),
    "red": (215, 40, 40),
    "orange": (240, 140, 40),
    "yellow": (250, 220, 60),
    "green": (60, 160, 70),
    "light green": (160, 220, 120),
    "teal": (40, 160, 160),
    "light blue": (140, 200, 240),
    "blue": (45, 90, 200),
    "dark blue": (25, 40, 100),
    "purple": (125, 60, 170),
    "pink": (240, 150, 180),
    "brown": (125, 80, 45),
    "beige": (225, 205, 170),
}
_NAMES = tuple(_COLOURS)
_VALUES = np.array(list(_COLOURS.values()), np.float32)
_SHARE_MIN = 0.06
"""A colour on less of the image than this is not one of its main ones."""
_COLOURS_MAX = 3
_WORDS_MAX = 8
_PX = 64
_CODE = re.compile(r"(?i)(img|dsc|dscn|pxl|screenshot|untitled|image|photo|picture|unnamed|copy)")
"""What cameras and programs call files; it says nothing about the image."""


def automatic_caption(name: str, content: bytes) -> str:
    """Return a caption such as ``red and white, square: old telephone box``.

    Raises:
        ImageError: the image cannot be decoded.
    """
    from phoenix_nbtrain.images.decoder import pixels

    image = pixels(content, _PX)
    words = _words(name)
    seen = f"{_listed(_main_colours(image))}, {_shape(image)}"
    return f"{seen}: {' '.join(words)}" if words else seen


def _words(name: str) -> list[str]:
    stem = PurePosixPath(name.replace("\\", "/")).stem
    found = re.findall(r"[^\W\d_]{2,}", unicodedata.normalize("NFC", stem))
    return [word.lower()[:40] for word in found if not _CODE.fullmatch(word)][:_WORDS_MAX]


def _main_colours(image: NDArray[np.uint8]) -> list[str]:
    flat = image.reshape(-1, 3).astype(np.float32)
    nearest = ((flat[:, None, :] - _VALUES[None]) ** 2).sum(axis=2).argmin(axis=1)
    shares = np.bincount(nearest, minlength=len(_NAMES)) / len(flat)
    order = [int(i) for i in np.argsort(-shares, kind="stable") if shares[i] >= _SHARE_MIN]
    return [_NAMES[i] for i in order[:_COLOURS_MAX]] or [_NAMES[int(shares.argmax())]]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _shape(image: NDArray[np.uint8]) -> str:
    height, width = image.shape[:2]
    if width > 1.1 * height:
        return "wide"
    return "tall" if height > 1.1 * width else "square"
