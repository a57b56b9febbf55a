"""One training, from its claim to its end, with everything a watcher can read on the way."""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from phoenix_nbtrain.engines.demo.feature_cache import TrainingSet
from phoenix_nbtrain.engines.demo.image_store import PX, ImageStore
from phoenix_nbtrain.engines.demo.patch_trainer import Trainer
from phoenix_nbtrain.engines.demo.samples import as_png, starts
from phoenix_nbtrain.home import WRITING, private_folder, write_whole
from phoenix_nbtrain.images.decoder import pixels
from phoenix_nbtrain.local.new_assets import insert_asset, made
from phoenix_nbtrain.local.parameters import config_of
from phoenix_nbtrain.local.rows import (
    ENDED,
    asset_row,
    end_job,
    iso,
    job_row,
    queue_waiting,
    set_job_status,
    set_progress,
)
from phoenix_nbtrain.local.run_files import adapter_path, aside_path, checkpoint_path
from phoenix_nbtrain.local.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Run"]

log = logging.getLogger(__name__)

REPORT_SECONDS = 0.25
"""Between two progress reports, and so the longest that a cancel waits."""
CHECKPOINT_SECONDS = 1.0


class Run:
    """A job that this process runs."""

    def __init__(self, store: Store, job: sqlite3.Row) -> None:
        self._store = store
        self._job_id: str = job["id"]
        self._model_id: str = job["model_id"]
        self._started_at = float(job["started_at"])
        work = json.loads(job["work"])
        self._type: str = work["type"]
        self._config = config_of(self._type, work["kept"])
        self._pairs: list[list[str]] = work["pairs"]
        self._images: list[list[str]] = work["images"]
        self._dir = store.run_dir(self._job_id)

    def to_the_end(self) -> None:
        """Train until the last step, or until somebody cancels.

        Raises:
            ImageError: a picture cannot be decoded.
            OSError: the data folder cannot be read or written.
        """
        private_folder(self._dir)
        for left in self._dir.glob(f"{WRITING}*"):
            left.unlink()  # by a process that was killed while it wrote
        with closing(ImageStore(self._dir)) as canvases:
            if self._decode(canvases):
                self._train(TrainingSet(canvases, self._rows()))

    def _train(self, examples: TrainingSet) -> None:
        # Without a seed, a training is of its own; and the same one again after a restart.
        seed = int.from_bytes(hashlib.sha256(self._job_id.encode()).digest()[:4], "big")
        trainer = Trainer(examples, self._config, seed=seed)
        self._starts = starts(
            self._config, pairs=bool(self._pairs), contents=self._sample_sources()
        )
        self._resume(trainer)
        if not self._begin():
            return
        began, first = time.monotonic(), trainer.step
        reported = saved = began
        if trainer.epoch_ends() and not self._epoch_done(trainer):
            return  # killed after the step and before its samples
        while not trainer.done:
            trainer.train_step()
            if trainer.epoch_ends() and not self._epoch_done(trainer):
                return
            now = time.monotonic()
            if now - reported >= REPORT_SECONDS:
                pace = (now - began) / (trainer.step - first)
                if not self._report(trainer, pace * (trainer.steps - trainer.step)):
                    return
                reported = now
            if now - saved >= CHECKPOINT_SECONDS:
                write_whole(checkpoint_path(self._store, self._job_id), trainer.checkpoint())
                saved = time.monotonic()
        self._finish(trainer)

    # -- before ---------------------------------------------------------------------------------

    def _decode(self, canvases: ImageStore) -> bool:
        """Put every picture on its canvas; return whether the training shall go on."""
        used = {asset_id for source, target, _ in self._pairs for asset_id in (source, target)}
        looked = time.monotonic()
        for asset_id, digest, _ in self._images:
            if self._pairs and asset_id not in used:
                continue
            canvases.add(asset_id, pixels(self._store.content(digest), PX))
            if time.monotonic() - looked >= REPORT_SECONDS:
                with self._store.reading() as connection:
                    if self._going(connection) is None:
                        return False
                looked = time.monotonic()
        return True

    def _rows(self) -> list[tuple[str | None, str, str]]:
        """Return source, target and words of every example."""
        if self._pairs:
            return [(source, target, words) for source, target, words in self._pairs]
        return [(None, asset_id, caption) for asset_id, _, caption in self._images]

    def _sample_sources(self) -> dict[str, NDArray[np.uint8]]:
        found = {}
        for asset_id in self._config.get("sample_sources") or ():
            with self._store.reading() as connection:
                digest = asset_row(connection, asset_id)["sha256"]
            found[asset_id] = pixels(self._store.content(digest), PX)
        return found

    def _resume(self, trainer: Trainer) -> None:
        path = checkpoint_path(self._store, self._job_id)
        if not path.exists():
            return
        try:
            trainer.resume(path.read_bytes())
        except Exception:  # safetensors raises an error of its own
            log.exception("the checkpoint of %s is of no use; starting over", self._job_id)

    # -- on the way -----------------------------------------------------------------------------

    def _going(self, connection: sqlite3.Connection) -> sqlite3.Row | None:
        """Return the job if nobody ended it meanwhile."""
        job = job_row(connection, self._job_id)
        return None if job["status"] in ENDED else job

    def _begin(self) -> bool:
        with self._store.writing() as connection:
            job = self._going(connection)
            if job is None:
                return False
            if job["status"] != "in-progress":
                set_job_status(connection, job, "in-progress")
            # What it may have waited for.
            connection.execute("UPDATE jobs SET hint = '' WHERE id = ?", (self._job_id,))
            self._show(connection, float(job["progress"]), None)
        return True

    def _report(self, trainer: Trainer, seconds_left: float) -> bool:
        """Write where the training is; return whether it shall go on."""
        with self._store.writing() as connection:
            queue_waiting(connection)
            if self._going(connection) is None:
                return False
            self._write_output(connection, trainer)
            self._show(connection, trainer.step / trainer.steps, seconds_left)
        return True

    def _write_output(self, connection: sqlite3.Connection, trainer: Trainer) -> None:
        losses = [[int(step), float(f"{loss:.6g}")] for step, loss in trainer.losses]
        output = {"losses": losses, "epoch": trainer.epoch, "epochs": trainer.epochs}
        connection.execute(
            "UPDATE jobs SET progress = ?, output = ?, updated_at = ? WHERE id = ?",
            (round(trainer.step / trainer.steps, 4), json.dumps(output), iso(), self._job_id),
        )

    def _show(
        self, connection: sqlite3.Connection, progress: float, seconds_left: float | None
    ) -> None:
        set_progress(
            connection,
            self._model_id,
            "running-train",
            progress=round(progress, 4),
            startedAt=int(self._started_at * 1000),
            remainingTimeMs=None if seconds_left is None else int(seconds_left * 1000),
        )

    def _epoch_done(self, trainer: Trainer) -> bool:
        """Keep the weights and samples of an epoch; return whether the training shall go on.

        As on the service, a training without sample prompts keeps its last weights only.
        """
        if not self._starts:
            return True
        epoch = trainer.epoch
        with self._store.reading() as connection:
            known = connection.execute(
                "SELECT 1 FROM epochs WHERE job_id = ? AND epoch = ?", (self._job_id, epoch)
            ).fetchone()
        if known is not None:
            return True  # a process before this one got as far
        write_whole(adapter_path(self._store, self._job_id, epoch), trainer.adapter())
        files = []
        for place, start in enumerate(self._starts, 1):
            about = {"prompt": start.prompt, "modelId": self._model_id, "modelType": self._type}
            name = f"epoch {epoch}, sample {place}.png"
            size = (start.width, start.height)
            files.append(made(self._store, name, as_png(trainer, start), size, **about))
        with self._store.writing() as connection:
            if self._going(connection) is None:
                return False
            ids = [insert_asset(connection, file) for file in files]
            connection.execute(
                "INSERT INTO epochs VALUES (?, ?, ?)", (self._job_id, epoch, json.dumps(ids))
            )
            self._write_output(connection, trainer)
        return True

    # -- after ----------------------------------------------------------------------------------

    def _finish(self, trainer: Trainer) -> None:
        write_whole(adapter_path(self._store, self._job_id), trainer.adapter())
        path = checkpoint_path(self._store, self._job_id)
        aside = aside_path(self._store, self._job_id)
        try:
            with self._store.writing() as connection:
                job = self._going(connection)
                if job is None:
                    return
                set_job_status(connection, job, "finalizing")
                self._write_output(connection, trainer)
                self._show(connection, 1.0, 0.0)
                end_job(connection, job_row(connection, self._job_id), "success")
                # Inside the transaction: who reads of the end finds the folder as it stays.
                if path.exists():
                    path.replace(aside)
        except BaseException:
            if aside.exists():  # a full disk took back the end
                aside.replace(path)
            raise
        aside.unlink(missing_ok=True)
