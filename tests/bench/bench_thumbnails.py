"""Thumbnails a second through the decoder's children, against Pillow in the process.

    python tests/bench/bench_thumbnails.py

The peer opens, shrinks and encodes as one would in a notebook, in the size and quality that ours
have. Ours also checks the file's structure, sends it to another process, applies its colour
profile and takes the mean colour. Two children against one is measured with two threads that ask,
as the lane of thumbnails has; a machine that is busy has no second core to give.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(1, str(Path(__file__).parents[1]))

from bench.figures import sized, times_better, turns
from bench.photographs import photographs
from PIL import Image

from phoenix_nbtrain.images.decoder import Decoder

IMAGES = sized(24, 4)
ROUNDS = sized(9, 1)
PX = 256


def in_process(content: bytes) -> bytes:
    image = Image.open(io.BytesIO(content))
    image.thumbnail((PX, PX))
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=85, subsampling=1)
    return out.getvalue()


def asked_by(threads: ThreadPoolExecutor, decoder: Decoder) -> Callable[[Sequence[bytes]], object]:
    return lambda files: list(threads.map(lambda content: decoder.thumbnail(content, PX), files))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        files = [path.read_bytes() for path in photographs(Path(name), count=IMAGES)]
    one, two = Decoder(children=1), Decoder(children=2)
    with ThreadPoolExecutor(1) as alone, ThreadPoolExecutor(2) as both:
        by_one, by_two = asked_by(alone, one), asked_by(both, two)
        for kind, signature in (("JPEG", b"\xff\xd8"), ("PNG", b"\x89PNG")):
            these = [content for content in files if content.startswith(signature)]
            by_one(these), by_two(these)  # the children start
            ours, two_of_ours, pillow = turns(
                lambda these=these: by_one(these),
                lambda these=these: by_two(these),
                lambda these=these: [in_process(content) for content in these],
                rounds=ROUNDS,
            )
            many, unit = len(these), "a second"
            times_better(f"{kind}, one child against Pillow here", ours, pillow, unit, per=many)
            times_better(f"{kind}, two children against one", two_of_ours, ours, unit, per=many)
    one.close()
    two.close()


if __name__ == "__main__":
    main()
