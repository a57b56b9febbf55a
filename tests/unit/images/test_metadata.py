"""Stripping: the maker's traces go, the pixels stay bit for bit."""

from __future__ import annotations

import contextlib
import functools
import io
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.images.header import inspect
from phoenix_nbtrain.images.metadata import strip

SECRET = "Ada Lovelace 51.5N"
XMP = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{SECRET}</x:xmpmeta>".encode()


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010F] = SECRET  # maker
    block[0x013B] = SECRET  # artist
    block.get_ifd(0x8825)[1] = "N"  # GPS
    block.get_ifd(0x8769)[0xA431] = SECRET  # serial number
    return block


@functools.cache  # a profile holds the second in which it was made
def colour_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def decoded(content: bytes) -> tuple[str, np.ndarray]:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image.mode, np.asarray(image)


def laden(encode: Any, form: str, orientation: int, image: Image.Image | None = None) -> bytes:
    """A picture with everything that can be told of its maker."""
    profile = colour_profile()
    if form == "JPEG":
        plain: bytes = encode(
            form, image, exif=exif(orientation), icc_profile=profile, comment=SECRET.encode()
        )
        iptc = b"Photoshop 3.0\0" + SECRET.encode()
        xmp = b"http://ns.adobe.com/xap/1.0/\0" + XMP
        extended = b"http://ns.adobe.com/xmp/extension/\0" + XMP
        more = b"".join(
            bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body
            for marker, body in [(0xED, iptc), (0xE1, xmp), (0xE1, extended), (0xEB, XMP)]
        )
        return plain[:2] + more + plain[2:] + b"PK\x03\x04" + SECRET.encode()
    if form == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("parameters", SECRET)
        texts.add_text("prompt", SECRET, zip=True)
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        kept: bytes = encode(
            form, image, exif=exif(orientation), icc_profile=profile, pnginfo=texts
        )
        return kept + SECRET.encode()
    webp: bytes = encode(
        form, image, exif=exif(orientation), icc_profile=profile, xmp=XMP, lossless=True
    )
    return webp


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_nothing_of_the_maker_is_left_and_no_pixel_changes(
    encode: Any, form: str, orientation: int
) -> None:
    content = laden(encode, form, orientation)
    assert SECRET.encode() in content
    clean = strip(content)
    assert SECRET.encode() not in clean
    after = Image.open(io.BytesIO(clean))
    assert dict(after.getexif()) == ({} if orientation == 1 else {0x0112: 6})
    assert not after.getexif().get_ifd(0x8825)
    assert after.info.get("icc_profile") == colour_profile()
    left = {"dpi", "icc_profile", "jfif", "jfif_version", "jfif_unit", "jfif_density", "exif"}
    assert set(after.info) <= left | {"loop", "background", "timestamp", "duration"}
    before_pixels, after_pixels = decoded(content), decoded(clean)
    assert before_pixels[0] == after_pixels[0]
    assert np.array_equal(before_pixels[1], after_pixels[1])
    assert inspect(clean) == inspect(content)
    assert strip(clean) == clean


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "1"),
        ("PNG", "L"),
        ("PNG", "LA"),
        ("PNG", "I;16"),
        ("PNG", "RGBA"),
        ("WEBP", "RGBA"),
    ],
)
def test_every_colour_mode_keeps_its_pixels(encode: Any, form: str, mode: str) -> None:
    pixels = np.arange(40 * 30 * 4, dtype=np.uint32).reshape(30, 40, 4) * 7 % 256
    image = (
        Image.fromarray((pixels[..., 0] * 257).astype(np.uint16))
        if mode == "I;16"
        else Image.fromarray(pixels.astype(np.uint8), "RGBA").convert(mode)
        if mode == "CMYK"
        else Image.fromarray(pixels.astype(np.uint8)).convert(mode)
    )
    content = encode(form, image, exif=exif(1))
    clean = strip(content)
    assert SECRET.encode() not in clean
    (mode_before, before), (mode_after, after) = decoded(content), decoded(clean)
    assert mode_before == mode_after
    assert np.array_equal(before, after)


def test_a_palette_with_transparency_keeps_both(encode: Any) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 250, 10, 20])
    content = encode("PNG", image, transparency=1)
    after = Image.open(io.BytesIO(strip(content)))
    assert after.convert("RGBA").getpixel((0, 0)) == (250, 10, 20, 0)


def test_a_picture_without_metadata_comes_back_as_it_was(encode: Any) -> None:
    for form in ("PNG", "JPEG", "WEBP"):
        content = encode(form)
        assert strip(content) == content


def test_a_scan_with_restart_markers_and_stuffed_bytes_stays_whole() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=95, restart_marker_blocks=2)
    content = out.getvalue()
    assert b"\xff\xd0" in content and b"\xff\x00" in content
    assert strip(content) == content


def test_the_thumbnail_of_a_jfif_header_goes(encode: Any) -> None:
    plain = encode("JPEG")
    body = b"JFIF\0\1\2\0\0\1\0\1\2\1" + SECRET[:6].encode()
    laden_jpeg = plain[:2] + b"\xff\xe0" + struct.pack(">H", len(body) + 2) + body + plain[20:]
    clean = strip(laden_jpeg)
    assert SECRET[:6].encode() not in clean
    assert np.array_equal(decoded(clean)[1], decoded(plain)[1])


def test_a_one_gigabyte_text_is_dropped_without_unpacking_it(encode: Any) -> None:
    packer = zlib.compressobj(9)
    block = bytes(1 << 24)
    packed = b"".join([*(packer.compress(block) for _ in range(64)), packer.flush()])
    body = b"Comment\0\0" + packed
    bomb = struct.pack(">I", len(body)) + b"zTXt" + body
    bomb += struct.pack(">I", zlib.crc32(b"zTXt" + body))
    plain = encode("PNG")
    assert strip(plain[:33] + bomb + plain[33:]) == plain


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ImageError, match="GIF"):
        strip(b"GIF89a")


FORMS = ("JPEG", "PNG", "WEBP")


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("payload.class", SECRET)
    return file.getvalue()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tail", ["zip", "html", "picture", "zeros"])
def test_a_file_that_is_two_files_becomes_the_picture_alone(
    encode: Any, form: str, tail: str
) -> None:
    plain = strip(encode(form))
    other = {
        "zip": zipped(),
        "html": f"<html><script>{SECRET}</script></html>".encode(),
        "picture": encode("JPEG"),  # as in an MPO file, whose second view follows the first
        "zeros": bytes(4096),
    }[tail]
    both = plain + other
    assert strip(both) == plain
    if tail == "zip":
        assert zipfile.is_zipfile(io.BytesIO(both))
        assert not zipfile.is_zipfile(io.BytesIO(strip(both)))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"tIME", b"prVt", b"PAGE"])
def test_a_web_page_inside_a_png_chunk_goes_too(encode: Any, kind: bytes) -> None:
    body = b"Comment\0" + f"<html>{SECRET}".encode()
    plain = encode("PNG")
    chunk = struct.pack(">I", len(body)) + kind + body
    chunk += struct.pack(">I", zlib.crc32(kind + body))
    assert strip(plain[:33] + chunk + plain[33:]) == plain


@pytest.mark.parametrize("marker", [0xF0, 0xFD, 0x02, 0xEC, 0xFE])
def test_a_segment_that_codes_no_pixel_goes(encode: Any, marker: int) -> None:
    plain = encode("JPEG")
    body = f"<html>{SECRET}".encode()
    segment = bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body
    assert strip(plain[:2] + segment + plain[2:]) == plain


def test_two_hundred_full_segments_go_without_a_trace(encode: Any) -> None:
    plain = encode("JPEG")
    segment = b"\xff\xed" + struct.pack(">H", 65535) + SECRET.encode() + bytes(65533 - len(SECRET))
    full = plain[:2] + segment * 200 + plain[2:]
    assert len(full) > 13_000_000
    assert strip(full) == plain


def test_the_views_of_a_multi_picture_file_are_not_announced(encode: Any) -> None:
    first, second = encode("JPEG"), encode("JPEG", Image.new("RGB", (9, 9), "red"))
    file = io.BytesIO()
    Image.open(io.BytesIO(first)).save(
        file, "MPO", save_all=True, append_images=[Image.open(io.BytesIO(second))]
    )
    assert b"MPF\0" in file.getvalue()
    clean = strip(file.getvalue())
    assert b"MPF\0" not in clean
    opened = Image.open(io.BytesIO(clean))
    assert (opened.format, getattr(opened, "n_frames", 1)) == ("JPEG", 1)


@pytest.mark.parametrize("form", FORMS)
def test_the_place_where_it_was_taken_is_gone_byte_for_byte(encode: Any, form: str) -> None:
    block = exif(1)
    position = block.get_ifd(0x8825)
    position[2] = (48.0, 51.0, 29.6)
    position[29] = "2026:11:24"
    content = encode(form, exif=block)
    assert b"2026:11:24" in content
    clean = strip(content)
    assert b"2026:11:24" not in clean
    assert b"Exif" not in clean
    assert b"eXIf" not in clean
    assert b"EXIF" not in clean


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", range(2, 9))
def test_every_orientation_shows_the_same_picture_after(
    encode: Any, form: str, orientation: int
) -> None:
    image = Image.new("RGB", (6, 4), "white")
    image.putpixel((0, 0), (255, 0, 0))
    content = encode(form, image, exif=exif(orientation))
    before = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    after = ImageOps.exif_transpose(Image.open(io.BytesIO(strip(content))))
    assert np.array_equal(np.asarray(before), np.asarray(after))


def sideways(encode: Any, how: str, orientation: int) -> bytes:
    """A picture that states which way up it is, but not as EXIF."""
    image = Image.new("RGB", (6, 4), "white")
    image.putpixel((0, 0), (255, 0, 0))
    form, _, packed = how.partition(" ")
    xmp = f'<x:xmpmeta><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'
    if form != "PNG":
        written: bytes = encode(form, image, xmp=xmp.encode())
        return written
    texts = PngImagePlugin.PngInfo()
    if "profile" in packed:
        block = Image.Exif()
        block[0x0112] = orientation
        digits = block.tobytes().hex()
        profile = f"\nexif\n{len(digits) // 2:8}\n{digits}\n"
        texts.add_text("Raw profile type exif", profile, zip="packed" in packed)
    else:
        texts.add_itxt("XML:com.adobe.xmp", xmp, zip="packed" in packed)
    png: bytes = encode("PNG", image, pnginfo=texts)
    return png


@pytest.mark.parametrize(
    "how",
    ["JPEG", "WEBP", "PNG", "PNG packed", "PNG profile", "PNG packed profile"],
)
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_what_xmp_or_a_text_states_of_the_orientation_is_kept_as_exif(
    encode: Any, how: str, orientation: int
) -> None:
    content = sideways(encode, how, orientation)
    before = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    clean = strip(content)
    assert inspect(clean).orientation == inspect(content).orientation == orientation
    after = Image.open(io.BytesIO(clean))
    assert dict(after.getexif()) == ({} if orientation == 1 else {0x0112: orientation})
    assert np.array_equal(np.asarray(before), np.asarray(ImageOps.exif_transpose(after)))
    assert strip(clean) == clean


def test_exif_that_says_upright_is_believed_before_xmp(encode: Any) -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    content = encode("JPEG", exif=exif(1), xmp=xmp)
    assert inspect(content).orientation == 1


@pytest.mark.parametrize("form", FORMS)
def test_half_a_picture_or_noise_is_refused_or_stripped_but_never_crashes(
    encode: Any, form: str
) -> None:
    content = laden(encode, form, 6)
    rng = np.random.default_rng(7)
    for cut in rng.integers(0, len(content), 60):
        with contextlib.suppress(ImageError):
            strip(content[:cut])
    for place, value in zip(rng.integers(0, len(content), 200), rng.bytes(200), strict=True):
        with contextlib.suppress(ImageError):
            strip(content[:place] + bytes((value,)) + content[place + 1 :])
