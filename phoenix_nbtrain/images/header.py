"""What an image file says of itself, read from its bytes without decoding anything.

The walkers over JPEG segments, PNG chunks and WebP chunks are shared with `metadata`. They trust
no length: a file that ends early, or whose parts do not add up, is an `ImageError`.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Literal

from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.images.orientation import of_exif, of_png_text, of_xmp
from phoenix_nbtrain.images.segments import (
    PNG_START,
    Part,
    jpeg_segments,
    png_segments,
    webp_segments,
)

ImageFormat = Literal["jpeg", "png", "webp"]

BYTES_MAX = 50_000_000
"""Largest image file that is read."""
PIXELS_MAX = 64_000_000
"""Most pixels that are ever decoded; 64 megapixels take 256 MB as RGBA."""
GLANCE_BYTES = 64 * 1024
"""What `glance` reads of most files: a JPEG's EXIF with its thumbnail has less."""

_TAKES = "Phoenix trains on JPEG, PNG and WebP; save it as one of these."
_AGAIN = "Open it in an image editor and save it again, or leave it out."

_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "a GIF"),
    (0, b"%PDF", "a PDF"),
    (0, b"BM", "a BMP"),
    (0, b"II*\0", "a TIFF"),
    (0, b"MM\0*", "a TIFF"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"PK\3\4", "a zip archive"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR"),
    (4, b"ftypavif", "an AVIF"),
    (4, b"ftyphei", "a HEIC"),
    (4, b"ftypmif1", "a HEIC"),
    (4, b"ftyp", "a video or HEIC"),
)
"""What people give by mistake, so that the message can call it by its name."""

_JPEG = b"\xff\xd8\xff"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of the segment that states a JPEG's size."""
_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """What an image's header says."""

    format: ImageFormat
    width: int
    """Pixels, after the orientation the file asks for."""
    height: int
    orientation: int = 1
    """As EXIF counts, 1 to 8, whatever states it. From 5 on, width and height are stored the other way round."""

    @property
    def mime(self) -> str:
        """The media type, for example ``image/jpeg``."""
        return f"image/{self.format}"

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height as they are in the file, before the orientation is applied."""
        turned = self.orientation >= 5
        return (self.height, self.width) if turned else (self.width, self.height)


def inspect(content: bytes) -> ImageHeader:
    """Return what ``content`` says it is: a JPEG, a PNG or a WebP, and its size.

    The first bytes decide, never a name, so a file that is two things at once counts as the
    image it begins as. Nothing is decompressed. That the file is whole is checked by its
    structure, so most cut-off files are found here; whether its pixels can be decoded is not.

    Raises:
        ImageError: anything else, an animation, more than 64 megapixels or 50 MB.
    """
    _check_size(len(content))
    if content.startswith(_JPEG):
        header = _jpeg(content, jpeg_segments(content))
    elif content.startswith(PNG_START):
        header = _png(content, png_segments(content))
    elif looks_like_an_image(content):
        header = _webp(content)
    else:
        raise ImageError(f"This is {_called(content)}, not a supported image.", remedy=_TAKES)
    return _bearable(header)


def glance(file: BinaryIO) -> ImageHeader:
    """Return what an image's header says, reading hardly more of the file than that.

    This is for pages of files that nobody has chosen yet; whether one is whole is not looked at.

    Raises:
        ImageError: what `inspect` refuses by the header.
    """
    _check_size(file.seek(0, io.SEEK_END))
    file.seek(0)
    start = file.read(GLANCE_BYTES)
    header = None
    with suppress(ImageError):  # what is not in the start may be further on
        if start.startswith(_JPEG):
            header = _jpeg(start, _there(jpeg_segments(start)), whole=False)
        elif start.startswith(PNG_START):
            header = _png(start, _there(png_segments(start)), whole=False)
    if header is None:
        return inspect(start + file.read(BYTES_MAX + 1 - len(start)))
    return _bearable(header)


def looks_like_an_image(start: bytes) -> bool:
    """Return whether a file that begins so would be taken for a JPEG, a PNG or a WebP."""
    return start.startswith((_JPEG, PNG_START)) or (start[:4], start[8:12]) == (b"RIFF", b"WEBP")


def _there(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield those parts that are there: what comes after is another's concern."""
    with suppress(ImageError):
        yield from parts


def _check_size(size: int) -> None:
    if not size:
        raise ImageError("The file is empty.", remedy="Export or download it again.")
    if size > BYTES_MAX:
        raise ImageError(
            f"The file is {size / 1e6:,.0f} MB.",
            remedy=f"Images of up to {BYTES_MAX // 1_000_000} MB are accepted; make it smaller.",
        )


def _bearable(header: ImageHeader) -> ImageHeader:
    if header.width * header.height > PIXELS_MAX:
        raise ImageError(
            f"The image is {header.width:,} × {header.height:,} pixels.",
            remedy=f"Up to {PIXELS_MAX // 1_000_000} megapixels are accepted; make it smaller.",
        )
    return header


def _jpeg(content: bytes, parts: Iterable[Part], *, whole: bool = True) -> ImageHeader:
    size: tuple[int, int] | None = None
    exif: int | None = None
    xmp: int | None = None
    scanned = False
    for part in parts:
        marker = part.kind[0]
        if marker == 0xDA:
            scanned = True
        elif marker == 0xE1 and not scanned:
            body = content[part.body : part.body_end]
            if body.startswith(_EXIF):
                exif = exif or of_exif(body[len(_EXIF) :])
            elif body.startswith(_XMP):
                xmp = xmp or of_xmp(body)
        elif marker in _FRAMES:
            if marker not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
                raise ImageError("This JPEG is lossless or hierarchical.", remedy=_AGAIN)
            if part.body_end - part.body < 6 or size is not None:
                raise _damaged("JPEG")
            depth, height, width = struct.unpack_from(">BHH", content, part.body)
            if depth != 8:
                raise ImageError(f"This JPEG has {depth} bits per channel.", remedy=_AGAIN)
            size = (width, height)
    if size is None or (whole and not scanned) or not all(size):
        raise _damaged("JPEG")
    return _header("jpeg", size, exif or xmp)


def _png(content: bytes, parts: Iterable[Part], *, whole: bool = True) -> ImageHeader:
    size: tuple[int, int] | None = None
    exif: int | None = None
    text: int | None = None
    xmp: int | None = None
    data = False
    for part in parts:
        if size is None:
            if part.kind != b"IHDR" or part.body_end - part.body != 13:
                raise _damaged("PNG")
            (crc,) = struct.unpack_from(">I", content, part.body_end)
            if zlib.crc32(content[part.start + 4 : part.body_end]) != crc:
                raise _damaged("PNG")
            width, height = struct.unpack_from(">II", content, part.body)
            size = (width, height)
        elif part.kind == b"IDAT":
            data = True
        elif part.kind == b"acTL":
            raise _animation("PNG")
        elif part.kind == b"eXIf":
            exif = exif or of_exif(content[part.body : part.body_end])
        elif part.kind in (b"tEXt", b"zTXt", b"iTXt"):
            stated = of_png_text(part.kind, content[part.body : part.body_end])
            text, xmp = text or stated[0], xmp or stated[1]
    if size is None or (whole and not data) or not all(0 < n < 2**31 for n in size):
        raise _damaged("PNG")
    return _header("png", size, exif or text or xmp)


def _webp(content: bytes) -> ImageHeader:
    size: tuple[int, int] | None = None
    canvas: tuple[int, int] | None = None
    exif: int | None = None
    xmp: int | None = None
    has_exif = False
    for part in webp_segments(content):
        body = content[part.body : min(part.body_end, part.body + 10)]
        if part.kind == b"VP8X" and canvas is None and len(body) == 10:
            has_exif = bool(body[0] & 0x08)
            canvas = (
                1 + int.from_bytes(body[4:7], "little"),
                1 + int.from_bytes(body[7:10], "little"),
            )
        elif part.kind == b"VP8 " and size is None:
            if len(body) < 10 or body[3:6] != b"\x9d\x01\x2a":
                raise _damaged("WebP")
            width, height = struct.unpack_from("<HH", body, 6)
            size = (width & 0x3FFF, height & 0x3FFF)
        elif part.kind == b"VP8L" and size is None:
            if len(body) < 5 or body[0] != 0x2F:
                raise _damaged("WebP")
            bits = int.from_bytes(body[1:5], "little")
            size = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        elif part.kind in (b"ANIM", b"ANMF"):
            raise _animation("WebP")
        elif part.kind == b"EXIF" and has_exif:
            exif = exif or of_exif(content[part.body : part.body_end].removeprefix(_EXIF))
        elif part.kind == b"XMP ":
            xmp = xmp or of_xmp(content[part.body : part.body_end])
    if size is None or not all(size) or (canvas is not None and canvas != size):
        raise _damaged("WebP")
    return _header("webp", size, exif or xmp)


def _header(kind: ImageFormat, stored: tuple[int, int], stated: int | None) -> ImageHeader:
    orientation = stated or 1
    width, height = stored if orientation < 5 else stored[::-1]
    return ImageHeader(format=kind, width=width, height=height, orientation=orientation)


def _called(content: bytes) -> str:
    for at, magic, name in _OTHERS:
        if content.startswith(magic, at):
            return name
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg")):
        return "an SVG or XML file"
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "a file of another kind"


def _damaged(kind: str) -> ImageError:
    return ImageError(f"The {kind} file is damaged: its header is invalid.", remedy=_AGAIN)


def _animation(kind: str) -> ImageError:
    return ImageError(f"This {kind} is an animation.", remedy="Save the frame that you want.")
