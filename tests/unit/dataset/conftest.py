"""Drafts and picture files for these tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from phoenix_nbtrain.draft import Draft, ImageRow, PairRow

TYPE = "flux.2-dev-lora"
EDIT_TYPE = "flux.2-dev-edit-lora"


def image(name: str, **rest: Any) -> ImageRow:
    """A row whose id can be read: ``img_cat`` for ``cat.png``."""
    image_id = rest.pop("image_id", "img_" + name.rpartition(".")[0].replace("/", "_"))
    return ImageRow(image_id=image_id, name=name, **rest)


def pair(number: int, source: str, target: str, instruction: str = "") -> PairRow:
    return PairRow(
        pair_id=f"pair_{number}",
        source=f"img_{source}",
        target=f"img_{target}",
        instruction=instruction,
    )


@pytest.fixture
def draft() -> Draft:
    """Four pictures, two pairs, one parameter, at revision 7."""
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
    """Return a function that writes a small picture, each colour a different file."""
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
