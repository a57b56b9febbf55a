"""The child process that decodes images. Run with ``-m``; never import it elsewhere.

It reads frames from stdin and answers each on stdout, until stdin ends. A request is a length, a
JSON header and the file's bytes; a reply is a length, a JSON header and the pixels or the encoded
thumbnail. Whatever happens here, a crash included, costs one image and not the kernel.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import struct
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from PIL import (
    Image,
    ImageChops,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

MEMORY_MAX = 3 << 29
"""Address space the child may take beyond what it starts with: 64 megapixels as RGBA four times,
as a WebP of that size needs, and some room."""

WHITE = (255, 255, 255)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What each EXIF orientation asks for."""
SRGB = ImageCms.createProfile("sRGB")
COLOURS = tuple(itertools.product(range(0, 256, 17), repeat=3))
"""4,096 of them, black and white among them."""
ROUNDING = 2
"""How much a conversion from sRGB to itself may change a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How an image is made smaller."""

    spare: float
    """How many times as large as the outcome an image is when it is filtered. What is larger
    is averaged in blocks first, a JPEG while it is decoded."""
    shrink: Image.Resampling
    enlarge: bool
    """Whether a smaller image grows."""


EXACT = Care(spare=2.0, shrink=Image.Resampling.LANCZOS, enlarge=True)
QUICK = Care(spare=1.25, shrink=Image.Resampling.BICUBIC, enlarge=False)
"""Half the time. It takes 0.5 dB of the 36 dB that the JPEG's own loss leaves (measured)."""


def limit() -> None:
    """Let no image take this computer's memory, and leave no core dump."""
    try:
        import resource
    except ImportError:  # Windows: the checks of size and the time limit of the parent remain
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has no file to write
    taken = 0
    try:
        statm = Path("/proc/self/statm").read_text()
        taken = int(statm.split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):  # macOS, which also ignores the limit
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = taken + MEMORY_MAX
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def allow_seconds(seconds: int) -> None:
    """Let this process use at most ``seconds`` more of the processor: an image, not for ever."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )


def opened(request: dict[str, Any], content: bytes) -> Image.Image:
    """Open the image as the format that its header promised, at the size that it promised."""
    # The classes themselves, not Image.open: no other format is ever tried.
    plugins: dict[str, Callable[[BinaryIO], Image.Image]] = {
        "jpeg": JpegImagePlugin.JpegImageFile,
        "png": PngImagePlugin.PngImageFile,
        "webp": WebPImagePlugin.WebPImageFile,
    }
    image = plugins[request["format"]](io.BytesIO(content))
    if list(image.size) != request["stored_size"]:
        raise ValueError("its parts disagree about its size")
    return image


def small(image: Image.Image, px: int, orientation: int, care: Care) -> Image.Image:
    """Return the image upright, on white, with ``px`` pixels on its longest side."""
    enough = care.spare * px / max(image.size)
    if enough < 1:  # JPEG only: decodes at a half, quarter or eighth
        # Rounded down: one pixel more than an eighth would have it decoded at a quarter.
        image.draft("RGB", (int(image.width * enough) or 1, int(image.height * enough) or 1))
    image.load()
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
    if image.mode.startswith("I"):
        # Pillow would clip 16 bits at 255, which leaves a white image.
        image = image.convert("I").point(lambda v: v * (1 / 257)).convert("L")
        image.info.pop("transparency", None)  # still a value of 16 bits
    if image.has_transparency_data:
        # Pillow multiplies by alpha while it scales: no colour of invisible pixels bleeds in.
        image = scaled(in_mode("RGBA", image), px, care)
        white = Image.new("RGBA", image.size, (*WHITE, 255))
        image = Image.alpha_composite(white, image).convert("RGB")
    else:
        image = scaled(in_mode("RGB", image), px, care)
    image = in_srgb(image, profile)
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def in_mode(mode: str, image: Image.Image) -> Image.Image:
    """Return the image in that mode; Pillow would copy one that has it."""
    return image if image.mode == mode else image.convert(mode)


def scaled(image: Image.Image, px: int, care: Care) -> Image.Image:
    """Return the image with ``px`` on its longest side; a smaller one only if it may grow."""
    longest = max(image.size)
    if longest == px or (longest < px and not care.enlarge):
        return image
    width, height = (max(1, round(n * px / longest)) for n in image.size)
    if longest < px:
        return image.resize((width, height), Image.Resampling.BICUBIC)
    return image.resize((width, height), care.shrink, reducing_gap=care.spare)


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the image in the colours a screen expects; a phone's Display P3 looks dull else."""
    try:
        into = into_srgb(profile) if profile else None
        if into is not None:
            ImageCms.applyTransform(image, into, inPlace=True)
    except (ImageCms.PyCMSError, OSError):  # a damaged profile: the numbers as they are
        pass
    return image


@lru_cache(maxsize=8)
def into_srgb(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """Return what brings a profile's numbers to sRGB; ``None`` where they are that already.

    Images of one camera share a profile, and most of those that have one have sRGB's.
    """
    theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    into = ImageCms.buildTransform(theirs, SRGB, "RGB", "RGB")
    many = Image.frombytes("RGB", (64, 64), bytes(c for rgb in COLOURS for c in rgb))
    done = ImageCms.applyTransform(many, into)
    if done is None:
        return None
    return into if max(ImageChops.difference(many, done).tobytes()) > ROUNDING else None


def answer(request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    """Do one request."""
    image = opened(request, content)
    px, orientation = request["px"], request["orientation"]
    if request["kind"] == "pixels":
        image = small(image, px, orientation, EXACT)
        return {"ok": True, "width": image.width, "height": image.height}, image.tobytes()
    image = small(image, px, orientation, QUICK)
    out = io.BytesIO()
    # WebP would be half the size and cost a third of the speed (measured).
    image.save(out, "JPEG", quality=85, subsampling=1)
    reply = {"ok": True, "mime": "image/jpeg", "width": image.width, "height": image.height}
    return reply | {"colour": mean(image)}, out.getvalue()


def mean(image: Image.Image) -> list[int]:
    """Return the mean colour of an image in RGB, 0 to 255."""
    return list(image.resize((1, 1), Image.Resampling.BOX).tobytes())


def read(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one frame, or ``None`` where the parent has closed the pipe."""
    sizes = stream.read(8)
    if len(sizes) < 8:
        return None
    head, body = struct.unpack("<II", sizes)
    header, content = stream.read(head), stream.read(body)
    return (json.loads(header), content) if len(content) == body else None


def write(stream: BinaryIO, header: dict[str, Any], body: bytes) -> None:
    """Write one frame."""
    head = json.dumps(header).encode()
    stream.write(struct.pack("<II", len(head), len(body)))
    stream.write(head)
    stream.write(body)
    stream.flush()


def main() -> None:
    """Answer until stdin ends."""
    stream_in, stream_out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not look like a frame
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # the parent refuses by the header, and says why
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    limit()
    while (frame := read(stream_in)) is not None:
        request, content = frame
        allow_seconds(request["seconds"])
        try:
            header, body = answer(request, content)
        except MemoryError:
            header, body = {"ok": False, "error": "it needs too much memory"}, b""
        except Exception as error:  # any decoder error is told as the image's
            header, body = {"ok": False, "error": f"{error}"[:120] or type(error).__name__}, b""
        write(stream_out, header, body)


if __name__ == "__main__":
    main()
