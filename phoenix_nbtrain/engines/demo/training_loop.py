"""The demo engine's run: it trains, and writes checkpoints, weights and samples on the way."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from phoenix_nbtrain.engines.contract import (
    CHECKPOINT,
    SAMPLES,
    Emit,
    EpochDone,
    Job,
    Progress,
    Ready,
    weights_name,
)
from phoenix_nbtrain.engines.demo.feature_cache import TrainingSet
from phoenix_nbtrain.engines.demo.image_store import ImageStore, pixels_of
from phoenix_nbtrain.engines.demo.patch_trainer import Trainer
from phoenix_nbtrain.engines.demo.samples import Start, start_of
from phoenix_nbtrain.home import write_whole

log = logging.getLogger(__name__)

REPORT_SECONDS = 0.25
"""Between two progress events, and so the longest that a cancel waits."""
CHECKPOINT_SECONDS = 1.0


def run(folder: Path, emit: Emit, stopped: Callable[[], bool]) -> Progress | None:
    """Train the job in ``folder``; see `phoenix_nbtrain.engines.contract`.

    Raises:
        InputError: the training diverged.
        OSError, StoreError: the folder cannot be read or written.
    """
    job = Job.read(folder)
    with closing(ImageStore(folder)) as images:
        files = [file for item in job.items for file in (item.source, item.image) if file]
        for file in dict.fromkeys(files):
            images.add(file, pixels_of(folder / file))
        rows = [(item.source, item.image, item.words) for item in job.items]
        trainer = Trainer(TrainingSet(images, rows), job.config, seed=job.seed)
        starts = [
            start_of(sample, place, folder, pairs=job.pairs)
            for place, sample in enumerate(job.samples)
        ]
        _resume(trainer, folder / CHECKPOINT)
        emit(Ready())
        return _train(trainer, starts, folder, emit, stopped)


def _train(
    trainer: Trainer,
    starts: Sequence[Start],
    folder: Path,
    emit: Emit,
    stopped: Callable[[], bool],
) -> Progress | None:
    def stopped_after_epoch() -> bool:
        # As on the service, a training without sample prompts keeps its last weights only.
        if starts and trainer.epoch_ends():
            emit(_epoch_done(trainer, starts, folder))
        return stopped()

    began, first = time.monotonic(), trainer.step
    reported = saved = began
    if stopped_after_epoch():  # of an epoch whose process was killed before its samples
        return None
    while not trainer.done:
        trainer.train_step()
        if stopped_after_epoch():
            return None
        now = time.monotonic()
        if now - reported >= REPORT_SECONDS:
            pace = (now - began) / (trainer.step - first)
            emit(_progress(trainer, pace * (trainer.steps - trainer.step)))
            if stopped():
                return None
            reported = now
        if now - saved >= CHECKPOINT_SECONDS:
            write_whole(folder / CHECKPOINT, trainer.checkpoint())
            saved = time.monotonic()
    write_whole(folder / weights_name(), trainer.adapter())
    return _progress(trainer, 0.0)


def _resume(trainer: Trainer, checkpoint: Path) -> None:
    if checkpoint.exists():
        try:
            trainer.resume(checkpoint.read_bytes())
        except Exception:  # safetensors raises an error of its own
            log.exception("%s is of no use; starting over", checkpoint)


def _progress(trainer: Trainer, seconds_left: float | None = None) -> Progress:
    return Progress(
        trainer.step, trainer.steps, trainer.epoch, trainer.epochs, trainer.losses, seconds_left
    )


def _epoch_done(trainer: Trainer, starts: Sequence[Start], folder: Path) -> EpochDone:
    write_whole(folder / weights_name(trainer.epoch), trainer.adapter())
    (folder / SAMPLES).mkdir(exist_ok=True)
    samples = [
        start.sample(trainer, folder, f"{SAMPLES}/{place}.png")
        for place, start in enumerate(starts)
    ]
    return EpochDone(_progress(trainer), samples)
