"""The only concurrency of the toolkit: named lanes of threads, or none at all in tests.

A lane runs its work in the order of arrival. ``state`` has one thread, so whatever runs there
needs no lock; the others are as wide as what they wait for allows.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

__all__ = ["InlineRunner", "Lane", "Runner", "ThreadRunner", "Timer", "default_runner"]

Lane = Literal["state", "io", "thumbnails", "notify", "timers"]

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""Until work is tried again that no thread could be started for."""
_WIDTHS: dict[Lane, int] = {"state": 1, "io": 8, "thumbnails": 2, "notify": 1, "timers": 2}


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Forget the call, if it has not begun."""


class Runner(Protocol):
    """Where work runs."""

    def submit(
        self, lane: Lane, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Run ``work`` on ``lane`` and return its future.

        From a thread of a lane of width one, work for that same lane runs at once: waiting for
        oneself would wait for ever.
        """
        ...

    def alone(self, name: str, work: Callable[[], R]) -> Future[R]:
        """Run ``work`` on a thread of its own, so that it waits for no lane."""
        ...

    def later(self, seconds: float, work: Callable[[], object]) -> Timer:
        """Run ``work`` on the ``timers`` lane after ``seconds``.

        Others' timers are behind it there, so what waits for the network goes on `alone`.
        """
        ...


def _settle(future: Future[Any], work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # handed to whoever asks the future, never lost
        future.set_exception(error)
    else:
        future.set_result(result)


def _logged(work: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        except Exception:
            log.exception("a timed task failed")

    return run


class ThreadRunner:
    """Lanes of daemon threads, started when first used and never by an import."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[Lane, ThreadPoolExecutor] = {}
        self._here = threading.local()
        self._clock: _Clock | None = None

    def submit(
        self, lane: Lane, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        if _WIDTHS[lane] == 1 and getattr(self._here, "lane", None) == lane:
            future: Future[R] = Future()
            _settle(future, lambda: work(*args, **kwargs))
            return future
        return self._pool(lane).submit(work, *args, **kwargs)

    def alone(self, name: str, work: Callable[[], R]) -> Future[R]:
        future: Future[R] = Future()

        def start() -> None:
            thread = threading.Thread(
                target=_settle, args=(future, work), name=f"phoenix-{name}", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the system has no thread to spare just now
                self.later(AGAIN_SECONDS, start)

        start()
        return future

    def later(self, seconds: float, work: Callable[[], object]) -> Timer:
        with self._lock:
            if self._clock is None:
                self._clock = _Clock(lambda due: self.submit("timers", _logged(due)))
            return self._clock.add(seconds, work)

    def _pool(self, lane: Lane) -> ThreadPoolExecutor:
        with self._lock:
            if lane not in self._pools:
                self._pools[lane] = ThreadPoolExecutor(
                    _WIDTHS[lane],
                    thread_name_prefix=f"phoenix-{lane}",
                    initializer=self._enter,
                    initargs=(lane,),
                )
            return self._pools[lane]

    def _enter(self, lane: Lane) -> None:
        self._here.lane = lane


class _Due:
    """A timer's entry; cancelled ones stay in the heap until their time and are then dropped."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.work: Callable[[], object] | None = work

    def cancel(self) -> None:
        self.work = None

    def run(self) -> None:
        """Do the work, unless it was cancelled or done before."""
        work, self.work = self.work, None
        if work is not None:
            work()


class _Clock:
    """One thread for all timers, where `threading.Timer` would take one each."""

    def __init__(self, fire: Callable[[Callable[[], object]], object]) -> None:
        import time

        self._now = time.monotonic
        self._fire = fire
        self._heap: list[tuple[float, int, _Due]] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        threading.Thread(target=self._run, name="phoenix-timer", daemon=True).start()

    def add(self, seconds: float, work: Callable[[], object]) -> _Due:
        due = _Due(work)
        with self._wake:
            heapq.heappush(self._heap, (self._now() + seconds, next(self._order), due))
            self._wake.notify()
        return due

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._heap or self._heap[0][0] > self._now():
                    self._wake.wait(self._heap[0][0] - self._now() if self._heap else None)
                due = heapq.heappop(self._heap)[2]
            if due.work is None:
                continue
            try:
                self._fire(due.run)
            except RuntimeError:
                # No thread can be started just now, or the interpreter ends and this one with it.
                with self._wake:
                    again = self._now() + AGAIN_SECONDS
                    heapq.heappush(self._heap, (again, next(self._order), due))


class InlineRunner:
    """Runs everything in the calling thread; time passes only when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds passed so far."""
        self._heap: list[tuple[float, int, _Due]] = []
        self._order = itertools.count()

    def submit(
        self, lane: Lane, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        return self.alone(lane, lambda: work(*args, **kwargs))

    def alone(self, name: str, work: Callable[[], R]) -> Future[R]:  # noqa: ARG002  # no thread to name
        future: Future[R] = Future()
        _settle(future, work)
        return future

    def later(self, seconds: float, work: Callable[[], object]) -> Timer:
        due = _Due(work)
        heapq.heappush(self._heap, (self.now + seconds, next(self._order), due))
        return due

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, running what falls due, in order."""
        until = self.now + seconds
        while self._heap and self._heap[0][0] <= until:
            self.now, _, due = heapq.heappop(self._heap)
            due.run()
        self.now = until


_default: ThreadRunner | None = None
_default_lock = threading.Lock()


def default_runner() -> ThreadRunner:
    """Return the process's one `ThreadRunner`."""
    global _default
    with _default_lock:
        if _default is None:
            _default = ThreadRunner()
        return _default
