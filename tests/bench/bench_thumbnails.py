"""Thumbnails a second through the decoder's children, against Pillow in the process.

    python tests/bench/bench_thumbnails.py

The peer opens, shrinks and encodes as one would in a notebook, in the size and quality that ours
have. Ours also checks the file's structure, sends it to another process, applies its colour
profile and takes the mean colour. Two children against one is measured with two threads that ask,
as the lane of thumbnails has. What a second core gives is the computer's affair, and less where it
is busy or both share a cache; so the same is asked of Pillow in one process and in two.
"""

from __future__ import annotations

import io
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(1, str(Path(__file__).parents[1]))

from bench.figures import better_when_high, sized, times_better, turns
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


def processes(count: int, files: Sequence[bytes]) -> ProcessPoolExecutor:
    """Return processes that hold the files and do what `in_process` does."""
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, spawn, initializer=hold, initargs=(files,))
    shrunk_by(pool, len(files))  # they start
    return pool


def shrunk_by(pool: ProcessPoolExecutor, many: int) -> None:
    list(pool.map(shrunk, range(many)))


_held: list[bytes] = []


def hold(files: Sequence[bytes]) -> None:
    _held.extend(files)


def shrunk(number: int) -> int:
    return len(in_process(_held[number]))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        files = [path.read_bytes() for path in photographs(Path(name), count=IMAGES)]
    one, two = Decoder(children=1), Decoder(children=2)
    with ThreadPoolExecutor(1) as alone, ThreadPoolExecutor(2) as both:
        by_one, by_two = asked_by(alone, one), asked_by(both, two)
        for kind, signature in (("JPEG", b"\xff\xd8"), ("PNG", b"\x89PNG")):
            these = [content for content in files if content.startswith(signature)]
            by_one(these), by_two(these)  # the children start
            with processes(1, these) as single, processes(2, these) as double:
                ours, two_of_ours, pillow, bare, two_bare = turns(
                    lambda these=these: by_one(these),
                    lambda these=these: by_two(these),
                    lambda these=these: [in_process(content) for content in these],
                    partial(shrunk_by, single, len(these)),
                    partial(shrunk_by, double, len(these)),
                    rounds=ROUNDS,
                )
            many, unit = len(these), "a second"
            times_better(f"{kind}, one child against Pillow here", ours, pillow, unit, per=many)
            gain = times_better(
                f"{kind}, two children against one", two_of_ours, ours, unit, per=many
            )
            given = times_better(
                f"{kind}, two processes of Pillow against one", two_bare, bare, unit, per=many
            )
            better_when_high(f"{kind}, what a second child gains, against a process", gain, given)
    one.close()
    two.close()


if __name__ == "__main__":
    main()
