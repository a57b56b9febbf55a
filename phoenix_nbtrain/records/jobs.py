"""Paid work: what it would cost, what launching it came to, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from phoenix_nbtrain.records.models import Model
from phoenix_nbtrain.records.wire import (
    Wire,
    amount,
    number_of,
    object_of,
    objects_of,
    text_of,
)

__all__ = [
    "ENDED_JOBS",
    "Job",
    "LaunchReply",
    "Quote",
]

ENDED_JOBS = frozenset({"success", "failure", "canceled"})
"""The job statuses that nothing follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One paid piece of work, here a training."""

    id: str
    type: str = ""
    status: str = ""
    progress: float | None = None
    """0 to 1."""
    created_at: str = ""
    updated_at: str = ""
    error: str = ""
    hint: str = ""
    """What the service advises after a failure."""
    input: Wire = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """What the job was asked for, where the service tells."""
    output: Wire = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """What the job reports of itself. The local Phoenix puts its loss curve here. Not shown, since
    a download's job may hold a signed address."""
    cost: Decimal | None = None
    discount: Decimal | None = None
    history: tuple[tuple[str, str], ...] = ()
    """Each status it had, with the date it began (ISO 8601), oldest first."""

    @property
    def ended(self) -> bool:
        """Whether nothing follows this status. Unknown statuses are taken as going on."""
        return self.status in ENDED_JOBS

    @classmethod
    def from_wire(cls, wire: Wire) -> Job:
        metadata, billing = object_of(wire, "metadata"), object_of(wire, "billing")
        return cls(
            id=text_of(wire, "jobId") or text_of(wire, "id"),
            type=text_of(wire, "jobType") or text_of(wire, "type"),
            status=text_of(wire, "status"),
            progress=number_of(wire, "progress"),
            created_at=text_of(wire, "createdAt"),
            updated_at=text_of(wire, "updatedAt"),
            error=text_of(metadata, "error"),
            hint=text_of(metadata, "hint"),
            input=MappingProxyType(dict(object_of(metadata, "input"))),
            output=MappingProxyType(dict(object_of(metadata, "output"))),
            cost=amount(billing.get("cuCost")),
            discount=amount(billing.get("cuDiscount")),
            history=tuple(
                (text_of(h, "status"), text_of(h, "date"))
                for h in objects_of(wire, "statusHistory")
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A dry run's answer: what a launch would cost now."""

    amount: Decimal
    """What is charged, after the discount."""
    discount: Decimal = Decimal(0)
    details: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    """Items that sum to ``amount``, for example ``{"train-model": 1080}``."""

    @classmethod
    def from_wire(cls, wire: Wire) -> Quote | None:
        """Return the quote, or ``None`` where the body states no usable price."""
        price = amount(wire.get("creativeUnitsCost"))
        if price is None:
            return None
        details = {k: amount(v) for k, v in object_of(wire, "costDetails").items()}
        return cls(
            amount=price,
            discount=amount(wire.get("creativeUnitsDiscount")) or Decimal(0),
            details=MappingProxyType({k: v for k, v in details.items() if v is not None}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchReply:
    """What a request without ``dryRun`` came back with."""

    outcome: Literal["launched", "quoted"]
    """``quoted`` where the service answered 269: nothing was launched."""
    job: Job | None = None
    model: Model | None = None
    cost: Decimal | None = None
