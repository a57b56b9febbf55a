"""Pictures for these tests, made on the spot."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

Encode = Callable[..., bytes]


def scene(width: int = 48, height: int = 32, seed: int = 0) -> Image.Image:
    """A picture no part of which equals another."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (max(1, height // 8), max(1, width // 8), 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def encode() -> Encode:
    """Return a function that writes a picture as a file's bytes."""

    def encoded(form: str = "PNG", image: Image.Image | None = None, **how: Any) -> bytes:
        out = io.BytesIO()
        (scene() if image is None else image).save(out, form, **how)
        return out.getvalue()

    return encoded
