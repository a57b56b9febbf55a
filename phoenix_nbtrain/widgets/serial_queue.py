"""A queue that runs work one item at a time, whichever thread adds it, without a lock."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)


class SerialQueue:
    """Runs what it is given one item at a time, whichever thread gives it, and never waits.

    Messages from the browser and changes of the state come on different threads, and ipywidgets
    breaks where two of them set a trait at once. Whoever comes second leaves the work to the thread
    that is at it. ``dict.setdefault`` and the deque's methods are single steps of the interpreter.
    """

    def __init__(self) -> None:
        self._due: deque[Callable[[], object]] = deque()
        self._at: dict[str, object] = {}

    def __call__(self, work: Callable[[], object]) -> None:
        self._due.append(work)
        while self._due:
            mine = object()
            if self._at.setdefault("it", mine) is not mine:
                return  # that one looks again after it has let go
            try:
                while self._due:
                    self._next()
            finally:
                del self._at["it"]

    def _next(self) -> None:
        try:
            work = self._due.popleft()
        except IndexError:
            return
        try:
            work()
        except Exception:
            # One failed change of the screen must not keep the later ones away.
            log.exception("a view failed to show a change")
