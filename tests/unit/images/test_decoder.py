"""Decoding at a distance: right pixels, and no image that harms the kernel."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from unit.images.files import (
    chunk,
    encode,
    into_png,
    opened,
    oriented,
    srgb,
    text_of_a_gigabyte,
    upright,
)

import phoenix_nbtrain
from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.images import _decoder_main as child
from phoenix_nbtrain.images import decoder as decoder_module
from phoenix_nbtrain.images.decoder import Decoder

PACKAGE = Path(phoenix_nbtrain.__file__).parents[1]


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(seconds=10)
    yield decoder
    decoder.close()


def children() -> list[psutil.Process]:
    """Return the decoder's children. A local Phoenix of an earlier test may leave a zombie."""
    alive = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    return [p for p in alive if "_decoder_main" in " ".join(p.cmdline())]


def started(before: list[psutil.Process]) -> list[psutil.Process]:
    """Return the children that were started since."""
    return [p for p in children() if p not in before]


@pytest.fixture
def lone() -> Iterator[Decoder]:
    """A decoder of this test's own, with one child."""
    decoder = Decoder(children=1)
    yield decoder
    decoder.close()


def refused(decoder: Decoder, content: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decoder.pixels(content, 32)
    assert len(str(caught.value)) <= 200
    return str(caught.value)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_upright(decoder: Decoder, form: str, orientation: int) -> None:
    content = encode(form, exif=oriented(orientation), lossless=True)
    shown = np.asarray(upright(content).convert("RGB"))
    assert np.array_equal(decoder.pixels(content, 48), shown)


def test_transparent_pixels_are_white_and_do_not_bleed(decoder: Decoder) -> None:
    image = Image.new("RGBA", (64, 32), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 32, 32))
    for content in (encode("PNG", image), encode("PNG", image.quantize(4))):
        pixels = decoder.pixels(content, 32).astype(int)
        assert tuple(pixels[8, 2]) == (0, 0, 255)
        assert tuple(pixels[8, 30]) == (255, 255, 255)
        assert (pixels[..., 2] >= 250).all()  # a bleeding red would darken the edge's blue


def test_sixteen_bits_keep_their_range(decoder: Decoder) -> None:
    ramp = np.linspace(0, 65_535, 64 * 64).astype(np.uint16).reshape(64, 64)
    pixels = decoder.pixels(encode("PNG", Image.fromarray(ramp)), 64)
    assert pixels[0, 0, 0] == 0
    assert 126 <= pixels[32, 0, 0] <= 129
    assert pixels[-1, -1, 0] == 255


def mean_colour(decoder: Decoder, content: bytes) -> tuple[int, ...]:
    mean = decoder.pixels(content, 64).reshape(-1, 3).mean(axis=0)
    return tuple(round(float(channel)) for channel in mean)


def test_print_colours_become_screen_colours(decoder: Decoder) -> None:
    image = Image.new("RGB", (40, 40), (200, 40, 60))
    mean = mean_colour(decoder, encode("JPEG", image.convert("CMYK"), quality=95))
    assert np.abs(np.array(mean) - (200, 40, 60)).max() <= 4


def test_a_wide_gamut_is_brought_to_the_screens(decoder: Decoder) -> None:
    """A phone's image looked dull: its numbers were shown without their profile."""
    # sRGB's own profile with red and green swapped, so that the effect cannot be overlooked
    profile = bytearray(srgb())
    red, green = profile.find(b"rXYZ"), profile.find(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    content = encode("PNG", Image.new("RGB", (8, 8), (255, 0, 0)), icc_profile=bytes(profile))
    shown = mean_colour(decoder, content)
    assert shown[1] > 200 > shown[0]


def test_a_profile_that_says_what_a_screen_expects_changes_nothing_and_costs_nothing() -> None:
    same = srgb()
    other = same.replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")
    assert child.into_srgb(same) is None
    assert child.into_srgb(other) is not None
    image = Image.effect_mandelbrot((16, 16), (-2, -1, 1, 1), 50).convert("RGB")
    before = image.tobytes()
    assert child.in_srgb(image, same).tobytes() == before
    assert child.in_srgb(image, b"no profile").tobytes() == before


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(1280, 960), (700, 1100), (257, 40)])
def test_a_thumbnail_shows_what_a_careful_one_shows(
    decoder: Decoder, form: str, size: tuple[int, int]
) -> None:
    image = Image.effect_mandelbrot(size, (-2, -1.2, 0.8, 1.2), 60).convert("RGB")
    small = decoder.thumbnail(encode(form, image, quality=95), 256)
    careful = np.asarray(image.resize((small.width, small.height), Image.Resampling.LANCZOS), float)
    difference = np.asarray(opened(small.content), float) - careful
    assert max(small.width, small.height) == 256
    assert np.sqrt((difference**2).mean()) < 9


def test_a_thumbnail_tells_its_mean_colour(decoder: Decoder) -> None:
    image = Image.new("RGB", (300, 200), (10, 200, 30))
    image.paste((110, 0, 130), (0, 0, 150, 200))
    assert decoder.thumbnail(encode("PNG", image), 64).colour == "#3c6450"


@pytest.mark.parametrize(
    ("size", "px", "shape"),
    [
        ((48, 32), 24, (16, 24)),
        ((32, 48), 24, (24, 16)),
        ((48, 32), 96, (64, 96)),
        ((1, 1), 8, (8, 8)),
        ((1, 65_535), 100, (100, 1)),
    ],
)
def test_the_longest_side_is_what_was_asked(
    decoder: Decoder, size: tuple[int, int], px: int, shape: tuple[int, int]
) -> None:
    content = encode("PNG", Image.new("RGB", size, "teal"))
    pixels = decoder.pixels(content, px)
    assert pixels.shape == (*shape, 3)
    assert pixels.dtype == np.uint8
    assert tuple(pixels[0, 0]) == (0, 128, 128)


def test_thumbnails_shrink_and_never_grow(decoder: Decoder) -> None:
    content = encode("JPEG", Image.new("RGB", (300, 200), (10, 200, 30)))
    small = decoder.thumbnail(content, 64)
    shown = opened(small.content)
    assert small.mime == "image/jpeg"
    assert (small.width, small.height) == shown.size == (64, 43)
    assert np.abs(np.asarray(shown).astype(int) - (10, 200, 30)).max() <= 6
    assert decoder.thumbnail(content, 1024).width == 300


@pytest.mark.parametrize("px", [0, -1, 1 << 20, True, 3.5])
def test_a_size_that_makes_no_sense_is_refused(decoder: Decoder, px: Any) -> None:
    with pytest.raises(ImageError, match="px"):
        decoder.thumbnail(encode(), px)


def test_damaged_pixels_cost_that_image_only(decoder: Decoder) -> None:
    good = encode("PNG")
    bad = bytearray(good)
    at = good.index(b"IDAT")
    bad[at + 4 : at + 24] = bytes(20)
    assert "cannot be decoded" in refused(decoder, bytes(bad))
    assert decoder.pixels(good, 8).shape[1] == 8


def test_missing_pixels_are_not_painted_grey(decoder: Decoder) -> None:
    """A file whose structure is whole while half of its pixels are missing."""
    whole = encode("PNG", Image.effect_noise((64, 64), 90))
    at = whole.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", whole, at)
    half = chunk(b"IDAT", whole[at + 8 : at + 8 + length // 2])
    refused(decoder, whole[:at] + half + whole[-12:])


def test_a_text_of_a_gigabyte_is_refused(decoder: Decoder) -> None:
    bomb = text_of_a_gigabyte()
    before = time.monotonic()
    assert "large" in refused(decoder, into_png(encode("PNG"), bomb))
    assert time.monotonic() - before < 5


def test_a_size_that_the_decoder_sees_otherwise_is_refused() -> None:
    with pytest.raises(ValueError, match="disagree"):
        child.opened({"format": "png", "stored_size": [1, 1]}, encode("PNG"))


def test_the_child_has_a_memory_limit(decoder: Decoder) -> None:
    decoder.pixels(encode(), 8)
    limits = [p.rlimit(psutil.RLIMIT_AS)[0] for p in children()]
    assert limits
    assert all(0 < limit < 3 << 30 for limit in limits)


def test_a_killed_child_is_replaced(decoder: Decoder) -> None:
    decoder.pixels(encode(), 8)
    for process in children():
        process.kill()
        process.wait()
    assert decoder.pixels(encode(), 8).shape[1] == 8


def test_a_child_that_hangs_costs_one_image() -> None:
    before = children()
    decoder = Decoder(children=1, seconds=2)
    try:
        while True:  # the first start may take longer than that on a busy computer
            with contextlib.suppress(ImageError):
                decoder.pixels(encode(), 8)
                break
        for _ in range(2):  # the second is watched although nothing was under way between
            (mine,) = started(before)
            os.kill(mine.pid, signal.SIGSTOP)
            begun = time.monotonic()
            assert "too long" in refused(decoder, encode())
            assert time.monotonic() - begun < 5
            assert decoder.pixels(encode(), 8).shape[1] == 8
    finally:
        decoder.close()


def test_many_threads_get_their_own_images(decoder: Decoder) -> None:
    colours = [(i * 8 % 256, 255 - i * 5 % 256, i * 3 % 256) for i in range(24)]
    contents = [encode("PNG", Image.new("RGB", (20, 20), c)) for c in colours]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(partial(mean_colour, decoder), contents)) == colours


def test_closing_ends_the_children_and_the_next_image_starts_new_ones(lone: Decoder) -> None:
    before = children()
    lone.pixels(encode(), 8)
    mine = started(before)
    assert mine
    lone.close()
    assert not any(p.is_running() for p in mine)
    assert lone.pixels(encode(), 8).shape[1] == 8


def test_importing_starts_nothing() -> None:
    code = (
        "import sys, threading, phoenix_nbtrain.images.decoder as d;"
        "heavy = {'PIL', 'numpy', 'multiprocessing'} & set(sys.modules);"
        "assert not heavy, heavy; assert threading.active_count() == 1; assert d._shared is None"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(PACKAGE)}
    )


def test_a_users_numpy_beside_the_notebook_is_not_imported(tmp_path: Path) -> None:
    for name in ("numpy", "PIL", "json", "io"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('mine')")
    (tmp_path / "picture.png").write_bytes(encode())
    code = (
        "import sys; sys.path.remove('') if '' in sys.path else None;"
        "from phoenix_nbtrain.images import decoder;"
        "print(decoder.thumbnail(open('picture.png', 'rb').read(), 8).width)"
    )
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        # The folder that children run in; anybody may write to the usual one.
        env={**os.environ, "PYTHONPATH": str(PACKAGE), "TMPDIR": str(tmp_path)},
    )
    assert ran.stdout.strip() == "8", ran.stderr


def test_children_end_with_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(encode())
    code = (
        "import sys, time; from phoenix_nbtrain.images import decoder;"
        "decoder.thumbnail(open(sys.argv[1], 'rb').read(), 8); print('ready', flush=True);"
        "time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "picture.png")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    orphans = psutil.Process(parent.pid).children()
    assert orphans
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(orphans, timeout=5)
    assert not alive


def test_credentials_do_not_reach_the_child(monkeypatch: pytest.MonkeyPatch, lone: Decoder) -> None:
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_SECRET", "hush")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hush@proxy.test:3128")
    before = children()
    lone.pixels(encode(), 8)
    (mine,) = started(before)
    assert "hush" not in " ".join(mine.environ().values())


def test_the_shared_decoder_is_made_once() -> None:
    at_once = threading.Barrier(8)

    def shared(_: int) -> Decoder:
        at_once.wait()
        return decoder_module._decoder()

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(shared, range(8)))
    assert len(set(map(id, found))) == 1
    assert decoder_module.thumbnail(encode(), 8).width == 8
    decoder_module.close()
