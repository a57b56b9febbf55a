"""Models, their training sets and how far their training is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from phoenix_nbtrain.records.wire import (
    Wire,
    address_of,
    number_of,
    object_of,
    objects_of,
    text_of,
)

__all__ = [
    "Epoch",
    "Model",
    "TrainingImage",
    "TrainingPair",
    "TrainingProgress",
]

_OPTIONAL = frozenset({"trainingImages", "trainingImagePairs", "parameters"})
"""What a reply about a model may leave out."""
_SECRETS = frozenset({"wandbKey"})
"""Parameters that are keys: dropped on reading, since records are shown and saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingImage:
    """One picture of a model's training set. Its id is the id of its asset."""

    id: str
    name: str = ""
    description: str = ""
    """The caption; empty where nobody wrote one."""
    automatic_captioning: str = ""
    """The caption the service made, used where ``description`` is empty."""
    download_url: str = field(default="", repr=False, compare=False)
    """Signed anew in every reply, so never shown, stored or compared."""

    @classmethod
    def from_wire(cls, wire: Wire) -> TrainingImage:
        return cls(
            id=text_of(wire, "id"),
            name=text_of(wire, "name"),
            description=text_of(wire, "description"),
            automatic_captioning=text_of(wire, "automaticCaptioning"),
            download_url=address_of(wire, "downloadUrl"),
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
            source_id=text_of(wire, "sourceId"),
            target_id=text_of(wire, "targetId"),
            instruction=text_of(wire, "instruction"),
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
        progress = number_of(wire, "progress")
        if progress is not None:
            # The unit is not stated anywhere; jobs use 0..1, so more than 1 must be percent.
            progress = min(max(progress / 100 if progress > 1 else progress, 0.0), 1.0)
        remaining, started = number_of(wire, "remainingTimeMs"), number_of(wire, "startedAt")
        updated, position = number_of(wire, "updatedAt"), number_of(wire, "position")
        return cls(
            stage=text_of(wire, "stage"),
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
        assets = objects_of(wire, "assets")
        return cls(
            epoch=str(wire.get("epoch", "")),
            asset_ids=tuple(text_of(a, "assetId") for a in assets),
            urls=tuple(address_of(a, "url") for a in assets),
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
    left_out: frozenset[str] = frozenset()
    """Wire names of ``trainingImages``, ``trainingImagePairs`` and ``parameters`` where the reply
    held no such key. They are empty here, which says nothing of what the service holds."""
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
        images = tuple(TrainingImage.from_wire(w) for w in objects_of(wire, "trainingImages"))
        number = number_of(wire, "trainingImagesNumber")
        progress, stats = wire.get("trainingProgress"), object_of(wire, "trainingStats")
        status = text_of(wire, "status")
        return cls(
            id=text_of(wire, "id"),
            name=text_of(wire, "name"),
            type=text_of(wire, "type"),
            # One page of the vendor's guide says "draft" where the service says "new".
            status="new" if status == "draft" else status,
            created_at=text_of(wire, "createdAt"),
            updated_at=text_of(wire, "updatedAt"),
            training_images=images,
            training_images_number=len(images) if number is None else int(number),
            training_image_pairs=tuple(
                TrainingPair.from_wire(w) for w in objects_of(wire, "trainingImagePairs")
            ),
            parameters=MappingProxyType(
                {k: v for k, v in object_of(wire, "parameters").items() if k not in _SECRETS}
            ),
            left_out=frozenset(key for key in _OPTIONAL if wire.get(key) is None),
            progress=TrainingProgress.from_wire(progress)
            if isinstance(progress, Mapping)
            else None,
            training_seconds=number_of(stats, "trainDuration"),
            ended_at=text_of(stats, "endedAt"),
            job_id=text_of(wire, "jobId") or None,
            epochs=tuple(Epoch.from_wire(w) for w in objects_of(wire, "epochs")),
            epoch=text_of(wire, "epoch") or None,
        )
