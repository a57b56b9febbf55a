"""The only concurrency of the toolkit: named lanes of threads, or none at all in tests.

A lane runs its work in the order of arrival. ``state`` has one thread, so whatever runs there
needs no lock; the others are as wide as what they wait for allows.
"""

from __future__ import annotations

import atexit
import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from functools import partial
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

from phoenix_nbtrain.forks import after_fork, not_for_children

Lane = Literal["state", "io", "thumbnails", "notify", "timers"]

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""Until work is tried again that no thread could be started for."""
END_SECONDS = 3.0
"""What a launch, uploads and reads that are under way get when the process ends. Jupyter kills a
kernel that takes five seconds to end."""
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


def all_done(futures: Iterable[Future[Any]]) -> None:
    """Wait for futures, and raise what the first of them raised.

    Where the wait itself is interrupted, those that have not begun never do.
    """
    futures = list(futures)
    try:
        errors = [future.exception() for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    for error in errors:
        if error is not None:
            raise error


def _settle(future: Future[Any], work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # handed to whoever asks the future, never lost
        future.set_exception(error)
    else:
        future.set_result(result)


def _done(work: Callable[[], R]) -> Future[R]:
    future: Future[R] = Future()
    _settle(future, work)
    return future


def _logged(work: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        except Exception:
            log.exception("a timed task failed")

    return run


class _Lane:
    """Works off what comes, in its order, on threads that begin when they are needed.

    Unlike those of `concurrent.futures` they do not hold the process until all is worked off; what
    is waited for is for `ThreadRunner.end` to say.
    """

    def __init__(self, name: Lane, here: threading.local) -> None:
        self._name, self._here = name, here
        lock = threading.Lock()
        self._came = threading.Condition(lock)
        self._rests = threading.Condition(lock)
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._threads = 0
        self._busy = 0

    def submit(self, work: Callable[[], R]) -> Future[R]:
        future: Future[R] = Future()
        with self._came:
            self._waiting.append((future, work))
            idle = self._threads - self._busy
            if len(self._waiting) > idle and self._threads < _WIDTHS[self._name]:
                self._begin()
            self._came.notify()
        return future

    def _begin(self) -> None:
        name = f"phoenix-{self._name}-{self._threads}"
        try:
            threading.Thread(target=self._run, name=name, daemon=True).start()
        except RuntimeError:  # the system has no more threads
            if self._threads == 0:
                self._waiting.pop()
                raise
        else:
            self._threads += 1

    def _run(self) -> None:
        self._here.lane = self._name
        while True:
            with self._came:
                while not self._waiting:
                    self._came.wait()
                future, work = self._waiting.popleft()
                self._busy += 1
            _settle(future, work)
            del future, work  # nothing of it is held until the next one comes
            with self._came:
                self._busy -= 1
                if not self._waiting and not self._busy:
                    self._rests.notify_all()

    def drop(self) -> None:
        """Forget what has not begun. Whoever waits for it waits for ever."""
        with self._came:
            self._waiting.clear()

    def rest(self, seconds: float | None) -> None:
        """Wait until all is worked off, or for so many seconds."""
        with self._rests:
            self._rests.wait_for(lambda: not self._waiting and not self._busy, seconds)


class ThreadRunner:
    """Lanes of daemon threads, started when first used and never by an import."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._here = threading.local()
        self._lanes = {name: _Lane(name, self._here) for name in _WIDTHS}
        self._closed: frozenset[Lane] = frozenset()
        self._launching: set[Future[Any]] = set()
        self._clock: _Clock | None = None
        not_for_children(self)

    def submit(
        self, lane: Lane, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        if _WIDTHS[lane] == 1 and getattr(self._here, "lane", None) == lane:
            return _done(partial(work, *args, **kwargs))
        if lane in self._closed:
            return self._late(partial(work, *args, **kwargs))
        return not_for_children(self._lanes[lane].submit(partial(work, *args, **kwargs)))

    def alone(self, name: str, work: Callable[[], R]) -> Future[R]:
        if "io" in self._closed:
            return self._late(work)
        future: Future[R] = Future()
        if name == "launch":
            self._launching.add(future)
            future.add_done_callback(self._launching.discard)

        def start() -> None:
            thread = threading.Thread(
                target=_settle, args=(future, work), name=f"phoenix-{name}", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the system has no thread to spare just now
                self.later(AGAIN_SECONDS, start)

        start()
        return not_for_children(future)

    def later(self, seconds: float, work: Callable[[], object]) -> Timer:
        if "timers" in self._closed:
            return _Due(work)
        with self._lock:
            if self._clock is None:
                self._clock = _Clock(lambda due: self.submit("timers", _logged(due)))
            return self._clock.add(seconds, work)

    def end(self, seconds: float = END_SECONDS) -> None:
        """Finish what must not be lost, and begin nothing more: the process ends.

        Edits that were accepted are written, however long that takes. What is under way with the
        service has ``seconds``: a launch, so that its reply is known, and what was sent of the
        draft. So has a thumbnail that is being made. All else is dropped without a word.
        """
        until = time.monotonic() + seconds
        self._close("thumbnails", "notify", "timers")
        wait(list(self._launching), seconds)
        for lane in ("thumbnails", "io"):  # a thumbnail's child is ended by its own handler
            self._lanes[lane].rest(max(0.0, until - time.monotonic()))
        self._close("io")
        self._lanes["state"].rest(None)
        self._close("state")

    def _close(self, *lanes: Lane) -> None:
        self._closed |= set(lanes)
        for lane in lanes:
            self._lanes[lane].drop()

    def _late(self, work: Callable[[], R]) -> Future[R]:
        """Return the future of what is asked for after the end.

        The main thread still gets it, which may be at somebody's own exit handler. Any other ends
        with the process, and until then waits for it: nothing that it could be told would help.
        """
        if threading.current_thread() is threading.main_thread():
            return _done(work)
        return Future()


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
                    left = self._heap[0][0] - self._now() if self._heap else None
                    self._wake.wait(left if left is None else min(left, threading.TIMEOUT_MAX))
                due = heapq.heappop(self._heap)[2]
            if due.work is None:
                continue
            try:
                self._fire(due.run)
            except RuntimeError:
                # No thread can be started just now.
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
        return _done(work)

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


@after_fork
def _forget() -> None:
    global _default, _default_lock
    if _default is not None:
        atexit.unregister(_default.end)
    _default, _default_lock = None, threading.Lock()


def default_runner() -> ThreadRunner:
    """Return the process's one `ThreadRunner`."""
    global _default
    with _default_lock:
        if _default is None:
            _default = ThreadRunner()
            atexit.register(_default.end)
        return _default
