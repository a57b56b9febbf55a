"""Header checks: what is accepted, at which size, and what every other file is called."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from unit.images.files import FORMS, chunk, encode, into_jpeg, into_png, oriented, segment, upright
from unit.images.files import text_of_a_gigabyte as bomb

from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.images.header import BYTES_MAX, GLANCE_BYTES, PIXELS_MAX, glance, inspect


def png_of(width: int, height: int, *more: bytes, pixels: bytes = b"") -> bytes:
    """A PNG that claims a size and has hardly any pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", pixels or zlib.compress(b"\0" * 10))
    return b"".join([b"\x89PNG\r\n\x1a\n", header, *more, data, chunk(b"IEND", b"")])


def refused(content: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        inspect(content)
    assert len(str(caught.value)) <= 200
    assert caught.value.remedy
    return str(caught.value)


def inspected(content: bytes) -> None:
    """Hold that a file is accepted or refused, and raises nothing else."""
    try:
        inspect(content)
    except ImageError as error:
        assert len(str(error)) <= 200


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
def test_size_is_the_one_people_see(form: str, how: dict[str, Any], orientation: int) -> None:
    content = encode(form, exif=oriented(orientation), **how)
    header = inspect(content)
    assert (header.width, header.height) == upright(content).size
    assert header.stored_size == (48, 32)
    assert header.orientation == orientation
    assert header.mime == f"image/{form.lower()}"


@pytest.mark.parametrize(
    ("form", "mode", "size"),
    [
        ("JPEG", "L", (5, 4)),
        ("JPEG", "CMYK", (5, 4)),
        ("PNG", "P", (5, 4)),
        ("PNG", "LA", (5, 4)),
        ("PNG", "1", (5, 4)),
        ("WEBP", "RGBA", (5, 4)),
        ("PNG", "L", (1, 1)),
        ("PNG", "L", (1, 65_535)),
    ],
)
def test_every_colour_mode_and_shape_is_accepted(
    form: str, mode: str, size: tuple[int, int]
) -> None:
    header = inspect(encode(form, Image.new(mode, size)))
    assert (header.width, header.height) == size


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"GIF89a" + bytes(50), "GIF"),
        (b"GIF89a" + bytes(20) + b"PK\x03\x04" + bytes(100), "GIF"),
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
        (b"\xff\xd8\xff" + bytes(BYTES_MAX), "50 MB"),
        (png_of(5, 5).replace(b"\0\0\0\5", b"\0\0\0\x09", 1), "damaged"),  # its checksum is wrong
    ],
    ids=range(17),
)
def test_everything_else_is_called_by_its_name(content: bytes, word: str) -> None:
    assert word in refused(content)


def test_a_file_that_is_two_files_is_the_image_that_it_begins_as() -> None:
    archive = io.BytesIO(encode("JPEG"))
    archive.seek(0, 2)
    with zipfile.ZipFile(archive, "a") as files:
        files.writestr("evil.class", b"x" * 100)
    assert inspect(archive.getvalue()).format == "jpeg"
    assert inspect(encode("PNG") + b"<html><script>alert(1)</script>").format == "png"


@pytest.mark.parametrize("size", [(13_000, 13_000), (64_001, 1_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_any_is_decoded(size: tuple[int, int]) -> None:
    assert "megapixels" in refused(png_of(*size))


def test_the_largest_webp_is_refused() -> None:
    bits = (16_383 - 1) | (16_383 - 1) << 14
    body = b"\x2f" + struct.pack("<I", bits) + bytes(5)
    riff = b"WEBPVP8L" + struct.pack("<I", len(body)) + body
    assert "megapixels" in refused(b"RIFF" + struct.pack("<I", len(riff)) + riff)


def test_a_text_bomb_costs_the_header_check_nothing() -> None:
    assert inspect(into_png(encode(), bomb())).width == 48


def test_two_hundred_full_segments_are_walked() -> None:
    assert inspect(into_jpeg(encode("JPEG"), segment(0xE5, bytes(65_533)) * 200)).width == 48


def test_a_thumbnail_inside_the_exif_is_not_taken_for_the_image() -> None:
    thumbnail = encode("JPEG", Image.new("RGB", (7, 7)))
    exif = segment(0xE1, b"Exif\0\0II*\0" + thumbnail)
    assert inspect(into_jpeg(encode("JPEG"), exif)).width == 48


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_animations_are_refused(form: str) -> None:
    red, blue = (Image.new("RGB", (9, 9), c) for c in ("red", "blue"))
    assert "animation" in refused(
        encode(form, red, save_all=True, append_images=[blue], duration=99)
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_file_cut_off_anywhere_is_refused(form: str) -> None:
    content = encode(form)
    for length in range(len(content)):
        refused(content[:length])


@given(st.binary(max_size=200), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"]))
def test_no_bytes_raise_anything_else(tail: bytes, magic: bytes) -> None:
    inspected(magic + tail)
    inspected(magic + tail[:4] + b"WEBP" + tail[4:])


@given(st.sampled_from(FORMS), st.data())
def test_a_flipped_byte_raises_nothing_else(form: str, data: st.DataObject) -> None:
    content = bytearray(encode(form, Image.new("RGB", (20, 10), "teal")))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255))
    inspected(bytes(content))


# -- at a glance ----------------------------------------------------------------------------------


class Counted(io.BytesIO):
    """A file that knows how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self.taken += len(content)
        return content


def noise(form: str, **how: Any) -> bytes:
    """A file that is much larger than what is looked at."""
    content = encode(form, Image.effect_noise((900, 700), 90).convert("RGB"), **how)
    assert len(content) > 2 * GLANCE_BYTES
    return content


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_glance_reads_the_start_of_a_file_only(form: str, orientation: int) -> None:
    content = noise(form, exif=oriented(orientation))
    file = Counted(content)
    assert glance(file) == inspect(content)
    assert file.taken == GLANCE_BYTES


def test_a_glance_of_a_small_file_or_a_webp_sees_what_is_there() -> None:
    exif = oriented(6)
    small = [encode(form, exif=exif) for form in FORMS]
    for content in (*small, noise("WEBP", exif=exif, quality=95)):
        assert glance(io.BytesIO(content)) == inspect(content)


def test_a_glance_looks_further_where_the_start_says_too_little() -> None:
    content = into_jpeg(noise("JPEG"), segment(0xFE, bytes(65_533)) * 3)
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
