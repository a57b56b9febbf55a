"""Stripping: the maker's traces go, the pixels stay bit for bit."""

from __future__ import annotations

import contextlib
import io
import zipfile

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from unit.images.files import (
    FORMS,
    chunk,
    encode,
    into_jpeg,
    into_png,
    opened,
    oriented,
    segment,
    srgb,
    text_of_a_gigabyte,
    upright,
)

from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.images.header import inspect
from phoenix_nbtrain.images.metadata import strip

SECRET = "Ada Lovelace 51.5N"
XMP = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{SECRET}</x:xmpmeta>".encode()
PAGE = f"<html><script>{SECRET}</script></html>".encode()
DATE = "2026:11:24"


def exif(orientation: int) -> Image.Exif:
    """EXIF that names its maker, and when and where the image was taken."""
    block = oriented(orientation)
    block[0x010F] = SECRET  # maker
    block[0x013B] = SECRET  # artist
    block.get_ifd(0x8769)[0xA431] = SECRET  # serial number
    block.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.6), 29: DATE})  # GPS
    return block


def laden(form: str, orientation: int) -> bytes:
    """A file with everything that can be told of its maker."""
    told = {"exif": exif(orientation), "icc_profile": srgb()}
    if form == "JPEG":
        plain = encode(form, comment=SECRET.encode(), **told)
        more = [
            (0xED, b"Photoshop 3.0\0" + SECRET.encode()),
            (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
            (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + XMP),
            (0xEB, XMP),
        ]
        full = into_jpeg(plain, *(segment(marker, body) for marker, body in more))
        return full + b"PK\x03\x04" + SECRET.encode()
    if form == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("parameters", SECRET)
        texts.add_text("prompt", SECRET, zip=True)
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return encode(form, pnginfo=texts, **told) + SECRET.encode()
    return encode(form, xmp=XMP, lossless=True, **told)


def assert_same_pixels(before: bytes, after: bytes) -> None:
    assert opened(before).mode == opened(after).mode
    assert np.array_equal(np.asarray(opened(before)), np.asarray(opened(after)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_nothing_of_the_maker_is_left_and_no_pixel_changes(form: str, orientation: int) -> None:
    content = laden(form, orientation)
    clean = strip(content)
    for told in (SECRET.encode(), DATE.encode()):
        assert told in content
        assert told not in clean
    after = opened(clean)
    assert dict(after.getexif()) == ({} if orientation == 1 else {0x0112: 6})
    assert not after.getexif().get_ifd(0x8825)
    assert after.info.get("icc_profile") == srgb()
    left = {"dpi", "icc_profile", "jfif", "jfif_version", "jfif_unit", "jfif_density", "exif"}
    assert set(after.info) <= left | {"loop", "background", "timestamp", "duration"}
    assert_same_pixels(content, clean)
    assert inspect(clean) == inspect(content)
    assert strip(clean) == clean
    if orientation == 1:
        assert not any(word in clean for word in (b"Exif", b"eXIf", b"EXIF"))


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
def test_every_colour_mode_keeps_its_pixels(form: str, mode: str) -> None:
    pixels = np.arange(40 * 30 * 4, dtype=np.uint32).reshape(30, 40, 4) * 7 % 256
    if mode == "I;16":
        image = Image.fromarray((pixels[..., 0] * 257).astype(np.uint16))
    else:
        image = Image.fromarray(pixels.astype(np.uint8)).convert(mode)
    content = encode(form, image, exif=exif(1))
    clean = strip(content)
    assert SECRET.encode() not in clean
    assert_same_pixels(content, clean)


def test_a_palette_with_transparency_keeps_both() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 250, 10, 20])
    after = opened(strip(encode("PNG", image, transparency=1)))
    assert after.convert("RGBA").getpixel((0, 0)) == (250, 10, 20, 0)


@pytest.mark.parametrize("form", FORMS)
def test_an_image_without_metadata_comes_back_as_it_was(form: str) -> None:
    assert strip(encode(form)) == encode(form)


def test_a_scan_with_restart_markers_and_stuffed_bytes_stays_whole() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = encode("JPEG", Image.fromarray(noise), quality=95, restart_marker_blocks=2)
    assert b"\xff\xd0" in content and b"\xff\x00" in content
    assert strip(content) == content


def test_the_thumbnail_of_a_jfif_header_goes() -> None:
    plain = encode("JPEG")
    thumbnail = SECRET[:6].encode()
    header = segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\2\1" + thumbnail)
    clean = strip(plain[:2] + header + plain[20:])
    assert thumbnail not in clean
    assert_same_pixels(plain, clean)


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(ImageError, match="GIF"):
        strip(b"GIF89a")


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("payload.class", SECRET)
    return file.getvalue()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "other",
    # A second image follows the first in an MPO file.
    [zipped(), PAGE, encode("JPEG"), bytes(4096)],
    ids=["zip", "html", "image", "zeros"],
)
def test_a_file_that_is_two_files_becomes_the_image_alone(form: str, other: bytes) -> None:
    plain = strip(encode(form))
    assert strip(plain + other) == plain


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"tIME", b"prVt", b"PAGE"])
def test_a_web_page_inside_a_png_chunk_goes_too(kind: bytes) -> None:
    plain = encode("PNG")
    assert strip(into_png(plain, chunk(kind, b"Comment\0" + PAGE))) == plain


def test_a_text_of_a_gigabyte_is_dropped_without_unpacking_it() -> None:
    plain = encode("PNG")
    assert strip(into_png(plain, text_of_a_gigabyte())) == plain


@pytest.mark.parametrize("marker", [0xF0, 0xFD, 0x02, 0xEC, 0xFE])
def test_a_segment_that_codes_no_pixel_goes(marker: int) -> None:
    plain = encode("JPEG")
    assert strip(into_jpeg(plain, segment(marker, PAGE))) == plain


def test_two_hundred_full_segments_go_without_a_trace() -> None:
    plain = encode("JPEG")
    assert strip(into_jpeg(plain, segment(0xED, SECRET.encode().ljust(65_533)) * 200)) == plain


def test_the_views_of_a_multi_image_file_are_not_announced() -> None:
    first, second = (opened(encode("JPEG", image)) for image in (None, Image.new("RGB", (9, 9))))
    content = encode("MPO", first, save_all=True, append_images=[second])
    assert b"MPF\0" in content
    clean = strip(content)
    assert b"MPF\0" not in clean
    assert (opened(clean).format, getattr(opened(clean), "n_frames", 1)) == ("JPEG", 1)


def corner() -> Image.Image:
    """An image that shows which way up it is."""
    image = Image.new("RGB", (6, 4), "white")
    image.putpixel((0, 0), (255, 0, 0))
    return image


def sideways(how: str, orientation: int) -> bytes:
    """An image that states which way up it is, but by ``exif`` only where ``how`` says so."""
    form, _, told = how.partition(" ")
    xmp = f'<x:xmpmeta><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'
    if told == "exif":
        return encode(form, corner(), exif=exif(orientation))
    if form != "PNG":
        return encode(form, corner(), xmp=xmp.encode())
    texts = PngImagePlugin.PngInfo()
    if "profile" in told:
        digits = oriented(orientation).tobytes().hex()
        profile = f"\nexif\n{len(digits) // 2:8}\n{digits}\n"
        texts.add_text("Raw profile type exif", profile, zip="packed" in told)
    else:
        texts.add_itxt("XML:com.adobe.xmp", xmp, zip="packed" in told)
    return encode(form, corner(), pnginfo=texts)


@pytest.mark.parametrize(
    ("how", "orientation"),
    [(f"{form} exif", n) for form in FORMS for n in range(2, 9)]
    + [
        (how, n)
        for how in ("JPEG", "WEBP", "PNG", "PNG packed", "PNG profile", "PNG packed profile")
        for n in (1, 3, 6)
    ],
)
def test_whatever_states_the_orientation_it_is_kept_as_exif(how: str, orientation: int) -> None:
    content = sideways(how, orientation)
    clean = strip(content)
    assert inspect(clean).orientation == inspect(content).orientation == orientation
    stated = {} if orientation == 1 else {0x0112: orientation}
    assert dict(opened(clean).getexif()) == stated
    assert np.array_equal(np.asarray(upright(content)), np.asarray(upright(clean)))
    assert strip(clean) == clean


def test_exif_that_says_upright_is_believed_before_xmp() -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    assert inspect(encode("JPEG", exif=exif(1), xmp=xmp)).orientation == 1


@pytest.mark.parametrize("form", FORMS)
def test_half_an_image_or_noise_is_refused_or_stripped_but_never_crashes(form: str) -> None:
    content = laden(form, 6)
    rng = np.random.default_rng(7)
    cut = [content[:at] for at in rng.integers(0, len(content), 60)]
    places = zip(rng.integers(0, len(content), 200), rng.bytes(200), strict=True)
    noisy = [content[:at] + bytes((value,)) + content[at + 1 :] for at, value in places]
    for broken in cut + noisy:
        with contextlib.suppress(ImageError):
            strip(broken)
