"""Images as the patch trainer holds them: ink on one square canvas.

Ink is 1 - brightness, so that white paper is zero. A canvas is `PX` × `PX` × 3.
"""

from __future__ import annotations

import tempfile
from collections.abc import Hashable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PX = 128
"""Side of the square canvas that every image is put on."""
_BYTES = PX * PX * 3

Floats = NDArray[np.float32]


def pixels_of(path: Path) -> NDArray[np.uint8]:
    """Return the pixels of an image that our own decoder wrote: ``(height, width, 3)``."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.uint8)


def on_canvas(image: NDArray[np.uint8]) -> Floats:
    """Return the image as ink, centred on the white canvas. Its longest side is `PX`."""
    return _ink(_centred(image))


def greyed(ink: Floats) -> Floats:
    """Return an image without its colours and its detail: what a style set starts from."""
    grey = ink.mean(axis=2)
    for axis in (0, 1):
        for _ in range(3):  # three boxes make nearly a Gaussian
            padded = np.pad(grey, [(2, 2) if a == axis else (0, 0) for a in (0, 1)], "edge")
            total = np.cumsum(
                np.pad(padded, [(1, 0) if a == axis else (0, 0) for a in (0, 1)]), axis
            )
            high = [slice(5, None) if a == axis else slice(None) for a in (0, 1)]
            low = [slice(None, -5) if a == axis else slice(None) for a in (0, 1)]
            grey = (total[tuple(high)] - total[tuple(low)]) / 5
    return np.repeat(grey[:, :, None], 3, axis=2).astype(np.float32)


class ImageStore:
    """Images by key, in a file without a name that ends with the process.

    A thousand of them take 49 MB of disk and no memory; reading one takes microseconds, where
    decoding it again would take milliseconds.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._places: dict[Hashable, int] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._places

    def add(self, key: Hashable, image: NDArray[np.uint8]) -> None:
        """Put an image on a canvas of its own and keep it."""
        place = len(self._places)
        self._file.seek(place * _BYTES)
        self._file.write(_centred(image).tobytes())
        self._places[key] = place

    def ink(self, key: Hashable) -> Floats:
        """Return an image as ink.

        Raises:
            KeyError: there is none under this key.
        """
        self._file.seek(self._places[key] * _BYTES)
        return _ink(np.frombuffer(self._file.read(_BYTES), np.uint8).reshape(PX, PX, 3))

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def _centred(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    canvas = np.full((PX, PX, 3), 255, np.uint8)
    top, left = (PX - height) // 2, (PX - width) // 2
    canvas[top : top + height, left : left + width] = image
    return canvas


def _ink(canvas: NDArray[np.uint8]) -> Floats:
    ink = canvas.astype(np.float32)
    ink /= 255
    return np.subtract(1, ink, out=ink)
