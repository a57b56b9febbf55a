"""A full disk: a training waits with its last checkpoint, says so, and goes on."""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from unit.local.local_phoenix import Phoenix

from phoenix_nbtrain.database import is_full
from phoenix_nbtrain.engines.demo import training_loop
from phoenix_nbtrain.engines.demo.patch_trainer import Trainer
from phoenix_nbtrain.errors import StoreBusy, StoreError
from phoenix_nbtrain.home import write_whole
from phoenix_nbtrain.local import worker

QUICK: dict[str, Any] = {"nbEpochs": 2, "nbRepeats": 3, "rank": 4, "seed": 1}
LONG: dict[str, Any] = {"nbEpochs": 100, "nbRepeats": 100, "seed": 1}


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Disk:
    """The worker's disk: full while somebody says so. What happens when is noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.waits: Callable[[int], None] = lambda _: None
        """Called each time the worker waits, with how often it has."""
        self.waited = 0
        monkeypatch.setattr(os, "fsync", lambda _: full() if self.full else None)
        clock = SimpleNamespace(time=time.time, monotonic=time.monotonic, sleep=self._sleep)
        monkeypatch.setattr(worker, "time", clock)
        monkeypatch.setattr(training_loop, "CHECKPOINT_SECONDS", 0.0)
        monkeypatch.setattr(training_loop, "REPORT_SECONDS", 0.0)

    def _sleep(self, seconds: float) -> None:
        assert seconds == worker.ROOM_SECONDS
        self.waited += 1
        assert self.waited < 100
        self.waits(self.waited)


@pytest.fixture
def disk(monkeypatch) -> Disk:
    return Disk(monkeypatch)


def weights(phoenix: Phoenix, job_id: str) -> bytes:
    return (phoenix.store.run_dir(job_id) / "adapter.safetensors").read_bytes()


def steps_of(monkeypatch: pytest.MonkeyPatch, at: dict[int, Callable[[], None]]) -> list[int]:
    """Do things before certain steps, each once; return the steps as they are taken."""
    steps: list[int] = []
    real = Trainer.train_step

    def step(self: Trainer) -> float:
        if self.step in at:
            at.pop(self.step)()
        steps.append(self.step)
        return real(self)

    monkeypatch.setattr(Trainer, "train_step", step)
    return steps


def test_a_training_waits_for_room_and_goes_on_from_its_last_checkpoint(phoenix, disk, monkeypatch):
    model_id = phoenix.style_set(2)
    prompts = {"samplePrompts": ["a house"]}
    undisturbed = phoenix.launch(model_id, **QUICK, **prompts)
    worker.work_off(phoenix.store)
    seen: list[Any] = []

    def waits(times: int) -> None:
        assert phoenix.store.checkpoint(job_id).exists()
        if times == 3:
            model, job = phoenix.read(model_id), phoenix.job(job_id)
            seen.append((model["status"], model["trainingProgress"], job))
            disk.full = False

    disk.waits = waits
    steps = steps_of(monkeypatch, {8: lambda: setattr(disk, "full", True)})
    job_id = phoenix.launch(model_id, **QUICK, **prompts)
    worker.work_off(phoenix.store)
    assert steps == [*range(9), *range(8, 12)]
    ((status, progress, job),) = seen
    assert (status, job["status"]) == ("training", "in-progress")
    assert "is full. Training waits" in job["metadata"]["hint"]
    assert len(job["metadata"]["hint"]) <= 200
    assert progress["stage"] == "running-train"
    assert progress["progress"] == pytest.approx(9 / 12, abs=0.01)
    assert "remainingTimeMs" not in progress
    job = phoenix.job(job_id)
    assert job["status"] == "success"
    assert "hint" not in job["metadata"]
    assert weights(phoenix, job_id) == weights(phoenix, undisturbed)
    assert [epoch["epoch"] for epoch in phoenix.read(model_id)["epochs"]] == ["1", "2"]


@pytest.mark.parametrize("what", [StoreBusy("In use."), OSError(errno.EDQUOT, "over quota")])
def test_what_passes_is_no_failure_of_a_training(phoenix, disk, monkeypatch, what):
    def meets() -> None:
        raise what

    steps = steps_of(monkeypatch, {5: meets})
    job_id = phoenix.launch(phoenix.style_set(2), **QUICK)
    worker.work_off(phoenix.store)
    assert steps == list(range(12))
    assert phoenix.job(job_id)["status"] == "success"
    assert disk.waited == 1


def test_one_that_waits_for_room_can_be_canceled(phoenix, disk, monkeypatch):
    model_id = phoenix.style_set(2)

    def waits(times: int) -> None:
        if times == 2:
            phoenix.ok("POST", f"/models/{model_id}/train/action", {"action": "cancel"})

    disk.waits = waits
    steps_of(monkeypatch, {8: lambda: setattr(disk, "full", True)})
    job_id = phoenix.launch(model_id, **QUICK)
    worker.work_off(phoenix.store)
    assert phoenix.job(job_id)["status"] == "canceled"
    assert not phoenix.store.checkpoint(job_id).exists()


def test_a_disk_that_is_full_at_the_very_end_takes_no_checkpoint_away(phoenix, disk, monkeypatch):
    job_id = phoenix.launch(phoenix.style_set(2), **QUICK)
    real, aside = phoenix.store.writing, phoenix.store.checkpoint_aside(job_id)
    planted = [sqlite3.OperationalError("database or disk is full")]
    planted[0].sqlite_errorcode = sqlite3.SQLITE_FULL

    @contextmanager
    def writing() -> Iterator[sqlite3.Connection]:
        with real() as connection:
            yield connection
            if aside.exists() and planted:
                raise planted.pop()

    monkeypatch.setattr(phoenix.store, "writing", writing)
    steps = steps_of(monkeypatch, {})
    worker.work_off(phoenix.store)
    assert (planted, disk.waited) == ([], 1)
    assert steps == list(range(12))
    assert phoenix.job(job_id)["status"] == "success"
    assert [path.name for path in phoenix.store.run_dir(job_id).iterdir()] == [
        "adapter.safetensors"
    ]
    assert not aside.exists()


def test_a_state_left_aside_by_a_killed_process_is_found(phoenix):
    aside = phoenix.store.checkpoint_aside("job_1")
    phoenix.store.run_dir("job_1").mkdir(parents=True)
    write_whole(aside, b"a state")
    phoenix.store.bring_checkpoints_back()
    assert not aside.exists()
    assert phoenix.store.checkpoint("job_1").read_bytes() == b"a state"


def test_what_is_a_full_disk():
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    told = StoreError("It cannot be written.")
    told.__cause__ = error
    assert is_full(told)
    assert is_full(OSError(errno.EFBIG, "File too large"))
    assert not is_full(OSError(errno.EACCES, "Permission denied"))
    assert not is_full(StoreError("It is damaged."))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process: Linux only")
def test_a_real_worker_waits_under_a_limit_and_goes_on_without(live):
    import resource

    model_id = live.style_set(2)
    job_id = live.launch(model_id, **LONG)
    checkpoint = live.store.checkpoint(job_id)
    live.until(lambda: live.job(job_id) and checkpoint.exists())
    process = live.workers.process
    assert process is not None
    # Room for the database, which tells of it, and for no further checkpoint.
    most = live.store.path.stat().st_size + 50_000
    assert checkpoint.stat().st_size > most
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    live.until(lambda: "is full" in live.job(job_id)["metadata"].get("hint", ""))
    assert checkpoint.exists()
    before = live.job(job_id)
    assert before["status"] == "in-progress"
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
    live.until(lambda: live.job(job_id)["progress"] > before["progress"])
    assert live.workers.process is process
    live.ok("POST", f"/models/{model_id}/train/action", {"action": "cancel"})
