"""One job: what its engine is given, and what is written down of what it reports."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import time

from PIL import Image

from phoenix_nbtrain.catalog import from_wire, full_config
from phoenix_nbtrain.engines.contract import (
    IMAGES,
    JOB,
    SAMPLES,
    EpochDone,
    Event,
    Item,
    Job,
    Progress,
    Sample,
)
from phoenix_nbtrain.engines.demo import DEMO
from phoenix_nbtrain.home import WRITING, private_folder
from phoenix_nbtrain.images.decoder import pixels
from phoenix_nbtrain.local.new_assets import made
from phoenix_nbtrain.local.rows import (
    ENDED,
    asset_row,
    end_job,
    insert_asset,
    iso,
    job_row,
    queue_waiting,
    set_job_status,
    set_progress,
)
from phoenix_nbtrain.local.store import Store

LOOK_SECONDS = 0.25
"""Between two looks whether somebody canceled, while images are decoded."""


class JobRun:
    """A job that this process runs."""

    def __init__(self, store: Store, job: sqlite3.Row) -> None:
        self._store = store
        self._job_id: str = job["id"]
        self._model_id: str = job["model_id"]
        self._started_at = float(job["started_at"])
        self._work = json.loads(job["work"])
        self._type: str = self._work["type"]
        self._folder = store.run_dir(self._job_id)
        self._ended = False
        """Whether somebody ended the job meanwhile, as far as is known."""

    def to_the_end(self) -> None:
        """Train until the last step, or until somebody cancels.

        Raises:
            ImageError: an image cannot be decoded.
            OSError, StoreError: the data folder cannot be read or written.
            Exception: whatever the engine raises.
        """
        private_folder(self._folder)
        try:
            self._clear()  # what a process left that was killed
            if not self._hand_over():
                return
            last = DEMO.run(self._folder, self._record, lambda: self._ended)
        finally:
            self._clear()
        if last is not None:
            self._finish(last)

    def _clear(self) -> None:
        """Remove what was handed over, the samples, and what was only half written."""
        for name in (IMAGES, SAMPLES):
            shutil.rmtree(self._folder / name, ignore_errors=True)
        for left in (self._folder / JOB, *self._folder.glob(f"{WRITING}*")):
            left.unlink(missing_ok=True)

    # -- before ---------------------------------------------------------------------------------

    def _hand_over(self) -> bool:
        """Write the job and its images for the engine; return whether the training shall go on."""
        config = full_config(self._type, from_wire(self._type, self._work["kept"]))
        pairs, images = self._work["pairs"], self._work["images"]
        # Without a seed, a training is of its own; and the same one again after a restart.
        seed = int.from_bytes(hashlib.sha256(self._job_id.encode()).digest()[:4], "big")
        sources = config.get("sample_sources") or ()
        prompts = config.get("sample_prompts") or ()
        job = Job(
            config=config,
            seed=seed,
            pairs=bool(pairs),
            items=[Item(_file(target), _file(source), words) for source, target, words in pairs]
            or [Item(_file(image), None, caption) for image, _, caption in images],
            samples=[
                Sample(prompt, _file(sources[place]) if sources else None)
                for place, prompt in enumerate(prompts)
            ],
        )
        used = {file for item in job.items for file in (item.source, item.image)}
        digests = {image: digest for image, digest, _ in images if _file(image) in used}
        with self._store.reading() as connection:
            digests |= {asset: asset_row(connection, asset)["sha256"] for asset in sources}
        (self._folder / IMAGES).mkdir(exist_ok=True)
        looked = time.monotonic()
        for asset_id, digest in digests.items():
            image = Image.fromarray(pixels(self._store.content(digest), DEMO.image_px))
            image.save(self._folder / _file(asset_id), compress_level=1)
            if time.monotonic() - looked >= LOOK_SECONDS:
                with self._store.reading() as connection:
                    if self._going(connection) is None:
                        return False
                looked = time.monotonic()
        job.write(self._folder)
        return True

    # -- on the way -----------------------------------------------------------------------------

    def _record(self, event: Event) -> None:
        """Write down what the engine reports, and note whether somebody ended the job."""
        if isinstance(event, EpochDone):
            self._epoch_done(event)
        elif isinstance(event, Progress):
            self._report(event)
        else:
            self._begin()

    def _going(self, connection: sqlite3.Connection) -> sqlite3.Row | None:
        """Return the job if nobody ended it meanwhile."""
        job = job_row(connection, self._job_id)
        self._ended = job["status"] in ENDED
        return None if self._ended else job

    def _begin(self) -> None:
        with self._store.writing() as connection:
            job = self._going(connection)
            if job is None:
                return
            if job["status"] != "in-progress":
                set_job_status(connection, job, "in-progress")
            # What it may have waited for.
            connection.execute("UPDATE jobs SET hint = '' WHERE id = ?", (self._job_id,))
            self._show(connection, float(job["progress"]), None)

    def _report(self, progress: Progress) -> None:
        with self._store.writing() as connection:
            queue_waiting(connection)
            if self._going(connection) is not None:
                self._write_output(connection, progress)
                self._show(connection, progress.step / progress.steps, progress.seconds_left)

    def _write_output(self, connection: sqlite3.Connection, progress: Progress) -> None:
        losses = [[int(step), float(f"{loss:.6g}")] for step, loss in progress.losses]
        output = {"losses": losses, "epoch": progress.epoch, "epochs": progress.epochs}
        connection.execute(
            "UPDATE jobs SET progress = ?, output = ?, updated_at = ? WHERE id = ?",
            (round(progress.step / progress.steps, 4), json.dumps(output), iso(), self._job_id),
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

    def _epoch_done(self, event: EpochDone) -> None:
        """Take in the samples of an epoch, once."""
        epoch = event.progress.epoch
        with self._store.reading() as connection:
            known = connection.execute(
                "SELECT 1 FROM epochs WHERE job_id = ? AND epoch = ?", (self._job_id, epoch)
            ).fetchone()
        if known is not None:
            return  # a process before this one got as far
        assets = []
        for place, sample in enumerate(event.samples, 1):
            about = {"prompt": sample.prompt, "modelId": self._model_id, "modelType": self._type}
            content = (self._folder / sample.file).read_bytes()
            name = f"epoch {epoch}, sample {place}.png"
            assets.append(made(self._store, name, content, (sample.width, sample.height), **about))
        with self._store.writing() as connection:
            if self._going(connection) is None:
                return
            ids = [insert_asset(connection, asset) for asset in assets]
            connection.execute(
                "INSERT INTO epochs VALUES (?, ?, ?)", (self._job_id, epoch, json.dumps(ids))
            )
            self._write_output(connection, event.progress)

    # -- after ----------------------------------------------------------------------------------

    def _finish(self, last: Progress) -> None:
        path = self._store.checkpoint(self._job_id)
        aside = self._store.checkpoint_aside(self._job_id)
        try:
            with self._store.writing() as connection:
                job = self._going(connection)
                if job is None:
                    return
                set_job_status(connection, job, "finalizing")
                self._write_output(connection, last)
                self._show(connection, 1.0, last.seconds_left)
                end_job(connection, job_row(connection, self._job_id), "success")
                # Inside the transaction: who reads of the end finds the folder as it stays.
                if path.exists():
                    path.replace(aside)
        except BaseException:
            if aside.exists():  # a full disk took back the end
                aside.replace(path)
            raise
        aside.unlink(missing_ok=True)


def _file(asset_id: str) -> str:
    """Return an image's file in a run's folder."""
    return f"{IMAGES}/{asset_id}.png"
