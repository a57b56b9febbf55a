"""Fixtures of these tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from unit.dataset.drafts import image, pair

from phoenix_nbtrain.draft import Draft


@pytest.fixture
def draft() -> Draft:
    """Four images, two pairs, one parameter, at revision 7."""
    return Draft(
        revision=7,
        images=(
            image("a.png", caption="a one", width=2000, height=1500, bytes=10, content_hash="aa"),
            image("b.png", caption="b two", asset_id="asset_bbbbbbbb", attached=True),
            image("c.png"),
            image("d.png"),
        ),
        pairs=(pair(1, "a", "b", "turn"), pair(2, "c", "d")),
        config={"epochs": 12},
    )


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a small image, each colour a different file."""
    colours = iter(range(1, 250))

    def written(name: str, caption: str | None = None, **rest: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = rest.pop("colour", None) or (next(colours), 7, 99)
        form = {"jpg": "JPEG", "webp": "WEBP"}.get(path.suffix[1:], "PNG")
        Image.new("RGB", (8, 6), colour).save(path, form, **rest)
        if caption is not None:
            path.with_suffix(".txt").write_text(caption, "utf-8")
        return path

    return written
