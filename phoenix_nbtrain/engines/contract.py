"""What the local Phoenix and an engine agree on: files go in, events and files come out.

An engine is a function ``run(folder, emit, stopped)``. The folder is the run's own::

    job.json                             the `Job`
    images/                              its images: RGB PNGs that our own decoder made
    checkpoint.safetensors               the engine's state while it trains
    samples/                             of the epoch that was emitted last
    adapter-epoch-0003.safetensors       weights of an epoch
    adapter.safetensors                  the last weights

The local Phoenix writes the first two before each run and deletes all but the weights when it has
ended. What an engine does is a function of the job: killed at any moment and run again, it goes on
from its checkpoint and arrives at the same weights. It never parses a file of a user's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

JOB, IMAGES, CHECKPOINT, SAMPLES = "job.json", "images", "checkpoint.safetensors", "samples"
"""Names in a run's folder."""


def weights_name(epoch: int | None = None) -> str:
    """Return the file of an epoch's weights, or of the last ones."""
    name = "adapter" if epoch is None else f"adapter-epoch-{epoch:04}"
    return f"{name}.safetensors"


@dataclass(frozen=True, slots=True)
class Item:
    """One example to learn from."""

    image: str
    """The file of what should come out; like all files, relative to the run's folder."""
    source: str | None
    """The file of what it is made from; ``None`` where the type does not learn from pairs."""
    words: str
    """The caption, or the pair's instruction."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample to make after each epoch."""

    prompt: str
    image: str | None
    """The file to start from; ``None`` leaves it to the engine."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained. It holds no secret."""

    config: Mapping[str, Any]
    """All parameters, by our names."""
    seed: int
    """Used where the configuration has none."""
    pairs: bool
    """Whether the type learns from pairs."""
    items: Sequence[Item]
    samples: Sequence[Sample]

    def write(self, folder: Path) -> None:
        """Write the job into a run's folder."""
        (folder / JOB).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Job:
        """Return the job of a run's folder."""
        found = json.loads((folder / JOB).read_text(encoding="utf-8"))
        items = [Item(**item) for item in found.pop("items")]
        samples = [Sample(**sample) for sample in found.pop("samples")]
        return cls(**found, items=items, samples=samples)


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything is loaded, and the steps begin."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the training is; a few times a second."""

    step: int
    """Steps done."""
    steps: int
    epoch: int
    """Epochs done."""
    epochs: int
    losses: Sequence[Sequence[float]]
    """The whole history as ``[step, loss]``: the mean loss of the steps since the point before."""
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A sample that was made: a PNG file."""

    file: str
    prompt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class EpochDone:
    """An epoch's weights and samples are written. After a restart it may come again, the same."""

    progress: Progress
    samples: Sequence[SampleFile]


Event = Ready | Progress | EpochDone
Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine, described without loading what it trains with."""

    image_px: int
    """The longest side that its images have."""
    run: Callable[[Path, Emit, Callable[[], bool]], Progress | None]
    """Train in a run's folder until the end, or until the last argument returns true, which is
    asked after each event. Returns the last progress, the last weights written; ``None`` where it
    was stopped."""
    saved_step: Callable[[Path], int]
    """Return how many steps the last checkpoint in a run's folder has; 0 where there is none."""
