"""Timers fire at their time, and work that nobody waits for is dropped."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from phoenix_nbtrain.records import Model
from phoenix_nbtrain.runner import ThreadRunner
from phoenix_nbtrain.store.drafts import Drafts
from phoenix_nbtrain.training.buying import Buying
from phoenix_nbtrain.training.live import Live
from phoenix_nbtrain.training.watch import Watch

WAIT = 3
MORE_THAN_A_LANE = 12


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    """What slow work waits for."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def runner(go_on: threading.Event) -> Iterator[ThreadRunner]:
    made = ThreadRunner()
    yield made
    go_on.set()
    for pool in made._pools.values():
        pool.shutdown()


def fires(runner: ThreadRunner) -> bool:
    fired = threading.Event()
    runner.later(0, fired.set)
    return fired.wait(WAIT)


def test_timers_do_not_wait_for_uploads(runner: ThreadRunner, go_on: threading.Event) -> None:
    for _ in range(MORE_THAN_A_LANE):
        runner.submit("io", go_on.wait)
    assert fires(runner)


class Slow:
    """A service whose replies take until the end of the test, to any question."""

    is_local = True

    def __init__(self, go_on: threading.Event) -> None:
        self._go_on = go_on
        self.asked = threading.Semaphore(0)

    def get_model(self, model_id: str) -> Model:
        self.asked.release()
        self._go_on.wait()
        return Model(id=model_id)

    def covered(self) -> tuple[int, int]:
        self.asked.release()
        self._go_on.wait()
        return 0, 0


def live(runner: ThreadRunner, folder: Path) -> Live:
    drafts = Drafts(folder / "drafts.sqlite3")
    return Live(model=Model(id="model_1"), origin="here", drafts=drafts, runner=runner)


def test_runs_that_are_read_slowly_hold_up_no_timer(
    runner: ThreadRunner, go_on: threading.Event, tmp_path: Path
) -> None:
    slow: Any = Slow(go_on)
    launcher: Any = SimpleNamespace(
        run_of=lambda _: None, settle_download=lambda _: None, unseen=lambda _: None
    )
    for _ in range(MORE_THAN_A_LANE):
        Watch(live(runner, tmp_path), slow, launcher).begin()
        assert slow.asked.acquire(timeout=WAIT)
    assert fires(runner)


def test_prices_that_come_slowly_hold_up_no_timer(
    runner: ThreadRunner, go_on: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, none = Slow(go_on), SimpleNamespace()
    monkeypatch.setattr("phoenix_nbtrain.training.buying.PRICE_SECONDS", 0.0)
    monkeypatch.setattr(Buying, "_covers", lambda _: slow.covered())
    for _ in range(MORE_THAN_A_LANE):
        buying = Buying(live(runner, tmp_path), none, none, none)  # type: ignore[arg-type]
        buying.request_estimate()
        assert slow.asked.acquire(timeout=WAIT)
    assert fires(runner)


def test_work_that_is_cancelled_before_it_began_is_dropped(
    runner: ThreadRunner, go_on: threading.Event
) -> None:
    done: list[str] = []
    for _ in range(2):  # as wide as the lane is
        runner.submit("thumbnails", go_on.wait)
    futures = {name: runner.submit("thumbnails", done.append, name) for name in "abc"}
    assert futures["b"].cancel()
    go_on.set()
    futures["c"].result(timeout=WAIT)
    futures["a"].result(timeout=WAIT)
    assert sorted(done) == ["a", "c"]


def test_work_that_no_thread_can_be_started_for_is_done_later(
    runner: ThreadRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phoenix_nbtrain.runner.AGAIN_SECONDS", 0.01)
    assert fires(runner)  # the timer's own thread is there
    begin, refusals = threading.Thread.start, [0]

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("phoenix-") and refusals[0] < 5:
            refusals[0] += 1
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    done: list[str] = []
    runner.alone("first", lambda: done.append("alone")).result(WAIT)
    assert (done, refusals) == (["alone"], [5])


def test_a_timer_that_finds_no_thread_fires_later_and_once(
    runner: ThreadRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phoenix_nbtrain.runner.AGAIN_SECONDS", 0.01)
    submit, refusals, fired = runner.submit, [0], []

    def refusing(lane: Any, work: Any, /, *args: Any, **kwargs: Any) -> Any:
        future = submit(lane, work, *args, **kwargs)
        if refusals[0] < 3:  # as a pool does: the work is queued, and then no thread can be had
            refusals[0] += 1
            raise RuntimeError("can't start new thread")
        return future

    monkeypatch.setattr(runner, "submit", refusing)
    runner.later(0, lambda: fired.append("once"))
    assert fires(runner)
    assert fires(runner)
    assert (fired, refusals) == (["once"], [3])
