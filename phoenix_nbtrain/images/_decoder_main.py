"""The child process that decodes pictures. Run with ``-m``; never import it elsewhere.

It reads frames from stdin and answers each on stdout, until stdin ends. A request is a length, a
JSON header and the file's bytes; a reply is a length, a JSON header and the pixels or the encoded
thumbnail. Whatever happens here, a crash included, costs one picture and not the kernel.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageCms, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

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


def limit() -> None:
    """Let no picture take this computer's memory, and leave no core dump."""
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
    """Let this process use at most ``seconds`` more of the processor: a picture, not for ever."""
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
    """Open the picture as the format that its header promised, at the size that it promised."""
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


def small(image: Image.Image, request: dict[str, Any], *, enlarge: bool) -> Image.Image:
    """Return the picture upright, on white, with ``px`` pixels on its longest side."""
    px = request["px"]
    image.draft("RGB", (2 * px, 2 * px))  # JPEG only: decodes at a half, quarter or eighth
    image.load()
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
    if image.mode.startswith("I"):
        # Pillow would clip 16 bits at 255, which leaves a white picture.
        image = image.convert("I").point(lambda v: v * (1 / 257)).convert("L")
        image.info.pop("transparency", None)  # still a value of 16 bits
    if image.has_transparency_data:
        # Pillow multiplies by alpha while it scales: no colour of invisible pixels bleeds in.
        image = scaled(image.convert("RGBA"), px, enlarge=enlarge)
        white = Image.new("RGBA", image.size, (*WHITE, 255))
        image = Image.alpha_composite(white, image).convert("RGB")
    else:
        image = scaled(image.convert("RGB"), px, enlarge=enlarge)
    image = in_srgb(image, profile)
    turn = TURNS.get(request["orientation"])
    return image if turn is None else image.transpose(turn)


def scaled(image: Image.Image, px: int, *, enlarge: bool) -> Image.Image:
    """Return the picture with ``px`` on its longest side; a smaller one only if it may grow."""
    longest = max(image.size)
    if longest == px or (longest < px and not enlarge):
        return image
    size = tuple(max(1, round(n * px / longest)) for n in image.size)
    how = Image.Resampling.LANCZOS if longest > px else Image.Resampling.BICUBIC
    return image.resize((size[0], size[1]), how, reducing_gap=2.0 if longest > px else None)


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in the colours a screen expects; a phone's Display P3 looks dull else."""
    if not profile:
        return image
    try:
        theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        done = ImageCms.profileToProfile(image, theirs, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # a damaged profile: the numbers as they are
        return image
    return image if done is None else done


def answer(request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    """Do one request."""
    image = opened(request, content)
    if request["kind"] == "pixels":
        image = small(image, request, enlarge=True)
        return {"ok": True, "width": image.width, "height": image.height}, image.tobytes()
    image = small(image, request, enlarge=False)
    out = io.BytesIO()
    # WebP would be half the size and cost a third of the speed (measured).
    image.save(out, "JPEG", quality=85, subsampling=1)
    reply = {"ok": True, "mime": "image/jpeg", "width": image.width, "height": image.height}
    return reply | {"colour": mean(image)}, out.getvalue()


def mean(image: Image.Image) -> list[int]:
    """Return the mean colour of a picture in RGB, 0 to 255."""
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
        except Exception as error:  # any decoder error is told as the picture's
            header, body = {"ok": False, "error": f"{error}"[:120] or type(error).__name__}, b""
        write(stream_out, header, body)


if __name__ == "__main__":
    main()
