"""Joining a run that exists."""

from __future__ import annotations

from phoenix_nbtrain.training.service import Service
from phoenix_nbtrain.training.training import Training

__all__ = ["attach"]


def attach(which: str = "last", *, client: Service | None = None) -> Training:
    """Return the training of an existing run or model; never creates one.

    See `Training.attach`.
    """
    return Training.attach(which, client=client)
