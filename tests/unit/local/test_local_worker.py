"""Jobs worked off: what a watcher reads, cancel, failure, and processes that are killed."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file
from unit.local.local_phoenix import Phoenix, drawing

from phoenix_nbtrain.engines.demo import training_loop
from phoenix_nbtrain.engines.demo.patch_trainer import Trainer
from phoenix_nbtrain.local import job_run, worker, workers
from phoenix_nbtrain.local.rows import ENDED, model_row
from phoenix_nbtrain.local.workers import child_environment, hold_lease, lease_held

QUICK: dict[str, Any] = {"nbEpochs": 2, "nbRepeats": 3, "rank": 4, "seed": 1}
LONG: dict[str, Any] = {"nbEpochs": 100, "nbRepeats": 100, "seed": 1}


def pair_set(phoenix: Phoenix) -> tuple[str, str]:
    """Return an edit model with two pairs, and a line drawing to sample from."""
    return phoenix.pair_set("red")[0], phoenix.upload(drawing("circle", size=(96, 48)))


def ended(phoenix: Phoenix, model_id: str) -> Any:
    model = phoenix.read(model_id)
    return model if model["status"] != "training" else None


def test_a_training_goes_to_its_end_and_leaves_what_it_should(phoenix):
    model_id, source = pair_set(phoenix)
    prompts = {"samplePrompts": ["make it red"], "sampleSourceImages": [source]}
    job_id = phoenix.launch(model_id, **QUICK, **prompts)
    worker.work_off(phoenix.store)
    model, job = phoenix.read(model_id), phoenix.job(job_id)
    assert model["status"] == "trained"
    assert {"startedAt", "endedAt", "queueDuration", "trainDuration"} <= model[
        "trainingStats"
    ].keys()
    assert (job["status"], job["progress"]) == ("success", 1.0)
    assert [entry["status"] for entry in job["statusHistory"]] == [
        "pending", "queued", "warming-up", "in-progress", "finalizing", "success"
    ]  # fmt: skip
    output = job["metadata"]["output"]
    assert (output["epoch"], output["epochs"]) == (2, 2)
    assert [step for step, _ in output["losses"]] == list(range(1, 13))
    first, second = output["losses"][:6], output["losses"][6:]
    assert sum(loss for _, loss in second) < sum(loss for _, loss in first)
    folder = phoenix.store.run_dir(job_id)
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter-epoch-0001.safetensors", "adapter-epoch-0002.safetensors", "adapter.safetensors"
    ]  # fmt: skip
    assert load_file(folder / "adapter.safetensors")["A"].shape[1] == 4


def test_every_epoch_leaves_a_sample_of_its_own_in_the_sources_shape(phoenix):
    model_id, source = pair_set(phoenix)
    prompts = {"samplePrompts": ["make it red"], "sampleSourceImages": [source]}
    phoenix.launch(model_id, **QUICK, **prompts)
    worker.work_off(phoenix.store)
    epochs = phoenix.read(model_id)["epochs"]
    assert [epoch["epoch"] for epoch in epochs] == ["1", "2"]
    files = []
    for epoch in epochs:
        (sample,) = epoch["assets"]
        asset = phoenix.ok("GET", f"/assets/{sample['assetId']}")["asset"]
        assert (asset["properties"]["width"], asset["properties"]["height"]) == (128, 64)
        assert asset["metadata"]["prompt"] == "make it red"
        reply = phoenix.fetch(sample["url"])
        assert reply.mimetype == "image/png"
        files.append(reply.data)
    assert files[0] != files[1]
    # A sample can be a training image of the next model.
    phoenix.attach(phoenix.model(), epochs[0]["assets"][0]["assetId"])


def test_without_sources_samples_start_from_drawings_of_our_own(phoenix):
    model_id = phoenix.style_set(2)
    phoenix.launch(model_id, **QUICK, samplePrompts=["a house", "zzz"])
    worker.work_off(phoenix.store)
    first, last = (epoch["assets"] for epoch in phoenix.read(model_id)["epochs"])
    assert len(first) == len(last) == 2
    assert len({phoenix.fetch(a["url"]).data for a in first + last}) == 4


def test_without_sample_prompts_only_the_last_weights_are_kept(phoenix):
    model_id = phoenix.style_set(2)
    job_id = phoenix.launch(model_id, **QUICK)
    worker.work_off(phoenix.store)
    assert "epochs" not in phoenix.read(model_id)
    assert [p.name for p in phoenix.store.run_dir(job_id).iterdir()] == ["adapter.safetensors"]


def test_a_run_trains_on_what_was_there_at_its_launch(phoenix):
    def weights(*, change: bool) -> bytes:
        model_id = phoenix.model()
        asset_id = phoenix.upload(drawing("box", "red"), "a.png", caption="red")
        phoenix.attach(model_id, asset_id)
        job_id = phoenix.launch(model_id, **QUICK)
        if change:
            phoenix.ok("PUT", f"/assets/{asset_id}", {"description": "blue"})
            phoenix.attach(model_id, phoenix.upload(drawing()))
        worker.work_off(phoenix.store)
        return (phoenix.store.run_dir(job_id) / "adapter.safetensors").read_bytes()

    assert weights(change=False) == weights(change=True)


def test_jobs_wait_in_line_and_say_how_many_are_ahead(phoenix, monkeypatch):
    models = [phoenix.style_set(1) for _ in range(3)]
    for model_id in models:
        phoenix.launch(model_id, **QUICK)
    seen: list[list[Any]] = []
    real = job_run.JobRun.to_the_end

    def watched(self: job_run.JobRun) -> None:
        seen.append([phoenix.read(model_id).get("trainingProgress") for model_id in models])
        real(self)

    monkeypatch.setattr(job_run.JobRun, "to_the_end", watched)
    worker.work_off(phoenix.store)
    first, second, third = seen
    assert [p["stage"] for p in first] == ["starting-train", "queued-for-train", "queued-for-train"]
    assert [p.get("position") for p in first] == [None, 1, 2]
    assert second[2]["position"] == 1
    assert third[2]["stage"] == "starting-train"
    assert all(phoenix.read(model_id)["status"] == "trained" for model_id in models)


def test_a_failure_is_recorded_refunded_and_does_not_stop_the_next_job(phoenix):
    broken, fine = phoenix.style_set(1), phoenix.style_set(1)
    phoenix.set(balance=Decimal(1000))
    job_id, _ = phoenix.launch(broken, **QUICK), phoenix.launch(fine, **QUICK)
    with phoenix.store.writing() as connection:
        work = json.loads(
            connection.execute("SELECT work FROM jobs WHERE id = ?", (job_id,)).fetchone()[0]
        )
        work["images"][0][1] = "0" * 64  # a file that is gone
        connection.execute("UPDATE jobs SET work = ? WHERE id = ?", (json.dumps(work), job_id))
    worker.work_off(phoenix.store)
    job = phoenix.job(job_id)
    assert job["status"] == "failure"
    assert 0 < len(job["metadata"]["error"]) <= 200
    assert phoenix.read(broken)["status"] == "failed"
    assert phoenix.read(fine)["status"] == "trained"
    assert phoenix.settings.balance == Decimal("997.6")


def test_a_training_that_diverges_fails_and_says_why(phoenix):
    model_id = phoenix.ok("POST", "/models", {"type": "flux.1-lora"})["model"]["id"]
    phoenix.attach(model_id, phoenix.upload(drawing()))
    job_id = phoenix.launch(
        model_id, learningRate=9e15, nbEpochs=10**9, nbRepeats=10**9, maxTrainSteps=9
    )
    worker.work_off(phoenix.store)
    metadata = phoenix.job(job_id)["metadata"]
    assert "diverged" in metadata["error"]
    assert "smaller learning rate" in metadata["hint"]
    assert phoenix.read(model_id)["status"] == "failed"


def test_a_cancel_stops_the_steps_at_once_and_is_not_overwritten(phoenix, monkeypatch):
    model_id = phoenix.style_set(1)
    job_id = phoenix.launch(model_id, **LONG)
    real = job_run.JobRun._report
    reports = []

    def cancels(self: job_run.JobRun, *args: Any) -> None:
        reports.append(args)
        if len(reports) == 1:
            phoenix.ok("POST", f"/models/{model_id}/train/action", {"action": "cancel"})
        real(self, *args)

    monkeypatch.setattr(job_run.JobRun, "_report", cancels)
    worker.work_off(phoenix.store)
    assert len(reports) == 1
    assert phoenix.read(model_id)["status"] == "training-canceled"
    assert phoenix.job(job_id)["status"] == "canceled"
    assert phoenix.job(job_id)["progress"] < 0.5


def test_an_interrupted_run_goes_on_from_its_checkpoint_and_repeats_no_epoch(phoenix, monkeypatch):
    model_id, source = pair_set(phoenix)
    prompts = {"samplePrompts": ["make it red"], "sampleSourceImages": [source]}
    whole = phoenix.launch(model_id, **QUICK, **prompts)  # two epochs of six steps
    worker.work_off(phoenix.store)
    steps: list[int] = []
    real = Trainer.train_step

    def dies_at_ten(self: Trainer) -> float:
        if self.step == 9 and 9 not in steps:
            steps.append(9)
            raise SystemExit
        # The last checkpoint is of step 4: the first epoch's samples are newer than it.
        monkeypatch.setattr(training_loop, "CHECKPOINT_SECONDS", 0.0 if self.step < 4 else 1e9)
        steps.append(self.step)
        return real(self)

    monkeypatch.setattr(Trainer, "train_step", dies_at_ten)
    job_id = phoenix.launch(model_id, **QUICK, **prompts)
    with pytest.raises(SystemExit):
        worker.work_off(phoenix.store)
    before = phoenix.read(model_id)["epochs"]
    assert len(before) == 1
    worker.work_off(phoenix.store)
    assert steps == [*range(10), *range(4, 12)]
    after = phoenix.read(model_id)["epochs"]
    assert [epoch["epoch"] for epoch in after] == ["1", "2"]
    assert after[0]["assets"][0]["assetId"] == before[0]["assets"][0]["assetId"]
    one, other = (
        (phoenix.store.run_dir(job) / "adapter.safetensors").read_bytes() for job in (whole, job_id)
    )
    assert one == other


# -- real processes ---------------------------------------------------------------------------


def test_a_worker_process_is_started_by_the_launch_and_ends_by_itself(live, monkeypatch, tmp_path):
    model_id = live.style_set(2)
    beside = tmp_path / "notebook"
    beside.mkdir()
    for name in ("numpy", "json", "sqlite3", "phoenix_nbtrain"):
        (beside / f"{name}.py").write_text("raise SystemExit('a file beside the notebook ran')")
    monkeypatch.chdir(beside)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", str(beside)]))
    secrets = ("PHOENIX_NBTRAIN_API_SECRET", "SCENARIO_SDK_API_KEY", "SCENARIO_SDK_JWT")
    for name in (*secrets, "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "DB_PASSWORD"):
        monkeypatch.setenv(name, "hush")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hush@proxy.test:3128")
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", "AVX512F")
    live.launch(model_id, **QUICK)

    def trained_without_a_read() -> bool:
        with live.store.reading() as connection:
            return bool(model_row(connection, model_id)["status"] == "trained")

    live.until(trained_without_a_read)
    process = live.workers.process
    assert process is not None
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert Path(f"/proc/{process.pid}/cwd").resolve() == live.data_dir or sys.platform != "linux"
    if sys.platform == "linux":
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"hush" not in environment
        assert b"OPENBLAS_NUM_THREADS=1" in environment
        assert b"NPY_DISABLE_CPU_FEATURES=AVX512F" in environment
    # It ends by itself, and whoever started it reaps it: no zombie waits for another read.
    live.until(lambda: process.returncode == 0, worker.IDLE_SECONDS + 10)
    assert not lease_held(live.data_dir)
    assert (live.data_dir / "worker.log").read_bytes() == b""


def test_a_running_training_shows_its_progress_and_is_canceled_promptly(live):
    model_id = live.style_set(2)
    job_id = live.launch(model_id, **LONG)

    def running() -> Any:
        progress = live.read(model_id)["trainingProgress"]
        return progress if progress.get("progress", 0) > 0 else None

    first = live.until(running)
    assert first["stage"] == "running-train"
    assert first["remainingTimeMs"] > 0
    later = live.until(lambda: (p := running()) and p["progress"] > first["progress"] and p)
    assert later["updatedAt"] > first["updatedAt"]
    assert live.job(job_id)["metadata"]["output"]["losses"]
    live.ok("POST", f"/models/{model_id}/train/action", {"action": "cancel"})
    next_model = live.style_set(1)
    asked = time.monotonic()
    live.launch(next_model, **QUICK)
    live.until(lambda: ended(live, next_model))
    assert time.monotonic() - asked < 10  # the canceled one would have taken half a minute
    assert live.read(model_id)["status"] == "training-canceled"


def test_two_processes_on_one_folder_share_one_worker_and_its_results(live):
    script = (
        "import json, sys, time; from pathlib import Path\n"
        "from phoenix_nbtrain.local.app import create_app\n"
        "app = create_app(Path(sys.argv[1])); http = app.test_client()\n"
        "path = '/v1/models/' + sys.argv[2]; h = {'Host': 'phoenix.local'}\n"
        "http.put(path + '/train', json={'parameters': {'nbRepeats': 2}}, headers=h)\n"
        "end = time.monotonic() + 30\n"
        "while time.monotonic() < end:\n"
        "    model = http.get(path, headers=h).get_json()['model']\n"
        "    if model['status'] != 'training': break\n"
        "    time.sleep(0.05)\n"
        "path = '/v1/models/' + sys.argv[3]\n"
        "while time.monotonic() < end:\n"
        "    other = http.get(path, headers=h).get_json()['model']\n"
        "    if other['status'] != 'training': break\n"
        "    time.sleep(0.05)\n"
        "print(json.dumps([model, other]))\n"
    )
    mine, theirs = live.style_set(2), live.style_set(2)
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(live.data_dir), theirs, mine],
        env={**child_environment(), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
    )
    job_id = live.launch(mine, nbRepeats=2)
    names = [live.model(name=f"model {n}") for n in range(20)]
    assert live.until(lambda: ended(live, mine))["status"] == "trained"
    out, _ = other.communicate(timeout=60)
    seen_there = json.loads(out)
    assert [model["status"] for model in seen_there] == ["trained", "trained"]
    for there in seen_there:
        here = live.read(there["id"])
        same = ("status", "jobId", "trainingStats", "trainingProgress", "parameters")
        assert {name: here[name] for name in same} == {name: there[name] for name in same}
    for job in (job_id, seen_there[0]["jobId"]):  # each was begun once, so one process did it
        statuses = [entry["status"] for entry in live.job(job)["statusHistory"]]
        assert statuses.count("warming-up") == statuses.count("in-progress") == 1
    assert len(set(names)) == 20


def test_only_one_process_holds_the_lease(tmp_path):
    assert not lease_held(tmp_path)
    with hold_lease(tmp_path) as mine:
        assert mine
        assert lease_held(tmp_path)
        with hold_lease(tmp_path) as second:
            assert not second
    assert not lease_held(tmp_path)


def test_a_worker_that_cannot_even_start_fails_the_job_with_its_last_words(live, monkeypatch):
    broken = {**child_environment(), "PYTHONPATH": "", "PYTHONHOME": "/nowhere"}
    monkeypatch.setattr(workers, "child_environment", lambda: broken)
    model_id = live.style_set(1)
    job_id = live.launch(model_id, **QUICK)
    assert live.until(lambda: ended(live, model_id))["status"] == "failed"
    metadata = live.job(job_id)["metadata"]
    assert metadata["error"] == "The training process ends as soon as it starts."
    assert metadata["hint"]


def test_a_worker_that_cannot_be_started_at_all_fails_the_job(live, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    model_id = live.style_set(1)
    job_id = live.launch(model_id, **QUICK)
    assert live.job(job_id)["status"] in ENDED
    assert "cannot be started" in live.job(job_id)["metadata"]["error"]


def test_a_system_that_has_no_process_to_spare_fails_no_job(live, monkeypatch):
    model_id, begin, refusals = live.style_set(1), subprocess.Popen, [0]

    def popen(*args: Any, **more: Any) -> Any:
        if refusals[0] < 9:
            refusals[0] += 1
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return begin(*args, **more)

    monkeypatch.setattr(workers.subprocess, "Popen", popen)
    live.launch(model_id, **QUICK)
    for _ in range(8):
        assert live.read(model_id)["status"] == "training"
    assert live.until(lambda: ended(live, model_id))["status"] == "trained"
