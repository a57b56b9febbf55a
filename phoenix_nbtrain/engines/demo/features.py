"""What the patch trainer sees of an image: 8×8 blocks, their surroundings, place and words."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Container
from functools import cache

import numpy as np

from phoenix_nbtrain.engines.demo.image_store import PX, Floats

BLOCK = 8
BLOCKS = (PX // BLOCK) ** 2
"""Blocks in one grid over an image."""
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
    """Return the image's blocks as rows, ``(blocks, TARGETS)``, the grid moved by ``shift``."""
    return _tiles(_moved(ink, shift), BLOCK).reshape(-1, TARGETS)


def _moved(ink: Floats, shift: tuple[int, int]) -> Floats:
    """Return the canvas without ``shift`` rows and columns at its start, white at its end."""
    if shift == (0, 0):
        return ink
    down, right = shift
    moved = np.zeros_like(ink)
    moved[: PX - down, : PX - right] = ink[down:, right:]
    return moved


def _tiles(ink: Floats, size: int) -> Floats:
    count = ink.shape[0] // size
    return ink.reshape(count, size, count, size, 3).transpose(0, 2, 1, 3, 4)


def _around(grid: Floats) -> Floats:
    """Return for each cell of a grid the `_NEAR`² cells around it, white beyond the edge."""
    half = _NEAR // 2
    padded = np.zeros((grid.shape[0] + 2 * half, grid.shape[1] + 2 * half, 3), np.float32)
    padded[half:-half, half:-half] = grid
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_NEAR, _NEAR), axis=(0, 1))
    return windows.reshape(grid.shape[0], grid.shape[1], -1)


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
        layer = np.concatenate(layers).astype(np.float32)
        self._layer, self._word_layer = layer[:-WORDS], layer[-WORDS:]
        self._bias = random.uniform(-1, 1, width).astype(np.float32)
        self._hidden = width
        self._zeros = np.zeros(width, np.float32)  # numpy's maximum is slow against a plain 0
        self.width = width + 1 + WORDS + _POSITION
        """Length of φ: the hidden layer, a constant, and words and place as they are."""
        self.words = slice(width + 1, width + 1 + WORDS)
        """The part of φ that is the words themselves."""

    def view(self, ink: Floats, shift: tuple[int, int] = (0, 0)) -> Floats:
        """Return what is seen of each block, without the words: ``(blocks, numbers)``."""
        moved = _moved(ink, shift)
        tiles = _tiles(moved, BLOCK)
        rows = tiles.shape[0]
        # Rows first: along the image's own memory that is several times as fast.
        columns = moved.reshape(rows, BLOCK, rows * BLOCK, 3).sum(axis=1)
        mean = columns.reshape(rows, rows, BLOCK, 3).sum(axis=2) / BLOCK**2
        near = _around(mean) * 2
        coarse_tiles = mean.reshape(rows // 2, 2, rows // 2, 2, 3).mean(axis=(1, 3))
        coarse = _around(coarse_tiles).repeat(2, axis=0).repeat(2, axis=1) * 2
        own = tiles.reshape(rows, rows, TARGETS) * 1.5
        where = place(shift).reshape(rows, rows, _POSITION)
        seen = np.concatenate([own, near, coarse, _strips(mean), where], axis=2)
        return seen.reshape(rows * rows, -1).astype(np.float32, copy=False)

    def seen(self, view: Floats) -> Floats:
        """Return the hidden layer before any word is said: ``(blocks, hidden)``.

        Words add the same to every block, so this much is worked out once for all prompts.
        """
        hidden: Floats = view @ self._layer
        hidden += self._bias
        return hidden

    def fill(self, out: Floats, seen: Floats, words: Floats, shift: tuple[int, int]) -> None:
        """Write φ of every block under a bag of words into ``out``: ``(blocks, width)``."""
        hidden = out[:, : self._hidden]
        np.add(seen, words @ self._word_layer, out=hidden)
        np.maximum(hidden, self._zeros, out=hidden)
        out[:, self._hidden] = 1
        out[:, self.words] = words
        out[:, -_POSITION:] = place(shift)

    def features(self, ink: Floats, words: Floats, shift: tuple[int, int] = (0, 0)) -> Floats:
        """Return φ for every block of an image under a bag of words: ``(blocks, width)``."""
        out = np.empty((BLOCKS, self.width), np.float32)
        self.fill(out, self.seen(self.view(ink, shift)), words, shift)
        return out


@cache
def place(shift: tuple[int, int]) -> Floats:
    """Return where each block of a grid lies, with squares and product: ``(blocks, 5)``."""
    start = np.arange(PX // BLOCK) * BLOCK + BLOCK / 2
    down, right = ((start + by) / PX * 2 - 1 for by in shift)
    y, x = np.meshgrid(down, right, indexing="ij")
    where = np.stack([y, x, y * y, x * x, y * x], axis=2)
    return where.reshape(BLOCKS, _POSITION).astype(np.float32)


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
