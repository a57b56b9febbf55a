"""Which way up an image is: what EXIF, XMP and old PNG texts state of it."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Literal

_UPRIGHT = 1
_IN_XMP = re.compile(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])(?![0-9])")
_TEXT_BYTES_MAX = 1 << 20
"""Of a packed text that is looked into; what states an orientation later than that does not."""


def of_exif(exif: bytes) -> int | None:
    """Return the orientation (1 to 8) that a block of EXIF states, if it does."""
    order: Literal["<", ">"]
    if exif[:4] == b"II*\0":
        order = "<"
    elif exif[:4] == b"MM\0*":
        order = ">"
    else:
        return None
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, directory)
        for i in range(count):
            at = directory + 2 + 12 * i
            tag, kind, number = struct.unpack_from(f"{order}HHI", exif, at)
            if tag == 0x0112 and number == 1 and kind in (3, 4):
                (value,) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", exif, at + 8)
                return int(value) if 1 <= value <= 8 else _UPRIGHT
    except struct.error:  # the block ends early: it states nothing
        pass
    return None


def of_xmp(xmp: bytes) -> int | None:
    """Return the orientation that XMP states, if it does. It counts where EXIF states none."""
    found = _IN_XMP.search(xmp)
    return int(found[1]) if found else None


def of_png_text(kind: bytes, body: bytes) -> tuple[int | None, int | None]:
    """Return what a PNG's text states as EXIF, which ImageMagick writes as hex, and as XMP."""
    keyword, _, rest = body.partition(b"\0")
    if keyword == b"Raw profile type exif" and kind in (b"tEXt", b"zTXt"):
        text = rest if kind == b"tEXt" else _inflated(rest[1:])
        # An empty line, the profile's name and its length come first.
        digits = b"".join(text.split(b"\n")[3:])
        try:
            exif = bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            return None, None
        return of_exif(exif.removeprefix(b"Exif\0\0")), None
    if keyword == b"XML:com.adobe.xmp" and kind == b"iTXt":
        packed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
        return None, of_xmp(_inflated(text) if packed else text)
    return None, None


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, _TEXT_BYTES_MAX)
    except zlib.error:
        return b""
