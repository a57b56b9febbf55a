"""Sample images: what each sample prompt starts from, and what comes out as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from phoenix_nbtrain.engines.contract import Sample, SampleFile
from phoenix_nbtrain.engines.demo.features import words_in
from phoenix_nbtrain.engines.demo.image_store import PX, greyed, on_canvas, pixels_of
from phoenix_nbtrain.engines.demo.patch_trainer import Trainer
from phoenix_nbtrain.images.drawings import ICONS, icon


@dataclass(frozen=True, slots=True)
class Start:
    """What one sample prompt is applied to."""

    prompt: str
    source: NDArray[np.float32]
    """Ink, on the canvas."""
    height: int
    width: int
    """The part of the canvas that is the image."""

    def sample(self, trainer: Trainer, folder: Path, file: str) -> SampleFile:
        """Write what the adapter makes of it, in the start's own shape."""
        ink = trainer.sample(self.source, self.prompt)
        top, left = (PX - self.height) // 2, (PX - self.width) // 2
        part = ink[top : top + self.height, left : left + self.width]
        Image.fromarray(np.round((1 - part) * 255).astype(np.uint8)).save(folder / file, "PNG")
        return SampleFile(file, self.prompt, self.width, self.height)


def start_of(sample: Sample, place: int, folder: Path, *, pairs: bool) -> Start:
    """Return the starting point of a sample prompt.

    The sample's image where there is one, else a drawing of our own: the one that the prompt
    names, or the next in line. Types that learn from pairs start from its lines, the others from
    its grey, blurred self, as in training.

    Args:
        sample: its prompt, and its image in ``folder``.
        place: its place among the samples.
        folder: the run's.
        pairs: whether the type learns from pairs.
    """
    if sample.image is None:
        pixels = _drawing(sample.prompt, place, lines=pairs)
    else:
        pixels = pixels_of(folder / sample.image)
    ink = on_canvas(pixels)
    height, width = pixels.shape[:2]
    return Start(sample.prompt, ink if pairs else greyed(ink), height, width)


def _drawing(prompt: str, place: int, *, lines: bool) -> NDArray[np.uint8]:
    words = words_in(prompt)
    named = [name for name in ICONS if words & words_in(name.replace("-", " "))]
    name = named[0] if named else ICONS[place % len(ICONS)]
    image = icon(name, PX, style="line" if lines else "colour")
    return np.asarray(image.convert("RGB"), np.uint8)
