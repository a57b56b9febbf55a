"""Sixty photographs to a model's training set, against the official SDK.

    python tests/bench/bench_uploads.py

Ours is the whole public way: `Training.add_images` (read, check, strip, hash, keep on this
computer) and `Training.sync`, in two trainings of thirty, since one takes fifty. The peer is the
loop that the SDK's own documentation shows: upload a file, add it, next. Both talk to the same
server in the same run, which takes 50 ms for every request and runs in a process of its own.

The second figure is stricter: the same work of ours against the SDK's uploads alone, without
adding anything. The goal is 6.25 (0.16 times the SDK's time) for the first.
"""

from __future__ import annotations

import base64
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(1, str(Path(__file__).parents[1]))

from bench.figures import sized, times_better, turns
from bench.photographs import photographs
from scenario_sdk import Scenario

import phoenix_nbtrain as nbt

IMAGES = sized(60, 4)
ROUNDS = sized(5, 1)
PX = sized(640, 64)
SERVICE_SECONDS = sized(50, 1) / 1000
KEYS = {"api_key": "key", "api_secret": "secret"}
TYPE = "flux.2-dev-lora"


@contextmanager
def slow_phoenix() -> Iterator[str]:
    """Yield the base URL of a server that runs as long as the block does."""
    script = str(Path(__file__).with_name("slow_phoenix.py"))
    with subprocess.Popen(
        [sys.executable, script, str(SERVICE_SECONDS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None and server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        server.stdin.close()


class Bench:
    """Both clients, and a new memory and new models for every round."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        source = folder / "photographs"
        source.mkdir()
        self.photographs = photographs(source, count=IMAGES, px=PX)
        self.sdk = Scenario(**KEYS, base_url=url)
        self.uploading: list[float] = []
        """Seconds of each round that the SDK spent uploading."""
        self.adding: list[float] = []
        """Seconds of each round that our `add_images` took; the rest is `sync`."""
        self._round = 0
        nbt.connect("hosted", **KEYS, base_url=url)

    @property
    def halves(self) -> tuple[list[Path], list[Path]]:
        middle = len(self.photographs) // 2
        return self.photographs[:middle], self.photographs[middle:]

    def prepare(self) -> None:
        """Make two models for each client, and forget everything that this computer knows."""
        self._round += 1
        os.environ["PHOENIX_NBTRAIN_HOME"] = str(self.folder / f"home-{self._round}")
        names = [f"photographs {self._round}.{half}" for half in (1, 2)]
        self.trainings = [nbt.Training.open(name, type=TYPE) for name in names]
        made = [self.sdk.models.create(name=f"{name} sdk", type=TYPE) for name in names]
        self.models = [reply.model.id for reply in made]

    def ours(self) -> None:
        adding = 0.0
        for training, paths in zip(self.trainings, self.halves, strict=True):
            start = time.perf_counter()
            report = training.add_images(paths)
            adding += time.perf_counter() - start
            assert report.added == len(paths)
            training.sync()
            assert training.state.draft.unsent == 0
            assert all(row.attached for row in training.state.draft.images)
        self.adding.append(adding)

    def official(self) -> None:
        uploading = 0.0
        for model_id, paths in zip(self.models, self.halves, strict=True):
            for path in paths:
                start = time.perf_counter()
                content = base64.b64encode(path.read_bytes()).decode("ascii")
                asset = self.sdk.assets.upload(name=path.name, image=content).asset
                uploading += time.perf_counter() - start
                self.sdk.models.training_images.add(model_id, asset_id=asset.id)
        self.uploading.append(uploading)


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, slow_phoenix() as url:
        bench = Bench(Path(name), url)
        size = sum(path.stat().st_size for path in bench.photographs)
        print(f"{IMAGES} photographs, {size / 1e6:.1f} MB", flush=True)
        ours, official = [], []
        for _ in range(ROUNDS):
            bench.prepare()
            (a,), (b,) = turns(bench.ours, bench.official, rounds=1)
            ours.append(a)
            official.append(b)
        times_better("photographs uploaded and added, against the SDK's loop", ours, official, "s")
        times_better("the same, against the SDK's uploads alone", ours, bench.uploading, "s")
        print(f"of ours, {statistics.median(bench.adding):.2f} s are add_images")


if __name__ == "__main__":
    main()
