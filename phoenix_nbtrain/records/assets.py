"""Files that the service keeps, and their ways in and out."""

from __future__ import annotations

from dataclasses import dataclass, field

from phoenix_nbtrain.records.wire import (
    Wire,
    address_of,
    number_of,
    object_of,
    objects_of,
    text_of,
)

__all__ = [
    "Asset",
    "Download",
    "Upload",
    "UploadPart",
]


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
    url: str = field(default="", repr=False, compare=False)
    """Signed anew in every reply, so never shown, stored or compared."""

    @classmethod
    def from_wire(cls, wire: Wire) -> Asset:
        properties, metadata = object_of(wire, "properties"), object_of(wire, "metadata")

        def whole(key: str) -> int | None:
            value = number_of(properties, key)
            value = number_of(metadata, key) if value is None else value
            return None if value is None else int(value)

        return cls(
            id=text_of(wire, "id"),
            name=text_of(metadata, "name") or text_of(wire, "name"),
            description=text_of(wire, "description"),
            automatic_captioning=text_of(wire, "automaticCaptioning"),
            mime_type=text_of(wire, "mimeType"),
            width=whole("width"),
            height=whole("height"),
            size=whole("size"),
            url=address_of(wire, "url"),
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
        number = number_of(wire, "number")
        return cls(number=0 if number is None else int(number), url=address_of(wire, "url"))


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
        parts = (UploadPart.from_wire(w) for w in objects_of(wire, "parts"))
        return cls(
            id=text_of(wire, "id"),
            status=text_of(wire, "status"),
            source=text_of(wire, "source"),
            file_name=text_of(wire, "fileName"),
            parts=tuple(sorted(parts, key=lambda part: part.number)),
            job_id=text_of(wire, "jobId") or None,
            entity_id=text_of(wire, "entityId") or None,
            error_message=text_of(wire, "errorMessage"),
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
            job_id=text_of(wire, "jobId"),
            status=text_of(wire, "jobStatus"),
            url=address_of(wire, "downloadUrl"),
        )
