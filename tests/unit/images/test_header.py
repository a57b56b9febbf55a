"""Header checks: what is taken, at which size, and what every other file is called."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.images.header import BYTES_MAX, GLANCE_BYTES, PIXELS_MAX, glance, inspect


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, *more: bytes, pixels: bytes = b"") -> bytes:
    """A PNG that claims a size and has hardly any pixels."""
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            *more,
            chunk(b"IDAT", pixels or zlib.compress(b"\0" * 10)),
            chunk(b"IEND", b""),
        ]
    )


def refused(content: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        inspect(content)
    assert len(str(caught.value)) <= 200
    assert caught.value.remedy
    return str(caught.value)


@pytest.mark.parametrize(
    ("form", "how"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
    ],
)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_is_the_one_people_see(
    encode: Any, form: str, how: dict[str, Any], orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(form, exif=exif, **how)
    header = inspect(content)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert upright is not None
    assert (header.width, header.height) == upright.size
    assert header.stored_size == (48, 32)
    assert header.orientation == orientation
    assert header.mime == f"image/{form.lower()}"


@pytest.mark.parametrize(
    ("mode", "form"),
    [("L", "JPEG"), ("CMYK", "JPEG"), ("P", "PNG"), ("LA", "PNG"), ("1", "PNG"), ("RGBA", "WEBP")],
)
def test_every_colour_mode_is_taken(encode: Any, mode: str, form: str) -> None:
    assert inspect(encode(form, Image.new(mode, (5, 4)))).width == 5


@pytest.mark.parametrize("size", [(1, 1), (1, 65_535)])
def test_odd_shapes_are_taken(encode: Any, size: tuple[int, int]) -> None:
    header = inspect(encode("PNG", Image.new("L", size)))
    assert (header.width, header.height) == size


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"GIF89a" + bytes(50), "GIF"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///'>]>", "SVG"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\0\0\0\x20ftypheic" + bytes(40), "HEIC"),
        (b"\0\0\0\x20ftypavif" + bytes(40), "AVIF"),
        (b"PK\x03\x04" + bytes(40), "zip"),
        (b"just words", "another kind"),
        (b"\xff\xd8\xff", "cut off"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
        (b"RIFF\x10\0\0\0WEBP", "cut off"),
        (b"RIFF\x04\0\0\0WEBP", "damaged"),
    ],
)
def test_everything_else_is_called_by_its_name(content: bytes, word: str) -> None:
    assert word in refused(content)


def test_a_name_plays_no_part_in_a_gif_that_is_an_archive_too() -> None:
    assert "GIF" in refused(b"GIF89a" + bytes(20) + b"PK\x03\x04" + bytes(100))


def test_a_jpeg_with_an_archive_behind_it_is_a_jpeg(encode: Any) -> None:
    out = io.BytesIO(encode("JPEG"))
    out.seek(0, 2)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("evil.class", b"x" * 100)
    assert inspect(out.getvalue()).format == "jpeg"


def test_a_png_with_a_web_page_in_it_is_a_png(encode: Any) -> None:
    assert inspect(encode("PNG") + b"<html><script>alert(1)</script>").format == "png"


@pytest.mark.parametrize("size", [(13_000, 13_000), (64_001, 1_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_any_is_decoded(size: tuple[int, int]) -> None:
    assert "megapixels" in refused(png_of(*size))


def test_the_largest_webp_is_refused() -> None:
    bits = (16_383 - 1) | (16_383 - 1) << 14
    body = b"\x2f" + struct.pack("<I", bits) + bytes(5)
    riff = b"WEBPVP8L" + struct.pack("<I", len(body)) + body
    assert "megapixels" in refused(b"RIFF" + struct.pack("<I", len(riff)) + riff)


def test_too_large_a_file_is_refused() -> None:
    assert "50 MB" in refused(b"\xff\xd8\xff" + bytes(BYTES_MAX))


def test_a_header_whose_checksum_is_wrong_is_refused() -> None:
    content = bytearray(png_of(5, 5))
    content[19] = 9
    assert "damaged" in refused(bytes(content))


def test_a_text_bomb_costs_the_header_check_nothing() -> None:
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9))
    assert inspect(png_of(5, 5, bomb)).width == 5


def test_two_hundred_full_segments_are_walked(encode: Any) -> None:
    plain = encode("JPEG")
    segment = b"\xff\xe5" + struct.pack(">H", 65_535) + bytes(65_533)
    assert inspect(plain[:2] + segment * 200 + plain[2:]).width == 48


def test_a_thumbnail_inside_the_exif_is_not_taken_for_the_picture(encode: Any) -> None:
    thumbnail = encode("JPEG", Image.new("RGB", (7, 7)))
    plain = encode("JPEG")
    body = b"Exif\0\0II*\0" + thumbnail
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    assert inspect(plain[:2] + segment + plain[2:]).width == 48


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_animations_are_refused(encode: Any, form: str) -> None:
    frames = [Image.new("RGB", (9, 9), c) for c in ("red", "blue")]
    content = encode(form, frames[0], save_all=True, append_images=frames[1:], duration=99)
    assert "animation" in refused(content)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_file_cut_off_anywhere_is_refused(encode: Any, form: str) -> None:
    content = encode(form)
    for length in range(len(content)):
        refused(content[:length])


@given(st.binary(max_size=200), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"]))
def test_no_bytes_raise_anything_else(tail: bytes, magic: bytes) -> None:
    for content in (magic + tail, magic + tail[:4] + b"WEBP" + tail[4:]):
        try:
            inspect(content)
        except ImageError as error:
            assert len(str(error)) <= 200


@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.data())
def test_a_flipped_byte_raises_nothing_else(form: str, data: st.DataObject) -> None:
    out = io.BytesIO()
    Image.new("RGB", (20, 10), "teal").save(out, form)
    content = bytearray(out.getvalue())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255))
    try:
        inspect(bytes(content))
    except ImageError as error:
        assert len(str(error)) <= 200


# -- at a glance ----------------------------------------------------------------------------------


class Counted(io.BytesIO):
    """A file that knows how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self.taken += len(content)
        return content


def noise(width: int = 900, height: int = 700) -> Image.Image:
    return Image.effect_noise((width, height), 90).convert("RGB")


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_glance_reads_the_start_of_a_file_only(encode: Any, form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(form, noise(), exif=exif)
    assert len(content) > 2 * GLANCE_BYTES
    file = Counted(content)
    assert glance(file) == inspect(content)
    assert file.taken == GLANCE_BYTES


def test_a_glance_of_a_small_file_or_a_webp_sees_what_is_there(encode: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    contents = [encode(form, exif=exif) for form in ("JPEG", "PNG", "WEBP")]
    contents.append(encode("WEBP", noise(), exif=exif, quality=95))
    assert len(contents[-1]) > GLANCE_BYTES
    for content in contents:
        assert glance(io.BytesIO(content)) == inspect(content)


def test_a_glance_looks_further_where_the_start_says_too_little(encode: Any) -> None:
    plain = encode("JPEG", noise())
    comments = b"".join(b"\xff\xfe\xff\xff" + bytes(65_533) for _ in range(3))
    content = plain[:2] + comments + plain[2:]
    assert glance(io.BytesIO(content)) == inspect(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.4" + bytes(100_000),
        b"\xff\xd8\xff" + bytes(100_000),
        png_of(PIXELS_MAX, 2, pixels=bytes(100_000)),
        png_of(8, 8, chunk(b"acTL", bytes(8)), pixels=bytes(100_000)),
        png_of(0, 8, pixels=bytes(100_000)),
        png_of(8, 8, pixels=bytes(BYTES_MAX)),
    ],
    ids=range(7),
)
def test_a_glance_refuses_what_the_header_refuses(content: bytes) -> None:
    with pytest.raises(ImageError) as caught:
        glance(io.BytesIO(content))
    assert str(caught.value) == refused(content)
