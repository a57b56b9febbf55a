"""Image files for these tests, made on the spot, and what can be hidden in them."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps

FORMS = ("JPEG", "PNG", "WEBP")


def scene(width: int = 48, height: int = 32) -> Image.Image:
    """An image no part of which equals another."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (max(1, height // 8), max(1, width // 8), 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def encode(form: str = "PNG", image: Image.Image | None = None, **how: Any) -> bytes:
    """An image as a file's bytes."""
    out = io.BytesIO()
    (scene() if image is None else image).save(out, form, **how)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def upright(content: bytes) -> Image.Image:
    """What a file shows, by the orientation that it states."""
    image = ImageOps.exif_transpose(opened(content))
    assert image is not None
    return image


def oriented(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


@functools.cache  # a profile holds the second in which it was made
def srgb() -> bytes:
    """A colour profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def into_png(plain: bytes, *chunks: bytes) -> bytes:
    """Put chunks behind the header of a PNG."""
    return plain[:33] + b"".join(chunks) + plain[33:]


def into_jpeg(plain: bytes, *segments: bytes) -> bytes:
    """Put segments at the start of a JPEG."""
    return plain[:2] + b"".join(segments) + plain[2:]


@functools.cache
def text_of_a_gigabyte() -> bytes:
    """A chunk of a PNG that unpacks a thousandfold."""
    packer, block = zlib.compressobj(9), bytes(1 << 24)
    packed = b"".join([*(packer.compress(block) for _ in range(64)), packer.flush()])
    return chunk(b"zTXt", b"Comment\0\0" + packed)
