"""What Phoenix answers, as frozen records.

Every ``from_wire`` takes a decoded JSON object and tolerates what it does not know: further keys
are ignored, missing ones become ``None`` or empty, and a status never seen before is kept as it
was sent. Field names are the service's own in snake case.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Literal

__all__ = [
    "Asset",
    "Download",
    "Epoch",
    "Job",
    "LaunchReply",
    "Model",
    "Project",
    "Quote",
    "TeamLimits",
    "TrainingImage",
    "TrainingPair",
    "TrainingProgress",
    "Upload",
    "UploadPart",
    "amount",
]

Wire = Mapping[str, Any]

_SECRETS = frozenset({"wandbKey"})
"""Parameters that are keys: dropped on reading, since records are shown and saved."""
ENDED_JOBS = frozenset({"success", "failure", "canceled"})
"""The job statuses that nothing follows."""


def _text(wire: Wire, key: str) -> str:
    value = wire.get(key)
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def _number(wire: Wire, key: str) -> float | None:
    value = wire.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number beyond every float
        return None


def _object(wire: Wire, key: str) -> Wire:
    value = wire.get(key)
    return value if isinstance(value, Mapping) else {}


def _objects(wire: Wire, key: str) -> list[Wire]:
    value = wire.get(key)
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def amount(value: object) -> Decimal | None:
    """Return a price as a finite, non-negative ``Decimal``, or ``None`` if it is none.

    Prices are fractional (10.75 was seen), so floats go through their shortest decimal form.
    Texts are refused: a price that arrives as a string is not one the service documents.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return price if price.is_finite() and 0 <= price < Decimal(10) ** 12 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingImage:
    """One picture of a model's training set. Its id is the id of its asset."""

    id: str
    name: str = ""
    description: str = ""
    """The caption; empty where nobody wrote one."""
    automatic_captioning: str = ""
    """The caption the service made, used where ``description`` is empty."""
    download_url: str = field(default="", repr=False)
    """Signed, so never shown and never stored."""

    @classmethod
    def from_wire(cls, wire: Wire) -> TrainingImage:
        return cls(
            id=_text(wire, "id"),
            name=_text(wire, "name"),
            description=_text(wire, "description"),
            automatic_captioning=_text(wire, "automaticCaptioning"),
            download_url=_text(wire, "downloadUrl"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPair:
    """What turns into what: two training images and what should happen between them."""

    source_id: str
    target_id: str
    instruction: str = ""

    @classmethod
    def from_wire(cls, wire: Wire) -> TrainingPair:
        return cls(
            source_id=_text(wire, "sourceId"),
            target_id=_text(wire, "targetId"),
            instruction=_text(wire, "instruction"),
        )

    def to_wire(self) -> dict[str, str]:
        return {
            "sourceId": self.source_id,
            "targetId": self.target_id,
            "instruction": self.instruction,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """How far a training is. Stays on a model after its training; read the status first."""

    stage: str = ""
    """``pending``, ``queued-for-train``, ``starting-train``, ``running-train`` or newer words."""
    progress: float | None = None
    """0 to 1."""
    position: int | None = None
    """Jobs ahead in the queue."""
    remaining_seconds: float | None = None
    started_at: float | None = None
    """Seconds since 1970."""
    updated_at: float | None = None
    """Seconds since 1970."""

    @classmethod
    def from_wire(cls, wire: Wire) -> TrainingProgress:
        progress = _number(wire, "progress")
        if progress is not None:
            # The unit is not stated anywhere; jobs use 0..1, so more than 1 must be percent.
            progress = min(max(progress / 100 if progress > 1 else progress, 0.0), 1.0)
        remaining, started = _number(wire, "remainingTimeMs"), _number(wire, "startedAt")
        updated, position = _number(wire, "updatedAt"), _number(wire, "position")
        return cls(
            stage=_text(wire, "stage"),
            progress=progress,
            position=None if position is None else int(position),
            remaining_seconds=None if remaining is None else remaining / 1000,
            started_at=None if started is None else started / 1000,
            updated_at=None if updated is None else updated / 1000,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What one epoch left: its number, and a sample picture per sample prompt."""

    epoch: str
    asset_ids: tuple[str, ...] = ()
    urls: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def from_wire(cls, wire: Wire) -> Epoch:
        assets = _objects(wire, "assets")
        return cls(
            epoch=str(wire.get("epoch", "")),
            asset_ids=tuple(_text(a, "assetId") for a in assets),
            urls=tuple(_text(a, "url") for a in assets),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as the service describes it."""

    id: str
    name: str = ""
    type: str = ""
    status: str = ""
    """``new``, ``training``, ``trained``, ``failed``, ``training-canceled``, ``copying``, or
    a word that is newer than this package."""
    created_at: str = ""
    updated_at: str = ""
    training_images: tuple[TrainingImage, ...] = ()
    """The whole set when one model is read; the first three in a list of models."""
    training_images_number: int = 0
    training_image_pairs: tuple[TrainingPair, ...] = ()
    parameters: Wire = field(default_factory=lambda: MappingProxyType({}))
    """The training parameters stored with the model, by their wire names."""
    progress: TrainingProgress | None = None
    training_seconds: float | None = None
    ended_at: str = ""
    """When its last training ended (ISO 8601); empty before."""
    job_id: str | None = None
    epochs: tuple[Epoch, ...] = ()
    epoch: str | None = None
    """The epoch in use, where one was chosen."""

    @classmethod
    def from_wire(cls, wire: Wire) -> Model:
        images = tuple(TrainingImage.from_wire(w) for w in _objects(wire, "trainingImages"))
        number = _number(wire, "trainingImagesNumber")
        progress, stats = wire.get("trainingProgress"), _object(wire, "trainingStats")
        status = _text(wire, "status")
        return cls(
            id=_text(wire, "id"),
            name=_text(wire, "name"),
            type=_text(wire, "type"),
            # One page of the vendor's guide says "draft" where the service says "new".
            status="new" if status == "draft" else status,
            created_at=_text(wire, "createdAt"),
            updated_at=_text(wire, "updatedAt"),
            training_images=images,
            training_images_number=len(images) if number is None else int(number),
            training_image_pairs=tuple(
                TrainingPair.from_wire(w) for w in _objects(wire, "trainingImagePairs")
            ),
            parameters=MappingProxyType(
                {k: v for k, v in _object(wire, "parameters").items() if k not in _SECRETS}
            ),
            progress=TrainingProgress.from_wire(progress)
            if isinstance(progress, Mapping)
            else None,
            training_seconds=_number(stats, "trainDuration"),
            ended_at=_text(stats, "endedAt"),
            job_id=_text(wire, "jobId") or None,
            epochs=tuple(Epoch.from_wire(w) for w in _objects(wire, "epochs")),
            epoch=_text(wire, "epoch") or None,
        )


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
        metadata, billing = _object(wire, "metadata"), _object(wire, "billing")
        return cls(
            id=_text(wire, "jobId") or _text(wire, "id"),
            type=_text(wire, "jobType") or _text(wire, "type"),
            status=_text(wire, "status"),
            progress=_number(wire, "progress"),
            created_at=_text(wire, "createdAt"),
            updated_at=_text(wire, "updatedAt"),
            error=_text(metadata, "error"),
            hint=_text(metadata, "hint"),
            input=MappingProxyType(dict(_object(metadata, "input"))),
            output=MappingProxyType(dict(_object(metadata, "output"))),
            cost=amount(billing.get("cuCost")),
            discount=amount(billing.get("cuDiscount")),
            history=tuple(
                (_text(h, "status"), _text(h, "date")) for h in _objects(wire, "statusHistory")
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file that the service keeps; for us a picture and its caption."""

    id: str
    name: str = ""
    description: str = ""
    automatic_captioning: str = ""
    mime_type: str = ""
    width: int | None = None
    height: int | None = None
    size: int | None = None
    """Bytes."""
    url: str = field(default="", repr=False)
    """Signed, so never shown and never stored."""

    @classmethod
    def from_wire(cls, wire: Wire) -> Asset:
        properties, metadata = _object(wire, "properties"), _object(wire, "metadata")

        def whole(key: str) -> int | None:
            value = _number(properties, key)
            value = _number(metadata, key) if value is None else value
            return None if value is None else int(value)

        return cls(
            id=_text(wire, "id"),
            name=_text(metadata, "name") or _text(wire, "name"),
            description=_text(wire, "description"),
            automatic_captioning=_text(wire, "automaticCaptioning"),
            mime_type=_text(wire, "mimeType"),
            width=whole("width"),
            height=whole("height"),
            size=whole("size"),
            url=_text(wire, "url"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart:
    """A piece of a file on its way, and the signed address that takes it."""

    number: int
    """From 1."""
    url: str = field(repr=False)
    """Signed, so never shown and never stored."""

    @classmethod
    def from_wire(cls, wire: Wire) -> UploadPart:
        number = _number(wire, "number")
        return cls(number=0 if number is None else int(number), url=_text(wire, "url"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file on its way to becoming an asset."""

    id: str
    status: str = ""
    """``pending``, ``validating``, ``validated``, ``imported``, ``failed`` or newer words.
    ``complete`` is no end: sources differ on what it means."""
    source: str = ""
    """``multipart`` or ``url``."""
    file_name: str = ""
    parts: tuple[UploadPart, ...] = ()
    job_id: str | None = None
    entity_id: str | None = None
    """The asset it became."""
    error_message: str = ""

    @property
    def imported(self) -> bool:
        """Whether it is an asset now."""
        return self.entity_id is not None

    @property
    def failed(self) -> bool:
        """Whether the service gave it up."""
        return self.status == "failed"

    @classmethod
    def from_wire(cls, wire: Wire) -> Upload:
        parts = (UploadPart.from_wire(w) for w in _objects(wire, "parts"))
        return cls(
            id=_text(wire, "id"),
            status=_text(wire, "status"),
            source=_text(wire, "source"),
            file_name=_text(wire, "fileName"),
            parts=tuple(sorted(parts, key=lambda part: part.number)),
            job_id=_text(wire, "jobId") or None,
            entity_id=_text(wire, "entityId") or None,
            error_message=_text(wire, "errorMessage"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that the service packs up for downloading."""

    job_id: str
    status: str = ""
    """The status of its job; see `Job`."""
    url: str = field(default="", repr=False)
    """Where it is, once it is; signed, so never shown and never stored."""

    @classmethod
    def from_wire(cls, wire: Wire) -> Download:
        return cls(
            job_id=_text(wire, "jobId"),
            status=_text(wire, "jobStatus"),
            url=_text(wire, "downloadUrl"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamLimits:
    """What a team's plan allows, and how much of it is used."""

    plan: str = ""
    limits: Wire = field(default_factory=lambda: MappingProxyType({}))
    """Ceilings by their wire names, for example ``parallelTraining`` or ``models``."""
    values: Wire = field(default_factory=lambda: MappingProxyType({}))
    """What is used, or left, by the same names; only some ceilings have one."""

    @property
    def parallel_training(self) -> int | None:
        """How many trainings may run at once; 0 where the plan has no training."""
        number = _number(self.limits, "parallelTraining")
        return None if number is None else int(number)

    @property
    def creative_units(self) -> Decimal | None:
        """The creative units that ``values`` states."""
        return amount(self.values.get("creativeUnits"))

    @classmethod
    def from_wire(cls, wire: Wire) -> TeamLimits:
        return cls(
            plan=_text(wire, "plan"),
            limits=MappingProxyType(dict(_object(wire, "limits"))),
            values=MappingProxyType(dict(_object(wire, "values"))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where models live, and who pays for them."""

    id: str
    name: str = ""
    team_id: str = ""


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
        details = {k: amount(v) for k, v in _object(wire, "costDetails").items()}
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


def projects_of_teams(teams: Iterable[Wire]) -> tuple[Project, ...]:
    """Return every project of a ``GET /teams`` reply's ``teams``."""
    return tuple(
        Project(id=_text(p, "id"), name=_text(p, "name"), team_id=_text(team, "id"))
        for team in teams
        for p in _objects(team, "projects")
    )
