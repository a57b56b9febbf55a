"""How a training ends, what it leaves, and that it can be launched again from every end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from unit.local.local_phoenix import Phoenix

from phoenix_nbtrain.engines.demo import training_loop
from phoenix_nbtrain.local import job_run, worker

QUICK: dict[str, Any] = {"nbEpochs": 2, "nbRepeats": 3, "rank": 4, "seed": 1}
PROMPTS = {"samplePrompts": ["a ring"]}

End = Callable[[Phoenix, str, pytest.MonkeyPatch], None]


def trained(phoenix: Phoenix, model_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.work_off(phoenix.store)


def canceled_in_the_queue(phoenix: Phoenix, model_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    phoenix.ok("POST", f"/models/{model_id}/train/action", {"action": "cancel"})
    worker.work_off(phoenix.store)


def canceled_on_the_way(phoenix: Phoenix, model_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = job_run.JobRun._epoch_done

    def cancels(self: job_run.JobRun, event: Any) -> None:
        phoenix.ok("POST", f"/models/{model_id}/train/action", {"action": "cancel"})
        real(self, event)

    with monkeypatch.context() as patch:
        patch.setattr(training_loop, "CHECKPOINT_SECONDS", 0.0)
        patch.setattr(job_run.JobRun, "_epoch_done", cancels)
        worker.work_off(phoenix.store)


def canceled_while_images_are_read(
    phoenix: Phoenix, model_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = job_run.pixels

    def cancels(*args: Any) -> Any:
        if phoenix.read(model_id)["status"] == "training":
            phoenix.ok("POST", f"/models/{model_id}/train/action", {"action": "cancel"})
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(job_run, "LOOK_SECONDS", 0.0)
        patch.setattr(job_run, "pixels", cancels)
        patch.setattr(training_loop, "run", lambda *_: pytest.fail("it went on"))
        worker.work_off(phoenix.store)


def failed(phoenix: Phoenix, model_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(training_loop, "CHECKPOINT_SECONDS", 0.0)
        patch.setattr(job_run.JobRun, "_finish", broken)
        worker.work_off(phoenix.store)


def killed_for_ever(phoenix: Phoenix, model_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(self: job_run.JobRun) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(job_run.JobRun, "to_the_end", dies)
        for _ in range(worker.CLAIMS_MAX):
            with pytest.raises(SystemExit):
                worker.work_off(phoenix.store)
        worker.work_off(phoenix.store)
    job_id = phoenix.read(model_id)["jobId"]
    assert "ended 8 times" in phoenix.job(job_id)["metadata"]["error"]


ENDS = {
    trained: ("trained", "success"),
    canceled_in_the_queue: ("training-canceled", "canceled"),
    canceled_while_images_are_read: ("training-canceled", "canceled"),
    canceled_on_the_way: ("training-canceled", "canceled"),
    failed: ("failed", "failure"),
    killed_for_ever: ("failed", "failure"),
}


def assert_documented(phoenix: Phoenix, model: Any, job: Any, *, began: bool) -> None:
    """Check what a watcher is told of an end: statistics, history, error."""
    stats = model["trainingStats"]
    ended = datetime.fromisoformat(stats["endedAt"])
    if began:
        assert datetime.fromisoformat(stats["startedAt"]) <= ended
        assert stats["queueDuration"] >= 0
        assert stats["trainDuration"] >= 0
    else:
        assert stats.keys() == {"endedAt"}
    history = job["statusHistory"]
    dates = [datetime.fromisoformat(entry["date"]) for entry in history]
    assert dates == sorted(dates)
    assert history[0]["status"] == "pending"
    assert history[-1]["status"] == job["status"]
    assert len({entry["status"] for entry in history}) == len(history)
    if job["status"] == "failure":
        assert 0 < len(job["metadata"]["error"]) <= 200
    else:
        assert "error" not in job["metadata"]
    folder = phoenix.store.run_dir(job["jobId"])
    left = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    assert all(name.startswith("adapter") for name in left), left


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_every_end_is_documented_and_a_training_can_be_launched_again_from_it(
    phoenix, monkeypatch, end
):
    model_id = phoenix.style_set(2)
    first = phoenix.launch(model_id, **QUICK, **PROMPTS)
    end(phoenix, model_id, monkeypatch)
    model, job = phoenix.read(model_id), phoenix.job(first)
    assert (model["status"], job["status"]) == ENDS[end]
    assert_documented(phoenix, model, job, began=end is not canceled_in_the_queue)

    second = phoenix.launch(model_id, **QUICK, **PROMPTS)
    assert second != first
    again = phoenix.read(model_id)
    assert again["status"] == "training"
    assert "trainingStats" not in again
    assert "epochs" not in again
    worker.work_off(phoenix.store)
    model = phoenix.read(model_id)
    assert (model["status"], model["jobId"]) == ("trained", second)
    assert [epoch["epoch"] for epoch in model["epochs"]] == ["1", "2"]
    assert_documented(phoenix, model, phoenix.job(second), began=True)
    assert phoenix.job(first) == job, "the first one's record changed"


def test_who_launches_again_at_once_waits_for_the_canceled_one_to_stop(phoenix, monkeypatch):
    model_id = phoenix.style_set(1)
    first = phoenix.launch(model_id, nbEpochs=100, nbRepeats=100)
    jobs: list[str] = []
    real = job_run.JobRun._report

    def again(self: job_run.JobRun, *args: Any) -> None:
        if not jobs:
            phoenix.ok("POST", f"/models/{model_id}/train/action", {"action": "cancel"})
            jobs.append(phoenix.launch(model_id, **QUICK))
        real(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(job_run.JobRun, "_report", again)
        worker.work_off(phoenix.store)
    assert phoenix.job(first)["status"] == "canceled"
    assert phoenix.job(jobs[0])["status"] == "success"
    assert phoenix.read(model_id)["status"] == "trained"
