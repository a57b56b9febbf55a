"""The demo engine by its contract alone: a folder goes in, events and files come out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from phoenix_nbtrain.catalog import full_config
from phoenix_nbtrain.engines.contract import (
    CHECKPOINT,
    IMAGES,
    EpochDone,
    Event,
    Item,
    Job,
    Progress,
    Ready,
    Sample,
    weights_name,
)
from phoenix_nbtrain.engines.demo import DEMO, training_loop

STEPS = 2 * 3 * 2


def job_in(folder: Path, **changed: Any) -> Job:
    """Write a job of two images, three repeats and two epochs into a folder."""
    (folder / IMAGES).mkdir(parents=True)
    items = []
    for colour in ("red", "blue"):
        file = f"{IMAGES}/{colour}.png"
        Image.new("RGB", (128, 96), colour).save(folder / file)
        items.append(Item(file, None, f"{colour} räum"))
    config = full_config("flux.2-dev-lora", {"epochs": 2, "repeats": 3, "rank": 4})
    samples = [Sample("a house", None), Sample("räum", f"{IMAGES}/red.png")]
    about = {"config": config, "seed": 7, "pairs": False, "items": items, "samples": samples}
    job = Job(**(about | changed))
    job.write(folder)
    return job


def run(folder: Path, *, stop_after: int = 10**6) -> tuple[Progress | None, list[Event]]:
    """Run the engine; stop it after some events."""
    events: list[Event] = []
    last = DEMO.run(folder, events.append, lambda: len(events) >= stop_after)
    return last, events


def test_a_job_comes_back_from_its_file_as_it_went(tmp_path):
    job = job_in(tmp_path)
    assert Job.read(tmp_path).items == job.items
    assert Job.read(tmp_path).samples == job.samples
    assert Job.read(tmp_path).seed == 7


def test_a_run_reports_each_epoch_and_leaves_weights_and_samples(tmp_path):
    job_in(tmp_path)
    last, events = run(tmp_path)
    assert last is not None
    assert (last.step, last.steps, last.epoch, last.epochs) == (STEPS, STEPS, 2, 2)
    assert [step for step, _ in last.losses] == list(range(1, STEPS + 1))
    assert isinstance(events[0], Ready)
    first, second = (event for event in events if isinstance(event, EpochDone))
    assert (first.progress.epoch, second.progress.epoch) == (1, 2)
    assert [sample.prompt for sample in second.samples] == ["a house", "räum"]
    assert [(s.width, s.height) for s in second.samples] == [(128, 128), (128, 96)]
    for sample in second.samples:
        with Image.open(tmp_path / sample.file) as image:
            assert image.size == (sample.width, sample.height)
    assert (tmp_path / weights_name()).read_bytes() == (tmp_path / weights_name(2)).read_bytes()
    assert (tmp_path / weights_name(1)).exists()


def test_one_that_is_stopped_ends_without_last_weights(tmp_path):
    job_in(tmp_path)
    last, events = run(tmp_path, stop_after=2)
    assert (last, len(events)) == (None, 2)
    assert not (tmp_path / weights_name()).exists()


def test_it_goes_on_from_its_checkpoint_and_arrives_at_the_same_weights(tmp_path, monkeypatch):
    job_in(tmp_path / "whole")
    run(tmp_path / "whole")
    interrupted = tmp_path / "interrupted"
    job_in(interrupted)
    assert DEMO.saved_step(interrupted) == 0
    monkeypatch.setattr(training_loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(training_loop, "REPORT_SECONDS", 1e9)  # events are counted
    run(interrupted, stop_after=3)  # ready, and both epochs: stopped after the last step
    assert DEMO.saved_step(interrupted) == STEPS - 1
    last, events = run(interrupted)
    assert last is not None
    assert len([event for event in events if isinstance(event, EpochDone)]) == 1
    files = [(folder / weights_name()).read_bytes() for folder in (tmp_path / "whole", interrupted)]
    assert files[0] == files[1]


def test_a_checkpoint_of_no_use_is_none(tmp_path):
    job_in(tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"\xff" * 100)
    assert DEMO.saved_step(tmp_path) == 0
    last, _ = run(tmp_path)
    assert last is not None
