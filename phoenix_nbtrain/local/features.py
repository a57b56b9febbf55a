"""What the patch trainer sees of a picture: 8×8 blocks, their surroundings, place and words.

Pictures are float arrays of ink (1 - brightness), 128×128×3, so that white paper is zero.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Container

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "PX",
    "TARGETS",
    "WORDS",
    "Extractor",
    "blocks",
    "on_canvas",
    "words_in",
    "words_of",
]

PX = 128
"""Side of the square canvas that every picture is put on."""
BLOCK = 8
TARGETS = BLOCK * BLOCK * 3
"""Numbers in one block."""
WORDS = 64
"""Length of the hashed bag of words."""
_WORD_MARKS = 6
"""Positions that one word marks, so that two words rarely share all of theirs."""
_WORD_WEIGHT = 0.5
"""Length of one word's vector."""
_NEAR = 5
"""Surroundings: this many blocks each way at full, and as many at a quarter of the resolution."""
_POSITION = 5
_STRIPS = 8

Floats = NDArray[np.float32]


def on_canvas(picture: NDArray[np.uint8]) -> Floats:
    """Return the picture as ink, centred on the white canvas. Its longest side is `PX`."""
    height, width = picture.shape[:2]
    canvas = np.zeros((PX, PX, 3), np.float32)
    top, left = (PX - height) // 2, (PX - width) // 2
    canvas[top : top + height, left : left + width] = 1 - picture.astype(np.float32) / 255
    return canvas


def words_in(text: str) -> frozenset[str]:
    """Return the words of a caption; letters are folded, so that ``Red`` and ``red`` are one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return frozenset(re.findall(r"\w+", folded))


def words_of(text: str, known: Container[str] | None = None) -> Floats:
    """Return the hashed bag of words of a caption: the sum of a vector for each word.

    Order and repetition are lost. Words that are not ``known``, if that is given, are left out.
    """
    bag = np.zeros(WORDS, np.float32)
    for word in sorted(words_in(text)):
        if known is not None and word not in known:
            continue
        digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=16).digest()
        for mark in range(_WORD_MARKS):
            bag[digest[mark] % WORDS] += 1.0 if digest[mark + 8] & 1 else -1.0
    return bag * np.float32(_WORD_WEIGHT / np.sqrt(_WORD_MARKS))


def blocks(ink: Floats, shift: tuple[int, int] = (0, 0)) -> Floats:
    """Return the picture's blocks as rows, ``(blocks, TARGETS)``, the grid moved by ``shift``."""
    return _tiles(_moved(ink, shift), BLOCK).reshape(-1, TARGETS)


def _moved(ink: Floats, shift: tuple[int, int]) -> Floats:
    """Return the canvas without ``shift`` rows and columns at its start, white at its end."""
    down, right = shift
    return np.pad(ink[down:, right:], ((0, down), (0, right), (0, 0)))


def _tiles(ink: Floats, size: int) -> Floats:
    count = ink.shape[0] // size
    return ink.reshape(count, size, count, size, 3).transpose(0, 2, 1, 3, 4)


def _around(grid: Floats) -> Floats:
    """Return for each cell of a grid the `_NEAR`² cells around it, white beyond the edge."""
    half = _NEAR // 2
    padded = np.pad(grid, ((half, half), (half, half), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_NEAR, _NEAR), axis=(0, 1))
    return windows.reshape(grid.shape[0], grid.shape[1], -1).astype(np.float32)


class Extractor:
    """The frozen random feature layer φ. The same seed gives the same layer."""

    def __init__(self, seed: int, width: int) -> None:
        random = np.random.default_rng([seed, 1])
        # How much each part of the view counts in the hidden layer.
        parts = (
            (TARGETS, 1.0),
            (3 * _NEAR * _NEAR, 1.2),
            (3 * _NEAR * _NEAR, 1.2),
            (_STRIPS, 1.5),
            (_POSITION, 1.0),
            (WORDS, 1.5),
        )
        layers = [
            random.standard_normal((size, width)) * weight / np.sqrt(size)
            if size != WORDS
            else random.standard_normal((size, width)) * weight
            for size, weight in parts
        ]
        self._layer = np.concatenate(layers).astype(np.float32)
        self._bias = random.uniform(-1, 1, width).astype(np.float32)
        self.width = width + 1 + WORDS + _POSITION
        """Length of φ: the hidden layer, a constant, and words and place as they are."""
        self.words = slice(width + 1, width + 1 + WORDS)
        """The part of φ that is the words themselves."""

    def view(self, ink: Floats, shift: tuple[int, int] = (0, 0)) -> Floats:
        """Return what is seen of each block, without the words: ``(blocks, numbers)``."""
        moved = _moved(ink, shift)
        tiles = _tiles(moved, BLOCK)
        rows = tiles.shape[0]
        mean = tiles.mean(axis=(2, 3))
        near = _around(mean) * 2
        coarse_tiles = mean.reshape(rows // 2, 2, rows // 2, 2, 3).mean(axis=(1, 3))
        coarse = _around(coarse_tiles).repeat(2, axis=0).repeat(2, axis=1) * 2
        own = tiles.reshape(rows, rows, TARGETS) * 1.5
        where = self._place(rows, shift)
        seen = np.concatenate([own, near, coarse, _strips(mean), where], axis=2)
        return seen.reshape(rows * rows, -1).astype(np.float32)

    def features(self, view: Floats, words: Floats) -> Floats:
        """Return φ for every block of a view under a bag of words: ``(blocks, width)``."""
        split = view.shape[1]
        hidden = view @ self._layer[:split] + (words @ self._layer[split:] + self._bias)
        np.maximum(hidden, 0, out=hidden)
        count = len(view)
        return np.concatenate(
            [
                hidden,
                np.ones((count, 1), np.float32),
                np.broadcast_to(words, (count, WORDS)),
                view[:, -_POSITION:],
            ],
            axis=1,
        ).astype(np.float32)

    @staticmethod
    def _place(rows: int, shift: tuple[int, int]) -> Floats:
        down = (np.arange(rows) * BLOCK + shift[0] + BLOCK / 2) / PX * 2 - 1
        right = (np.arange(rows) * BLOCK + shift[1] + BLOCK / 2) / PX * 2 - 1
        y, x = np.meshgrid(down, right, indexing="ij")
        return np.stack([y, x, y * y, x * x, y * x], axis=2).astype(np.float32)


def _strips(mean: Floats) -> Floats:
    """Return whether there is ink on the way from each block to each of the four edges.

    The coarsest view there is, and the one that tells inside from outside in a line drawing:
    per direction the most ink met, and how much in all.
    """
    dark = mean.mean(axis=2)
    views: list[Floats] = []
    for axis in (0, 1):
        for flip in (False, True):
            line = np.flip(dark, axis) if flip else dark
            most = np.maximum.accumulate(line, axis)
            total = np.minimum(np.cumsum(line, axis), 2.0) / 2
            seen = (np.minimum(most * 4, 1.0), total)
            views.extend(np.flip(view, axis) if flip else view for view in seen)
    return np.stack(views, axis=2).astype(np.float32)
