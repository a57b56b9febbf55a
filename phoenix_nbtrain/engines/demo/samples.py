"""Sample pictures: what each sample prompt starts from, and what comes out as a file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoenix_nbtrain.engines.demo.features import words_in
from phoenix_nbtrain.engines.demo.image_store import PX, greyed, on_canvas
from phoenix_nbtrain.engines.demo.patch_trainer import Trainer

__all__ = ["Start", "as_png", "starts"]


@dataclass(frozen=True, slots=True)
class Start:
    """What one sample prompt is applied to."""

    prompt: str
    source: NDArray[np.float32]
    """Ink, on the canvas."""
    height: int
    width: int
    """The part of the canvas that is the picture."""


def starts(
    config: Mapping[str, Any], *, pairs: bool, contents: Mapping[str, NDArray[np.uint8]]
) -> list[Start]:
    """Return the starting point of every sample prompt.

    A sample source where one is given, else a drawing of our own: the one that the prompt names,
    or the next in line. Edit types start from its lines; the others from its grey, blurred self,
    as in training.

    Args:
        config: every parameter, under our names.
        pairs: whether the type learns from pairs.
        contents: pixels of the sample sources, by asset id.
    """
    sources = config.get("sample_sources") or ()
    found = []
    for place, prompt in enumerate(config.get("sample_prompts") or ()):
        pixels = contents[sources[place]] if sources else _drawing(prompt, place, lines=pairs)
        ink = on_canvas(pixels)
        source = ink if pairs else greyed(ink)
        found.append(Start(prompt, source, pixels.shape[0], pixels.shape[1]))
    return found


def as_png(trainer: Trainer, start: Start) -> bytes:
    """Return what the adapter makes of a start, as a PNG file of the start's own shape."""
    from PIL import Image

    ink = trainer.sample(start.source, start.prompt)
    top, left = (PX - start.height) // 2, (PX - start.width) // 2
    part = ink[top : top + start.height, left : left + start.width]
    out = io.BytesIO()
    Image.fromarray(np.round((1 - part) * 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def _drawing(prompt: str, place: int, *, lines: bool) -> NDArray[np.uint8]:
    from phoenix_nbtrain.images.drawings import ICONS, icon

    words = words_in(prompt)
    named = [name for name in ICONS if words & words_in(name.replace("-", " "))]
    name = named[0] if named else ICONS[place % len(ICONS)]
    image = icon(name, PX, style="line" if lines else "colour")
    return np.asarray(image.convert("RGB"), np.uint8)
