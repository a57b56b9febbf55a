"""Reading the runs of one Phoenix together: one request for all that are watched."""

from __future__ import annotations

import threading
import time
from typing import Protocol
from weakref import WeakSet

from phoenix_nbtrain.errors import PhoenixError
from phoenix_nbtrain.forks import OneEach
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.session.service import Service

REFUSED_SECONDS = 60.0
"""How long the runs are read one by one after they could not be read together."""


class Reader(Protocol):
    """What reads one model again and again."""

    @property
    def model_id(self) -> str: ...


class Poll:
    """The last reading of all runs that are watched through one client."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._readers: WeakSet[Reader] = WeakSet()
        self._models: dict[str, Model] = {}
        self._at = self._refused_at = float("-inf")

    def join(self, reader: Reader) -> None:
        """Read its model with the others from now on."""
        with self._lock:
            self._readers.add(reader)

    def leave(self, reader: Reader) -> None:
        """Read it no more."""
        with self._lock:
            self._readers.discard(reader)

    def model(self, model_id: str, *, after: float, pace: float) -> Model | None:
        """Return a model as read for all of them, with one request for all.

        Such a reading carries only part of the training images.

        Args:
            model_id: of one that has joined.
            after: when it was read last; an older reading is of no use.
            pace: seconds for which one reading serves all.

        Returns:
            The model; ``None`` where it is the only one, or was not told.
        """
        with self._lock:
            ids = sorted({reader.model_id for reader in self._readers})
            if len(ids) < 2 or model_id not in ids:
                return None
            now = time.monotonic()
            if now - self._refused_at < REFUSED_SECONDS:
                return None
            if self._at <= after or now - self._at >= pace:
                try:
                    models = self._service.get_models(ids)
                except PhoenixError:
                    self._refused_at = time.monotonic()
                    return None  # each is read by itself, and tells why it cannot be
                self._models = {model.id: model for model in models}
                self._at = time.monotonic()
            return self._models.get(model_id)


_here = OneEach[int, Poll]()


def poll_of(service: Service) -> Poll:
    """Return the one poll of a client."""
    return _here.one(id(service), lambda: Poll(service))
