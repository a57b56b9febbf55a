"""Timers fire at their time, and work that nobody waits for is dropped."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import phoenix_nbtrain as nbt
from phoenix_nbtrain.images.drawings import draw_icons
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.runner import ThreadRunner
from phoenix_nbtrain.session.purchase import Purchase
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.session.watch import Watch
from phoenix_nbtrain.store.drafts import Drafts
from phoenix_nbtrain.training import Training

WAIT = 3
MORE_THAN_A_LANE = 12


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    """What slow work waits for."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def runner(go_on) -> Iterator[ThreadRunner]:
    made = ThreadRunner()
    yield made
    go_on.set()
    for lane in made._lanes.values():
        lane.rest(10)


def fires(runner: ThreadRunner) -> bool:
    fired = threading.Event()
    runner.later(0, fired.set)
    return fired.wait(WAIT)


def test_timers_do_not_wait_for_uploads(runner, go_on):
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


def live(runner: ThreadRunner, folder: Path) -> StateStore:
    drafts = Drafts(folder / "drafts.sqlite3")
    return StateStore(model=Model(id="model_1"), origin="here", drafts=drafts, runner=runner)


def test_runs_that_are_read_slowly_hold_up_no_timer(runner, go_on, tmp_path):
    slow: Any = Slow(go_on)
    launcher: Any = SimpleNamespace(
        run_of=lambda _: None, settle_download=lambda _: None, unseen=lambda _: None
    )
    for _ in range(MORE_THAN_A_LANE):
        Watch(live(runner, tmp_path), slow, launcher).begin()
        assert slow.asked.acquire(timeout=WAIT)
    assert fires(runner)


def test_prices_that_come_slowly_hold_up_no_timer(runner, go_on, tmp_path, monkeypatch):
    slow, none = Slow(go_on), SimpleNamespace()
    monkeypatch.setattr("phoenix_nbtrain.session.purchase.PRICE_SECONDS", 0.0)
    monkeypatch.setattr(Purchase, "_covers", lambda _: slow.covered())
    for _ in range(MORE_THAN_A_LANE):
        buying = Purchase(live(runner, tmp_path), none, none, none)
        buying.price_soon()
        assert slow.asked.acquire(timeout=WAIT)
    assert fires(runner)


def test_work_that_is_cancelled_before_it_began_is_dropped(runner, go_on):
    done: list[str] = []
    for _ in range(2):  # as wide as the lane is
        runner.submit("thumbnails", go_on.wait)
    futures = {name: runner.submit("thumbnails", done.append, name) for name in "abc"}
    assert futures["b"].cancel()
    go_on.set()
    futures["c"].result(timeout=WAIT)
    futures["a"].result(timeout=WAIT)
    assert sorted(done) == ["a", "c"]


def test_work_that_no_thread_can_be_started_for_is_done_later(runner, monkeypatch):
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


def test_a_timer_that_finds_no_thread_fires_later_and_once(runner, monkeypatch):
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


def test_a_lane_keeps_the_order_and_nothing_of_what_it_has_done(runner):
    done: list[int] = []
    futures = [runner.submit("state", done.append, number) for number in range(50)]
    futures[-1].result(timeout=WAIT)
    assert done == list(range(50))
    gone = weakref.ref(runner.submit("io", threading.Event).result(timeout=WAIT))
    runner._lanes["io"].rest(WAIT)
    gc.collect()
    assert gone() is None


def test_a_lane_is_as_wide_as_it_says(runner, go_on):
    here = threading.Semaphore(0)

    def stay() -> None:
        here.release()
        go_on.wait()

    futures = [runner.submit("io", stay) for _ in range(MORE_THAN_A_LANE)]
    for _ in range(8):
        assert here.acquire(timeout=WAIT)
    assert not here.acquire(timeout=0.1)
    assert sum(future.running() for future in futures) == 8


@pytest.mark.parametrize("lane", ["state", "io"])
def test_the_end_writes_what_was_accepted_and_drops_the_rest(lane, runner, go_on):
    done: list[str] = []
    reached = threading.Event()

    def slow(name: str) -> None:
        reached.set()
        go_on.wait(WAIT)
        done.append(name)

    for _ in range(2):
        runner.submit("thumbnails", go_on.wait)
    for number in range(1000):
        runner.submit("thumbnails", done.append, f"thumbnail {number}")
    runner.submit(lane, slow, "slow")
    for number in range(20):
        runner.submit(lane, done.append, f"{number}")
    assert reached.wait(WAIT)
    threading.Timer(0.2, go_on.set).start()
    runner.end(WAIT)
    assert sorted(done) == sorted(["slow", *map(str, range(20))])


def test_the_end_does_not_wait_for_ever_for_the_service(runner, go_on):
    runner.submit("io", go_on.wait)
    runner.alone("launch", go_on.wait)
    runner.alone("watch", go_on.wait)
    runner.end(0.1)
    assert not go_on.is_set()


def test_the_end_waits_for_a_launch_and_for_what_that_still_needs(runner, go_on):
    def launch() -> str:
        go_on.wait(WAIT)
        runner.submit("io", lambda: None).result(timeout=WAIT)
        return runner.submit("state", lambda: "written").result(timeout=WAIT)

    launched = runner.alone("launch", launch)
    threading.Timer(0.2, go_on.set).start()
    runner.end(WAIT)
    assert launched.result(timeout=0) == "written"


def test_after_the_end_a_thread_is_told_nothing_and_an_exit_handler_gets_what_it_asks(runner):
    runner.end()
    runner.end()
    for lane in ("state", "io", "thumbnails"):
        assert runner.submit(lane, lambda: "done").result(timeout=0) == "done"
    assert runner.alone("add", lambda: "done").result(timeout=0) == "done"
    asked: list[Future[str]] = []
    other = threading.Thread(target=lambda: asked.append(runner.submit("io", lambda: "done")))
    other.start()
    other.join()
    assert not asked[0].done()
    runner.later(0, asked.clear).cancel()


ENDING = """
import sys
import phoenix_nbtrain as nbt
nbt.connect("local")
training = nbt.Training.open("icons", type="flux.2-dev-lora")
training.add_images(sys.argv[1])
op = {"op": "set", "table": "images", "column": "caption", "value": "kept"}
edits = [training._session.editing.edit([op | {"row": row}]) for row in training.images.index]
"""
ENDS = {
    "nothing": ("", 0),
    "thumbnails": ("training._session.thumbnails.ask(list(training.images.index), 160)", 0),
    "a view": ("nbt.ImageGrid(training)", 0),
    "a start": ("edits[-1].result(); training.start()", 0),
    "a click": ("training._session.purchase.start_shown(training.estimate().estimate_id)", 0),
    "its own code": ("sys.exit(3)", 3),
    "a sync of its own at exit": ("import atexit; atexit.register(training.sync)", 0),
}


@pytest.fixture(scope="module")
def large_icons(tmp_path_factory) -> Path:
    return draw_icons(tmp_path_factory.mktemp("large"), count=24, size=500)


@pytest.mark.parametrize("last", ENDS)
def test_a_script_ends_quietly_with_its_own_code_and_loses_nothing(last, large_icons):
    line, code = ENDS[last]
    command = [sys.executable, "-X", "dev", "-c", ENDING + line, str(large_icons)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    nbt.connect("local")
    training = Training.open("icons", type="flux.2-dev-lora")
    assert list(training.images["caption"]) == ["kept"] * 24
    if last in ("a start", "a click"):  # it was finished, or is still known to be open
        training.start()
        assert len(nbt.runs()) == 1
