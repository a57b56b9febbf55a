"""Taking metadata out of photographs, against hashing and against copying the same bytes.

    python tests/bench/bench_strip.py

`strip` finds its way through a file by its segments and copies what stays, so its cost should be
near a copy's and below the SHA-256 that every upload takes anyway.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(1, str(Path(__file__).parents[1]))

from bench.figures import sized, times_better, turns
from bench.photographs import photographs

from phoenix_nbtrain.images.metadata import strip

IMAGES = sized(20, 2)
ROUNDS = sized(15, 1)
PX = sized(640, 64)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        files = [path.read_bytes() for path in photographs(Path(name), count=IMAGES, px=PX)]
    megabytes = sum(map(len, files)) / 1e6
    for kind, signature in (("JPEG", b"\xff\xd8"), ("PNG", b"\x89PNG")):
        these = [content for content in files if content.startswith(signature)]
        megabytes = sum(map(len, these)) / 1e6
        ours, hashed, copied = turns(
            lambda these=these: [strip(content) for content in these],
            lambda these=these: [hashlib.sha256(content).digest() for content in these],
            lambda these=these: [bytearray(content) for content in these],
            rounds=ROUNDS,
        )
        times_better(f"{kind} stripped, against SHA-256", ours, hashed, "MB/s", per=megabytes)
        times_better(f"{kind} stripped, against a copy", ours, copied, "MB/s", per=megabytes)


if __name__ == "__main__":
    main()
