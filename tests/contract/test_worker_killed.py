"""A real worker on a real data folder, killed again and again: nothing is lost, nothing doubled.

``NBTRAIN_KILLS`` says how often (20), ``NBTRAIN_KILLS_SEED`` which moments.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from unit.local.local_phoenix import Phoenix

from phoenix_nbtrain.home import WRITING
from phoenix_nbtrain.local.rows import ENDED, job_row
from phoenix_nbtrain.local.workers import lease_held

KILLS = int(os.environ.get("NBTRAIN_KILLS", "20"))
SEED = int(os.environ.get("NBTRAIN_KILLS_SEED", "1"))
MOMENTS = ("warm-up", "steps", "checkpoint", "epoch", "restart")
"""What the kills of one training aim at. The last follows upon a kill, so it meets a process that
has not got anywhere yet."""
ORDERS = (
    ("warm-up", "steps", "checkpoint", "epoch", "restart"),
    ("warm-up", "restart", "epoch", "checkpoint", "steps"),
    ("warm-up", "checkpoint", "restart", "epoch", "steps"),
)
"""A training may end before its last moments come, so each kind comes early in some order."""
EPOCHS = 8
PROMPTS = ["make it red", "make it blue"]
STATUSES = ["pending", "queued", "warming-up", "in-progress", "finalizing", "success"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the worker needs flock")


@pytest.fixture
def phoenix(tmp_path) -> Iterator[Phoenix]:
    found = Phoenix(tmp_path / "phoenix")
    yield found
    found.end_workers()


class Training:
    """One job of the model, looked at without waking a worker, and looked at as a reader does."""

    def __init__(self, phoenix: Phoenix, model_id: str) -> None:
        self.phoenix = phoenix
        self.model_id = model_id
        parameters = {"nbEpochs": EPOCHS, "nbRepeats": 100, "rank": 32, "seed": 3}
        self.job_id = phoenix.launch(model_id, **parameters, samplePrompts=PROMPTS)
        self.folder = phoenix.store.run_dir(self.job_id)
        self.histories: list[list[str]] = []

    def row(self) -> Any:
        with self.phoenix.store.reading() as connection:
            return job_row(connection, self.job_id)

    @property
    def running(self) -> bool:
        return self.row()["status"] not in ENDED

    def read(self) -> Any:
        """Read as a watcher does, which wakes a worker where there is none."""
        job = self.phoenix.job(self.job_id)
        self.histories.append([entry["status"] for entry in job["statusHistory"]])
        return job

    def epochs(self) -> int:
        with self.phoenix.store.reading() as connection:
            query = "SELECT count(*) FROM epochs WHERE job_id = ?"
            return int(connection.execute(query, (self.job_id,)).fetchone()[0])

    def checkpoint(self) -> object:
        """Return what tells one checkpoint from the next, a half-written one included."""
        path = self.folder / "checkpoint.safetensors"
        writing = sorted(self.folder.glob(f"{WRITING}*"))
        return (path.stat().st_mtime_ns if path.exists() else 0), writing

    def to_its_end(self) -> dict[str, Any]:
        """Wait for the end, and return all that it left."""
        self.phoenix.until(lambda: self.read()["status"] in ENDED, 60)
        model = self.phoenix.read(self.model_id)
        samples = [
            [self.phoenix.fetch(asset["url"]).data for asset in epoch["assets"]]
            for epoch in model["epochs"]
        ]
        files = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        losses = self.read()["metadata"]["output"]["losses"]
        return {
            "status": model["status"],
            "epochs": [epoch["epoch"] for epoch in model["epochs"]],
            "samples": samples,
            "files": files,
            "losses": losses,
        }


def reached(moment: str, training: Training, chance: random.Random) -> bool:
    """Wait for a moment of a kind; return whether the training was still running by then."""
    seen, epochs = training.checkpoint(), training.epochs()
    begun: dict[str, tuple[Callable[[], bool], float]] = {
        "warm-up": (lambda: training.row()["status"] == "warming-up", 0.1),
        "steps": (lambda: training.row()["status"] == "in-progress", 1.2),
        "checkpoint": (lambda: training.checkpoint() != seen, 0.004),
        "epoch": (lambda: training.epochs() > epochs, 0.02),
        "restart": (lambda: lease_held(training.phoenix.data_dir), 0.3),
    }
    happened, spread = begun[moment]
    training.phoenix.until(lambda: happened() or not training.running)
    until = time.monotonic() + chance.uniform(0, spread)
    while time.monotonic() < until and training.running:
        pass  # the moment itself is what is drawn
    return training.running


def killed(moment: str, training: Training, chance: random.Random) -> str | None:
    """Kill the worker at a moment of a kind; return the job's status then.

    ``None`` where it did not count: the training had ended, or there was nobody to kill.
    """
    workers = training.phoenix.workers
    # Seen at work by a reader, or it would count as one that never gets that far. One that was
    # nearly done may have ended by now, and no other is started.
    data_dir = training.phoenix.data_dir
    training.phoenix.until(lambda: training.read()["status"] in ENDED or lease_held(data_dir))
    training.read()
    if not reached(moment, training, chance):
        return None
    process = workers.process
    assert process is not None
    if process.poll() is not None:
        return None
    os.kill(process.pid, signal.SIGKILL)
    # No wait() here: the reads that follow have to reap it and to start another.
    training.phoenix.until(lambda: training.read() and process.returncode is not None)
    assert process.returncode == -signal.SIGKILL
    row = training.row()
    if row["status"] in ENDED:
        return None
    training.phoenix.until(lambda: training.read() and workers.process)
    successor = workers.process
    assert successor is not None
    assert successor.pid != process.pid
    return str(row["status"])


def test_a_killed_worker_is_resumed_every_time_and_ends_at_the_same_bytes(phoenix):
    model_id, _ = phoenix.pair_set("red", "blue")
    undisturbed = Training(phoenix, model_id).to_its_end()
    assert undisturbed["status"] == "trained"
    chance = random.Random(SEED)
    kills: list[tuple[str, str]] = []
    jobs = 0
    while len(kills) < KILLS:
        phoenix.end_workers()  # an idle one would begin at once, and leave no time for a warm-up
        training, jobs = Training(phoenix, model_id), jobs + 1
        assert jobs <= KILLS + 1, "too few kills hit a live worker"
        for moment in ORDERS[jobs % len(ORDERS)][: KILLS - len(kills)]:
            status = killed(moment, training, chance)
            if status is None:
                break
            kills.append((moment, status))
        assert training.to_its_end() == undisturbed
        for earlier, later in pairwise(training.histories):
            assert later[: len(earlier)] == earlier
        assert training.histories[-1] == STATUSES
    assert len(kills) == KILLS
    assert len(MOMENTS) > KILLS or {moment for moment, _ in kills} == {*MOMENTS}
    assert "warming-up" in {status for _, status in kills}
    # Every training left its samples once: no epoch of a killed process came twice.
    with phoenix.store.reading() as connection:
        query = "SELECT metadata FROM assets WHERE metadata LIKE '%prompt%'"
        samples = [json.loads(row[0]) for row in connection.execute(query)]
    assert len(samples) == (jobs + 1) * EPOCHS * len(PROMPTS)
