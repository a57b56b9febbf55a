"""Time that does not jump when somebody sets the clock, for what counts seconds."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A moment, by the clock on the wall and by one that nobody can set."""

    at: float
    """Seconds since 1970, by a clock that may be set at any time."""
    boot: str
    """What ``ticks`` counts from: this boot of the computer, or this process where the system
    has no name for its boots."""
    ticks: float
    """Seconds by a clock that only goes forward."""

    def since(self, earlier: Moment) -> float:
        """Return the seconds from ``earlier`` to this moment, at least 0.

        Between two boots the wall clock tells, but never more than the time since the last boot,
        so that setting it ahead hurries nothing. An ``earlier`` that lies in the future then
        counts as now.
        """
        if self.boot == earlier.boot:
            return max(0.0, self.ticks - earlier.ticks)
        return min(max(0.0, self.at - earlier.at), self.ticks)

    def precedes(self, stored: Moment) -> bool:
        """Return whether ``stored`` lies in the future, because the clock was set back since."""
        return self.boot != stored.boot and self.at < stored.at


Clock = Callable[[], Moment]


def moment() -> Moment:
    """Return the present moment."""
    return Moment(at=time.time(), boot=_boot(), ticks=ticks())


@cache
def _boot() -> str:
    try:
        # Decoded without looking up a codec: a kernel forked amid that import hangs its child.
        return _BOOT_ID.read_bytes().decode().strip()
    except (OSError, ValueError):
        return f"process {secrets.token_hex(8)}"


def ticks() -> float:
    """Return seconds that only go forward, while the computer sleeps as well where that is counted."""
    try:
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):
        return time.monotonic()
