"""Images on their way into the data folder: checked, their bytes kept."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.local.service_errors import bad
from phoenix_nbtrain.local.store import Store

NewAsset = dict[str, Any]
"""The columns of an asset that are known before it has an id."""


def uploaded(store: Store, name: str, encoded: str) -> NewAsset:
    """Check an image in base64 and keep its bytes.

    Raises:
        Refused: 400, it is no base64, or no image that can be trained on.
    """
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise bad('"image" must be an image in base64') from None
    try:
        return checked_image(store, name, content)
    except ImageError as error:
        raise bad(str(error)) from None


def checked_image(store: Store, name: str, content: bytes) -> NewAsset:
    """Check an image and keep its bytes. What it is, its bytes and the decoder say.

    Raises:
        ImageError: it is no image that can be trained on.
    """
    from phoenix_nbtrain.images.header import inspect
    from phoenix_nbtrain.local.captioner import automatic_caption

    header = inspect(content)
    # The caption needs the pixels, so an image whose header lies is refused here as well.
    caption = automatic_caption(name, content)
    return {
        "name": name,
        "automatic": caption,
        "mime": header.mime,
        "width": header.width,
        "height": header.height,
        "size": len(content),
        "sha256": store.add_content(content),
        "source": "uploaded",
        "metadata": "{}",
    }


def made(store: Store, name: str, png: bytes, size: tuple[int, int], **metadata: Any) -> NewAsset:
    """Keep an image that a training made; ``metadata`` in the wire's own fields."""
    return {
        "name": name,
        "automatic": "",
        "mime": "image/png",
        "width": size[0],
        "height": size[1],
        "size": len(png),
        "sha256": store.add_content(png),
        "source": "txt2img",
        "metadata": json.dumps(metadata),
    }
