"""Waiting for another process of this computer: said after a moment, and not for ever."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable

from phoenix_nbtrain.errors import StoreBusy

__all__ = ["Waiting", "tell"]

log = logging.getLogger(__name__)

SAID_AFTER = 2.0
"""Seconds after which it is said who is waited for."""
GIVEN_UP_AFTER = 600.0
"""Seconds without progress of the holder after which waiting ends."""
_PAUSE_FIRST, _PAUSE_EARLY, _PAUSE_LATE = 0.001, 0.025, 0.1


def tell(words: str) -> None:
    """Say something where it is read: below the cell that waits, else in the log."""
    if threading.current_thread() is threading.main_thread():
        sys.stderr.write(f"{words}\n")
        sys.stderr.flush()
    else:
        log.info("%s", words)


class Waiting:
    """One wait for what another process holds.

    Args:
        what: what is held, as the start of a sentence, such as ``journal.sqlite3 is in use``.
        holder: returns by whom and since when, as its end.
        progress: returns what changes while the holder gets on.
        say: tells people whom they wait for.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        what: str,
        holder: Callable[[], str],
        *,
        progress: Callable[[], object] = lambda: None,
        say: Callable[[str], None] = tell,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._what, self._holder = what, holder
        self._progress = progress
        self._mark: object = None
        self._say, self._sleep = say, sleep
        self._said = False
        self._waited = self._still = 0.0
        self._pause = _PAUSE_FIRST

    def pause(self, seconds: float | None = None) -> None:
        """Wait a little; the caller then tries again.

        Args:
            seconds: how long; by default a moment that grows.

        Raises:
            StoreBusy: the holder has made no progress for ten minutes.
        """
        mark = self._progress()
        if mark != self._mark:
            self._mark, self._still = mark, 0.0
        if self._still >= GIVEN_UP_AFTER:
            raise StoreBusy(
                f"{self._what} {self._holder()}, and nothing has happened there for "
                f"{GIVEN_UP_AFTER / 60:.0f} minutes.",
                remedy="Shut that kernel down or restart it, then try again.",
            )
        if self._waited >= SAID_AFTER and not self._said:
            self._said = True
            self._say(f"Waiting: {self._what} {self._holder()}. Interrupt to stop waiting.")
        # Counted by what was slept: a computer asleep has not waited.
        seconds = self._pause if seconds is None else seconds
        self._sleep(seconds)
        self._waited += seconds
        self._still += seconds
        most = _PAUSE_EARLY if self._waited < SAID_AFTER else _PAUSE_LATE
        self._pause = min(most, max(_PAUSE_FIRST, self._pause * 1.5))
