"""The live state of one training, as frozen records: what every view shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from phoenix_nbtrain.draft import Draft
from phoenix_nbtrain.launch import Estimate
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.store.journal import IntentState
from phoenix_nbtrain.text import time_of

__all__ = [
    "EpochSamples",
    "Estimate",
    "LaunchState",
    "PriceState",
    "Run",
    "SyncState",
    "Thumbnail",
    "TrainingState",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    """Where the draft is on its way to the service."""

    phase: Literal["idle", "waiting", "sending", "failed", "blocked"] = "idle"
    """``waiting`` for typing to pause, or for another kernel, as ``message`` says; ``blocked`` while
    the model trains."""
    message: str = ""
    done: int = 0
    total: int = 0
    """Images sent so far in this flight, and how many it sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceState:
    """The price as last estimated."""

    phase: Literal["none", "estimating", "shown", "failed"] = "none"
    estimate: Estimate | None = None
    covers: int = 0
    """How many images (for edit types: pairs) the service priced."""
    of: int = 0
    """How many the draft has."""
    acceptable: bool = False
    """Whether it is the price of exactly what the draft holds now."""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchState:
    """Where the last wish to start or stop got."""

    phase: Literal["idle", "starting", "uncertain", "refused", "stopping"] = "idle"
    message: str = ""
    held: bool = False
    """Of a refusal: reads still make sure that nothing runs."""
    warning: bool = False
    """Whether ``message`` tells of a cost that nobody accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochSamples:
    """The sample images of one epoch, one per sample prompt, by asset id."""

    epoch: int
    asset_ids: tuple[str, ...]


RUN_STATUS: Mapping[IntentState, str] = {
    "trained": "trained",
    "ended": "trained",
    "failed": "failed",
    "canceled": "training-canceled",
}
"""The model's status that a launch's end in the journal stands for."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Run:
    """One run of the training."""

    run_id: str
    job_id: str | None = None
    status: str = "training"
    """The model's status: ``training``, ``trained``, ``failed``, ``training-canceled``."""
    stage: str = ""
    progress: float | None = None
    """0 to 1."""
    position: int | None = None
    """Jobs ahead in the queue."""
    remaining_seconds: float | None = None
    """``None``, too, where ``last_seen`` is not."""
    last_seen: float | None = None
    """When it was last known how far it is, seconds since 1970: where it cannot be read now, or has
    stood still for too long. ``None`` where what stands here is of now."""
    started_at: float | None = None
    """Seconds since 1970."""
    seconds: float | None = None
    """How long it trained; known once it ended."""
    epoch: int | None = None
    """The epoch it is in, from 1."""
    epochs: int = 0
    losses: tuple[tuple[int, float], ...] = field(default=(), repr=False)
    """Steps and mean squared errors; only the local Phoenix tells them."""
    samples: tuple[EpochSamples, ...] = field(default=(), repr=False)
    message: str = ""
    """What went wrong and what the service advises; that it costs something else than was accepted;
    or that it was there before."""
    cost: Decimal | None = None

    def __repr__(self) -> str:
        at = f" · {self.progress:.0%}" if self.progress is not None and not self.ended else ""
        if self.last_seen is not None:
            at += f" · last seen {time_of(self.last_seen)}"
        told = f" · {self.message}" if self.message else ""
        return f"<Run {self.run_id}: {self.status}{at}{told}>"

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self.status in ("trained", "failed", "training-canceled")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """Everything that a view shows, at one moment."""

    model: Model
    draft: Draft = field(default_factory=Draft)
    sync: SyncState = field(default_factory=SyncState)
    price: PriceState = field(default_factory=PriceState)
    launch: LaunchState = field(default_factory=LaunchState)
    run: Run | None = None
    problem: str = ""
    """What last went wrong in the background; empty where nothing did."""
    can_undo: bool = False
    can_redo: bool = False
    undoes: int = 0
    """The draft's revision after the edit that undo would take back; 0 where there is none."""

    @property
    def training(self) -> bool:
        """Whether the service trains this model now, so that its set must stay as it is."""
        return self.model.status == "training"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small image, ready for a page."""

    mime: str
    content: bytes
