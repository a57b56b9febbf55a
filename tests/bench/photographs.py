"""Files as a camera or a painter leaves them: photographs with grain and metadata."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from skimage import data

__all__ = ["photographs"]


def photographs(folder: Path, *, count: int, px: int = 640) -> list[Path]:
    """Write ``count`` files, JPEG and PNG by turns, and return their paths.

    At the default size each is about 470 KB: a crop of one of scikit-image's photographs, mirrored
    or not, with a grain of its own, and with a position and a prompt in its metadata.

    Args:
        folder: where they go.
        count: how many.
        px: width and height of a PNG; a JPEG is twice as wide and high.
    """
    scenes = [Image.fromarray(np.asarray(scene())) for scene in (data.astronaut, data.coffee)]
    scenes += [Image.fromarray(np.asarray(scene())) for scene in (data.chelsea, data.rocket)]
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8825)[1] = "N"
    text = PngInfo()
    text.add_text("parameters", "a photograph, 35 mm " * 20)
    rng = np.random.default_rng(1)
    paths = []
    for number, scene in zip(range(count), itertools.cycle(scenes), strict=False):
        jpeg = number % 2 == 0
        side = 2 * px if jpeg else px
        edge = min(scene.size) - number  # no two crops alike
        crop = scene.crop((number, number // 2, edge, edge)).resize((side, side))
        if number % 3 == 0:
            crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        grain = rng.integers(-6 if jpeg else -1, 7 if jpeg else 1, (side, side, 1))
        pixels = np.clip(np.asarray(crop.convert("RGB"), np.int16) + grain, 0, 255)
        picture = Image.fromarray(pixels.astype(np.uint8))
        path = folder / f"photograph-{number:03d}.{'jpg' if jpeg else 'png'}"
        if jpeg:
            picture.save(path, "JPEG", quality=90, exif=exif)
        else:
            picture.save(path, "PNG", pnginfo=text, compress_level=1)
        paths.append(path)
    return paths
