"""Taking out what an image tells about its maker, without touching a pixel.

Removed: EXIF with GPS, serial numbers and embedded thumbnails, XMP, IPTC, comments, PNG texts
(prompts among them), provenance blocks, private chunks, and bytes after the image's end.
Kept: what colours depend on (ICC profile, gamma, Adobe's transform, transparency), the resolution,
and the orientation, written as EXIF that holds nothing else.
"""

from __future__ import annotations

import struct
import zlib

from phoenix_nbtrain.images.header import inspect
from phoenix_nbtrain.images.segments import jpeg_segments, png_segments, webp_segments

_PNG_KEPT = frozenset(
    {b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"cICP", b"mDCV", b"cLLI"}
    | {b"pHYs"}
)
"""The ancillary chunks that decide how pixels look, and the resolution."""
_PNG_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_JPEG_CODING = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0), 0xD9})
"""Frames, scans, tables and the end. No decoder needs a segment that is none of these."""

_ICC, _ALPHA, _HAS_EXIF = 0x20, 0x10, 0x08
"""Flags of a WebP's ``VP8X`` chunk."""


def strip(content: bytes) -> bytes:
    """Return the image without its metadata. A second pass changes nothing more.

    Args:
        content: a JPEG, PNG or WebP file, as `inspect` takes it.

    Raises:
        ImageError: it is none.
    """
    header = inspect(content)
    exif = b"" if header.orientation == 1 else _oriented(header.orientation)
    if header.format == "jpeg":
        return _jpeg(content, exif)
    return _png(content, exif) if header.format == "png" else _webp(content, exif)


def _oriented(orientation: int) -> bytes:
    """Return EXIF that states the orientation and nothing else."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def _jpeg(content: bytes, exif: bytes) -> bytes:
    out = [b"\xff\xd8"]
    head: list[bytes] = []
    rest: list[bytes] = []
    for part in jpeg_segments(content):
        marker, body = part.kind[0], content[part.body : part.body_end]
        if marker == 0xE0:
            if body.startswith(b"JFIF\0") and len(body) >= 14 and not head:
                head.append(_segment(0xE0, body[:12] + b"\0\0"))  # its thumbnail has no size now
        elif marker == 0xEE:
            if body.startswith(b"Adobe") and len(body) >= 12:
                rest.append(_segment(0xEE, body[:12]))
        elif marker == 0xE2:
            if body.startswith(b"ICC_PROFILE\0"):
                rest.append(content[part.start : part.end])
        elif marker in _JPEG_CODING:
            rest.append(content[part.start : part.end])
    if exif:
        head.append(_segment(0xE1, b"Exif\0\0" + exif))
    return b"".join(out + head + rest)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _png(content: bytes, exif: bytes) -> bytes:
    out = [content[:8]]
    for part in png_segments(content):
        if part.kind == b"IDAT" and exif:
            crc = zlib.crc32(b"eXIf" + exif)
            out.append(struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", crc))
            exif = b""
        if part.kind in _PNG_CRITICAL or part.kind in _PNG_KEPT:
            out.append(content[part.start : part.end])
    return b"".join(out)


def _webp(content: bytes, exif: bytes) -> bytes:
    out: list[bytes] = []
    for part in webp_segments(content):
        body = content[part.body : part.body_end]
        if part.kind == b"VP8X":
            flags = body[0] & (_ICC | _ALPHA) | (_HAS_EXIF if exif else 0)
            body = bytes((flags, 0, 0, 0)) + body[4:10]
        elif part.kind not in (b"VP8 ", b"VP8L", b"ALPH", b"ICCP"):
            continue
        out.append(_chunk(part.kind, body))
    if exif:
        out.append(_chunk(b"EXIF", exif))
    chunks = b"WEBP" + b"".join(out)
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
