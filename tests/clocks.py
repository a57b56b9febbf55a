"""A clock that stands still until a test moves it, or sets it."""

from __future__ import annotations

from phoenix_nbtrain.clock import Moment
from phoenix_nbtrain.training import Training


class SetClock:
    """Time as a test makes it pass; the wall clock can be set, as on a real computer."""

    def __init__(self) -> None:
        self._at = 1_000_000.0
        self._ticks = 5_000.0
        self._boots = 1

    def __call__(self) -> Moment:
        return Moment(at=self._at, boot=f"boot {self._boots}", ticks=self._ticks)

    def pass_(self, seconds: float) -> None:
        """Let time go by."""
        self._at += seconds
        self._ticks += seconds

    def set_by(self, seconds: float) -> None:
        """Set the wall clock ahead, or back; no time goes by."""
        self._at += seconds

    def reboot(self) -> None:
        """Start the computer anew; no time goes by."""
        self._boots += 1
        self._ticks = 10.0


def launches_by(training: Training) -> SetClock:
    """Return a clock by which the training's launches go from now on."""
    clock, session = SetClock(), training._session
    session.launcher._clock = session.launcher._reconciler._clock = session.journal._clock = clock
    return clock
