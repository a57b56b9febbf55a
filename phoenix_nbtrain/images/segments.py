"""The segments of a JPEG and the chunks of a PNG or WebP, walked without unpacking any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from phoenix_nbtrain.errors import ImageError

PNG_START = b"\x89PNG\r\n\x1a\n"
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""A search rather than a loop: every 256th byte of a photograph's data begins like a marker."""


class Part(NamedTuple):
    """One segment of a JPEG or chunk of a PNG or WebP: ``content[start:end]`` is all of it."""

    kind: bytes
    """The marker's second byte of a JPEG, or the four letters of a chunk."""
    start: int
    end: int
    body: int
    """Where the payload begins."""
    body_end: int


def jpeg_segments(content: bytes) -> Iterator[Part]:
    """Walk a JPEG's segments from the first after the start marker to the end marker.

    A scan (``0xDA``) is one part, with the compressed data that follows its header. Bytes that
    belong to no segment are skipped, as decoders do.

    Raises:
        ImageError: the file ends before its end marker.
    """
    at, size = 2, len(content)
    while True:
        at = content.find(b"\xff", at)
        while 0 <= at < size - 1 and content[at + 1] == 0xFF:  # fill bytes
            at += 1
        if at < 0 or at >= size - 1:
            raise _cut_off("JPEG")
        marker = content[at + 1]
        if marker == 0xD9:
            yield Part(b"\xd9", at, at + 2, at + 2, at + 2)
            return
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # they have no length
            at += 2
            continue
        if at + 4 > size:
            raise _cut_off("JPEG")
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if end > size or end < at + 4:
            raise _cut_off("JPEG")
        body_end = end
        if marker == 0xDA:
            end = _scan_end(content, end)
        yield Part(bytes((marker,)), at, end, at + 4, body_end)
        at = end


def _scan_end(content: bytes, at: int) -> int:
    """Return where a scan's data ends: at the next marker that is no restart and no stuffing."""
    found = _SCAN_END.search(content, at)
    if found is None:
        raise _cut_off("JPEG")
    return found.start()


def png_segments(content: bytes) -> Iterator[Part]:
    """Walk a PNG's chunks from ``IHDR`` to ``IEND``.

    Raises:
        ImageError: the file ends before ``IEND``.
    """
    at = len(PNG_START)
    while True:
        body = at + 8
        if body > len(content):
            raise _cut_off("PNG")
        end = body + int.from_bytes(content[at : at + 4], "big") + 4
        if end > len(content):
            raise _cut_off("PNG")
        kind = content[at + 4 : body]
        yield Part(kind, at, end, body, end - 4)
        if kind == b"IEND":
            return
        at = end


def webp_segments(content: bytes) -> Iterator[Part]:
    """Walk a WebP's top-level chunks.

    Raises:
        ImageError: the file is shorter than it says.
    """
    riff_end = 8 + int.from_bytes(content[4:8], "little")
    if riff_end > len(content):
        raise _cut_off("WebP")
    at = 12
    while at + 8 <= riff_end:
        body = at + 8
        body_end = body + int.from_bytes(content[at + 4 : body], "little")
        if body_end > riff_end:
            raise _cut_off("WebP")
        # Chunks are padded to an even length; some writers forget the last chunk's pad.
        end = min(body_end + (body_end - body) % 2, riff_end)
        yield Part(content[at : at + 4], at, end, body, body_end)
        at = end


def _cut_off(kind: str) -> ImageError:
    return ImageError(
        f"The {kind} file is cut off or damaged: it ends too early.",
        remedy="Download or copy it again.",
    )
