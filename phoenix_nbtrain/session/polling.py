"""Reading the runs of one Phoenix together: one request for all that are watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from weakref import WeakKeyDictionary, WeakSet

from phoenix_nbtrain.errors import PhoenixError
from phoenix_nbtrain.forks import after_fork
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.session.service import Service

__all__ = ["Poll", "Polled", "poll_of"]

REFUSED_SECONDS = 60.0
"""How long the runs are read one by one after they could not be read together."""


class Polled:
    """What reads one model again and again."""

    model_id: str


class Poll:
    """The last reading of all runs that are watched through one client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._polled: WeakSet[Polled] = WeakSet()
        self._models: dict[str, Model] = {}
        self._at = self._refused_at = float("-inf")

    def join(self, polled: Polled) -> None:
        """Read this one with the others from now on."""
        with self._lock:
            self._polled.add(polled)

    def leave(self, polled: Polled) -> None:
        """Read it no more."""
        with self._lock:
            self._polled.discard(polled)

    def model(self, service: Service, polled: Polled, *, after: float, pace: float) -> Model | None:
        """Return a model as read for all of them, with one request for all.

        Such a reading carries only part of the training images.

        Args:
            service: what is asked.
            polled: whose model.
            after: when that was read last; an older reading is of no use.
            pace: seconds for which one reading serves all.

        Returns:
            The model; ``None`` where it is the only one, or was not told.
        """
        with self._lock:
            ids = sorted({p.model_id for p in self._polled})
            if len(ids) < 2 or polled.model_id not in ids:
                return None
            if time.monotonic() - self._refused_at < REFUSED_SECONDS:
                return None
            if self._at <= after or time.monotonic() - self._at >= pace:
                try:
                    models: Iterable[Model] = service.get_models(ids)
                except PhoenixError:
                    self._refused_at = time.monotonic()
                    return None  # each is read by itself, and tells why it cannot be
                self._models = {model.id: model for model in models}
                self._at = time.monotonic()
            return self._models.get(polled.model_id)


_polls: WeakKeyDictionary[Service, Poll] = WeakKeyDictionary()
_polls_lock = threading.Lock()


@after_fork
def _forget() -> None:
    global _polls_lock
    _polls_lock = threading.Lock()
    _polls.clear()


def poll_of(service: Service) -> Poll:
    """Return the one poll of a client."""
    with _polls_lock:
        return _polls.setdefault(service, Poll())
