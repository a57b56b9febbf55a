"""One at a time, without a lock: what different threads have to do to the same thing."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

__all__ = ["Turns"]

log = logging.getLogger(__name__)


class Turns:
    """Runs what it is given one at a time, whichever thread gives it, and never waits.

    Messages of the browser and changes of the state come on different threads, and a trait of
    which both have a hand breaks ipywidgets when set at once. Who comes second leaves the work to
    whoever is at it. ``dict.setdefault`` and the deque are single steps of the interpreter.
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
