"""What Phoenix answers, as frozen records.

Each field of a record says in its annotation how it is read from a reply's JSON, and where it is
found there: under the field's own name in camel case, or under the first of the given paths that
says something. Unknown keys are ignored. What is missing, null or of another type says nothing:
that field is empty, and the others are read. A status never seen before is kept as it was sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, get_type_hints

Wire = Mapping[str, Any]

ENDED_JOBS = frozenset({"success", "failure", "canceled"})
"""The job statuses that nothing follows."""
_OBJECTS = (dict, MappingProxyType)
_NOTHING: Wire = MappingProxyType({})
_OPTIONAL = frozenset({"trainingImages", "trainingImagePairs", "parameters"})
"""What a reply about a model may leave out."""
_SECRETS = frozenset({"wandbKey"})
"""Parameters that are keys: dropped on reading, since records are shown and saved."""


# -- readers: a JSON value into what a record holds, or None where it says nothing ------------------


class Signed(str):
    """An address whose query opens it to anybody, and which no repr shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        place, asked, _ = self.partition("?")
        return repr(f"{place}{asked and '?…'}")


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


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _address(value: object) -> Signed | None:
    return Signed(value) if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number beyond every float
        return None


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _seconds(milliseconds: object) -> float | None:
    number = _number(milliseconds)
    return None if number is None else number / 1000


def _fraction(value: object) -> float | None:
    """Return a progress from 0 to 1."""
    number = _number(value)
    if number is None:
        return None
    # The unit is not stated anywhere; jobs use 0..1, so more than 1 must be percent.
    return min(max(number / 100 if number > 1 else number, 0.0), 1.0)


def _object(value: object) -> Wire | None:
    return MappingProxyType(dict(value)) if isinstance(value, _OBJECTS) else None


def _objects(value: object) -> list[Wire]:
    return [v for v in value if isinstance(v, _OBJECTS)] if isinstance(value, list) else []


def _written(value: object) -> str | None:
    return None if value is None else str(value)


def _status(value: object) -> str | None:
    # One page of the vendor's guide says "draft" where the service says "new".
    return "new" if value == "draft" else _text(value)


def _parameters(value: object) -> Wire | None:
    given = _object(value)
    return given and MappingProxyType({k: v for k, v in given.items() if k not in _SECRETS})


def _images_number(model: Wire) -> int:
    stated = _whole(model.get("trainingImagesNumber"))
    return len(_objects(model.get("trainingImages"))) if stated is None else stated


def _left_out(model: Wire) -> frozenset[str]:
    return frozenset(key for key in _OPTIONAL if model.get(key) is None)


def _asset_ids(assets: object) -> tuple[str, ...]:
    return tuple(_text(asset.get("assetId")) or "" for asset in _objects(assets))


def _history(statuses: object) -> tuple[tuple[str, str], ...]:
    return tuple(
        (_text(status.get("status")) or "", _text(status.get("date")) or "")
        for status in _objects(statuses)
    )


def _parts(value: object) -> tuple[UploadPart, ...]:
    parts = map(UploadPart.from_wire, _objects(value))
    return tuple(sorted(parts, key=lambda part: part.number))


@dataclass(frozen=True, slots=True)
class _From:
    """How a field is read; called with paths (``metadata.error``), where it is found."""

    read: Callable[[Any], Any]
    empty: Any = None
    """What the field holds where the reply says nothing."""
    paths: tuple[tuple[str, ...], ...] = ()

    def __call__(self, *paths: str) -> _From:
        return replace(self, paths=tuple(tuple(filter(None, p.split("."))) for p in paths))

    def of(self, wire: Wire) -> Any:
        """Return what a reply says."""
        for path in self.paths:
            value: Any = wire
            for key in path:
                value = value.get(key) if isinstance(value, _OBJECTS) else None
            found = self.read(value)
            if found is not None:
                return found
        return self.empty


text = _From(_text, "")
text_or_none = _From(_text)
address = _From(_address, Signed())
number = _From(_number)
whole = _From(_whole)
seconds = _From(_seconds)
price = _From(amount)
table = _From(_object, _NOTHING)
"""A JSON object as it is."""


class _Record:
    """A record whose annotations say how it is read."""

    __slots__ = ()

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        """Return what a decoded JSON object says."""
        make: Any = cls
        return make(**{name: source.of(wire) for name, source in _fields(make).items()})  # type: ignore[no-any-return]


@cache
def _fields(record: type[_Record]) -> dict[str, _From]:
    found: dict[str, _From] = {}
    for name, hint in get_type_hints(record, globals(), {}, include_extras=True).items():
        for source in getattr(hint, "__metadata__", ()):
            first, *others = name.split("_")
            camel = first + "".join(word.title() for word in others)
            found[name] = source if source.paths else source(camel)
    return found


def _one(record: type[_Record]) -> _From:
    return _From(lambda value: record.from_wire(value) if isinstance(value, _OBJECTS) else None)


def _all(record: type[_Record]) -> _From:
    return _From(lambda value: tuple(map(record.from_wire, _objects(value))), ())


def _nothing() -> Wire:
    return _NOTHING


# -- models, their images, and how far their training is --------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingImage(_Record):
    """One image of a model's dataset. Its id is the id of its asset."""

    id: Annotated[str, text]
    name: Annotated[str, text] = ""
    description: Annotated[str, text] = ""
    """The caption; empty where nobody wrote one."""
    automatic_captioning: Annotated[str, text] = ""
    """The caption the service made, used where ``description`` is empty."""
    download_url: Annotated[str, address] = field(default="", repr=False, compare=False)
    """Signed anew in every reply, so never shown, stored or compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPair(_Record):
    """What turns into what: two training images and what should happen between them."""

    source_id: Annotated[str, text]
    target_id: Annotated[str, text]
    instruction: Annotated[str, text] = ""

    def to_wire(self) -> dict[str, str]:
        return {
            "sourceId": self.source_id,
            "targetId": self.target_id,
            "instruction": self.instruction,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress(_Record):
    """How far a training is. Stays on a model after its training; read the status first."""

    stage: Annotated[str, text] = ""
    """``pending``, ``queued-for-train``, ``starting-train``, ``running-train`` or newer words."""
    progress: Annotated[float | None, _From(_fraction)] = None
    """0 to 1."""
    position: Annotated[int | None, whole] = None
    """Jobs ahead in the queue."""
    remaining_seconds: Annotated[float | None, seconds("remainingTimeMs")] = None
    started_at: Annotated[float | None, seconds] = None
    """Seconds since 1970."""
    updated_at: Annotated[float | None, seconds] = None
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch(_Record):
    """What one epoch left: its number, and a sample image per sample prompt."""

    epoch: Annotated[str, _From(_written, "")]
    asset_ids: Annotated[tuple[str, ...], _From(_asset_ids, ())("assets")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(_Record):
    """A model as the service describes it."""

    id: Annotated[str, text]
    name: Annotated[str, text] = ""
    type: Annotated[str, text] = ""
    status: Annotated[str, _From(_status, "")] = ""
    """``new``, ``training``, ``trained``, ``failed``, ``training-canceled``, ``copying``, or
    a word that is newer than this package."""
    created_at: Annotated[str, text] = ""
    updated_at: Annotated[str, text] = ""
    training_images: Annotated[tuple[TrainingImage, ...], _all(TrainingImage)] = ()
    """The whole set when one model is read; the first three in a list of models."""
    training_images_number: Annotated[int, _From(_images_number)("")] = 0
    training_image_pairs: Annotated[tuple[TrainingPair, ...], _all(TrainingPair)] = ()
    parameters: Annotated[Wire, _From(_parameters, _NOTHING)] = field(default_factory=_nothing)
    """The training parameters stored with the model, by their wire names."""
    left_out: Annotated[frozenset[str], _From(_left_out)("")] = frozenset()
    """Wire names of ``trainingImages``, ``trainingImagePairs`` and ``parameters`` where the reply
    held no such key. They are empty here, which says nothing of what the service holds."""
    progress: Annotated[TrainingProgress | None, _one(TrainingProgress)("trainingProgress")] = None
    training_seconds: Annotated[float | None, number("trainingStats.trainDuration")] = None
    ended_at: Annotated[str, text("trainingStats.endedAt")] = ""
    """When its last training ended (ISO 8601); empty before."""
    job_id: Annotated[str | None, text_or_none] = None
    epochs: Annotated[tuple[Epoch, ...], _all(Epoch)] = ()
    epoch: Annotated[str | None, text_or_none] = None
    """The epoch in use, where one was chosen."""


# -- paid work --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(_Record):
    """One paid piece of work, here a training."""

    id: Annotated[str, text("jobId", "id")]
    type: Annotated[str, text("jobType", "type")] = ""
    status: Annotated[str, text] = ""
    progress: Annotated[float | None, number] = None
    """0 to 1."""
    created_at: Annotated[str, text] = ""
    updated_at: Annotated[str, text] = ""
    error: Annotated[str, text("metadata.error")] = ""
    hint: Annotated[str, text("metadata.hint")] = ""
    """What the service advises after a failure."""
    input: Annotated[Wire, table("metadata.input")] = field(default_factory=_nothing, repr=False)
    """What the job was asked for, where the service tells."""
    output: Annotated[Wire, table("metadata.output")] = field(default_factory=_nothing, repr=False)
    """What the job reports of itself. The local Phoenix puts its loss curve here. Not shown, since
    a download's job may hold a signed address."""
    cost: Annotated[Decimal | None, price("billing.cuCost")] = None
    history: Annotated[tuple[tuple[str, str], ...], _From(_history, ())("statusHistory")] = ()
    """Each status it had, with the date it began (ISO 8601), oldest first."""

    @property
    def ended(self) -> bool:
        """Whether nothing follows this status. Unknown statuses are taken as going on."""
        return self.status in ENDED_JOBS


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A dry run's answer: what a launch would cost now."""

    amount: Decimal
    """What is charged, after the discount."""
    discount: Decimal = Decimal(0)
    details: Mapping[str, Decimal] = field(default_factory=_nothing)
    """Items that sum to ``amount``, for example ``{"train-model": 1080}``."""

    @classmethod
    def from_wire(cls, wire: Wire) -> Quote | None:
        """Return the quote, or ``None`` where the body states no usable price."""
        total = amount(wire.get("creativeUnitsCost"))
        if total is None:
            return None
        details = {k: amount(v) for k, v in table("costDetails").of(wire).items()}
        return cls(
            amount=total,
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


# -- files that the service keeps -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset(_Record):
    """A file that the service keeps; for us an image and its caption."""

    id: Annotated[str, text]
    name: Annotated[str, text("metadata.name", "name")] = ""
    description: Annotated[str, text] = ""
    automatic_captioning: Annotated[str, text] = ""
    width: Annotated[int | None, whole("properties.width", "metadata.width")] = None
    height: Annotated[int | None, whole("properties.height", "metadata.height")] = None
    size: Annotated[int | None, whole("properties.size", "metadata.size")] = None
    """Bytes."""
    url: Annotated[str, address] = field(default="", repr=False, compare=False)
    """Signed anew in every reply, so never shown, stored or compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart(_Record):
    """A piece of a file on its way, and the signed address that takes it."""

    number: Annotated[int, _From(_whole, 0)]
    """From 1."""
    url: Annotated[str, address] = field(repr=False)
    """Signed, so never shown and never stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload(_Record):
    """A file on its way to becoming an asset."""

    id: Annotated[str, text]
    status: Annotated[str, text] = ""
    """``pending``, ``validating``, ``validated``, ``imported``, ``failed`` or newer words.
    ``complete`` is no end: sources differ on what it means."""
    file_name: Annotated[str, text] = ""
    parts: Annotated[tuple[UploadPart, ...], _From(_parts, ())] = ()
    entity_id: Annotated[str | None, text_or_none] = None
    """The asset it became."""
    error_message: Annotated[str, text] = ""

    @property
    def imported(self) -> bool:
        """Whether it is an asset now."""
        return self.entity_id is not None

    @property
    def failed(self) -> bool:
        """Whether the service gave it up."""
        return self.status == "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Download(_Record):
    """A file that the service packs up for downloading."""

    job_id: Annotated[str, text]
    status: Annotated[str, text("jobStatus")] = ""
    """The status of its job; see `Job`."""
    url: Annotated[str, address("downloadUrl")] = field(default="", repr=False)
    """Where it is, once it is; signed, so never shown and never stored."""


# -- account ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamLimits(_Record):
    """What a team's plan allows, and how much of it is used."""

    plan: Annotated[str, text] = ""
    limits: Annotated[Wire, table] = field(default_factory=_nothing)
    """Ceilings by their wire names, for example ``parallelTraining`` or ``models``."""
    values: Annotated[Wire, table] = field(default_factory=_nothing)
    """What is used, or left, by the same names; only some ceilings have one."""

    @property
    def parallel_training(self) -> int | None:
        """How many trainings may run at once; 0 where the plan has no training."""
        return _whole(self.limits.get("parallelTraining"))

    @property
    def creative_units(self) -> Decimal | None:
        """The creative units that ``values`` states."""
        return amount(self.values.get("creativeUnits"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Project(_Record):
    """Where models live, and who pays for them."""

    id: Annotated[str, text]
    name: Annotated[str, text] = ""
    team_id: str = ""


def projects_of_teams(teams: Iterable[Wire]) -> tuple[Project, ...]:
    """Return every project of a ``GET /teams`` reply's ``teams``."""
    return tuple(
        replace(project, team_id=text("id").of(team))
        for team in teams
        for project in _all(Project)("projects").of(team)
    )
