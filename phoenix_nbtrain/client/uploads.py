"""How an image reaches the service: whole, in parts, or fetched by the service itself.

An upload in parts is four steps: begin, put the parts, complete, wait until it is imported. The
service keeps its state, so one that was cut off at any instant goes on from what a read shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from phoenix_nbtrain.errors import InputError, NotFound, ServiceError, ServiceUnreachable
from phoenix_nbtrain.images.header import inspect
from phoenix_nbtrain.records import Asset, Upload
from phoenix_nbtrain.text import shown

if TYPE_CHECKING:
    from phoenix_nbtrain.client.phoenix import Phoenix

INLINE_BYTES_MAX = 4_000_000
"""Bytes of an image that go in one request. The gateway takes 6 MB, and base64 adds a third."""
PART_BYTES = 8 * 1024 * 1024
"""Bytes of every part but the last; the service wants at least 5 MB."""
IMPORT_SECONDS_MAX = 300
"""How long an import is waited for, as the vendor's own helper waits."""
_LOOK_FIRST, _LOOK_LAST = 0.1, 2.0
"""Seconds between looks, doubling from the first to the last."""

Begun = Callable[[str], None] | None


def send(
    service: Phoenix,
    sleep: Callable[[float], None],
    name: str,
    content: bytes,
    *,
    upload_id: str | None,
    begun: Begun,
) -> Asset:
    """Upload an image; see `Phoenix.upload_image`."""
    if upload_id is None and len(content) <= INLINE_BYTES_MAX:
        return service.upload_inline(name, content)
    pieces = [content[i : i + PART_BYTES] for i in range(0, len(content), PART_BYTES)]
    upload = _known(service, upload_id)
    if upload is not None and upload.status == "pending":
        upload = _with_parts(service, upload, pieces)
    if upload is None:
        kind = f"image/{inspect(content).format}"
        upload = service.begin_upload(
            file_name=name, content_type=kind, size=len(content), parts=len(pieces)
        )
        _tell(begun, upload)
        upload = _with_parts(service, upload, pieces)
        if upload is None:
            raise ServiceUnreachable(
                "The service returned no usable upload addresses for the image.",
                sent=True,
                remedy="Try again; the upload continues where it stopped.",
            )
    return _imported(service, sleep, upload)


def fetch(
    service: Phoenix,
    sleep: Callable[[float], None],
    url: str,
    *,
    upload_id: str | None,
    begun: Begun,
) -> Asset:
    """Let the service fetch an image; see `Phoenix.import_image`."""
    _check_address(url)
    upload = _known(service, upload_id)
    if upload is None:
        upload = service.begin_import(url)
        _tell(begun, upload)
    return _imported(service, sleep, upload)


def _known(service: Phoenix, upload_id: str | None) -> Upload | None:
    """Return the upload that was begun, if it can still become an asset."""
    if upload_id is None:
        return None
    try:
        upload = service.get_upload(upload_id)
    except NotFound:
        return None
    return None if upload.failed else upload


def _tell(begun: Begun, upload: Upload) -> None:
    if not upload.id:
        raise ServiceUnreachable("The service gave the upload no id.", sent=True)
    if begun is not None:
        begun(upload.id)


def _with_parts(service: Phoenix, upload: Upload, pieces: list[bytes]) -> Upload | None:
    """Put the parts where they go and say so.

    Returns:
        The upload after that; ``None`` where its addresses no longer take these parts, since
        they have expired or were made for other ones. Nothing tells which parts have arrived,
        and the same part twice is the same as once, so all are sent.
    """
    if [part.number for part in upload.parts] != list(range(1, len(pieces) + 1)):
        return None
    for part, piece in zip(upload.parts, pieces, strict=True):
        try:
            service.send_part(part.url, piece)
        except ServiceError as error:
            if error.status in (401, 403, 404, 410):
                return None
            raise
    return service.complete_upload(upload.id)


def _imported(service: Phoenix, sleep: Callable[[float], None], upload: Upload) -> Asset:
    """Wait until the upload has become an asset, and return that."""
    until, pause = time.monotonic() + IMPORT_SECONDS_MAX, _LOOK_FIRST
    while not upload.imported:
        if upload.failed:
            # Where the service says what to do, in a second sentence, that is the one remedy.
            told = ". " in upload.error_message
            why = shown(upload.error_message, 150 if told else 110).rstrip(".")
            raise ServiceError(
                f"Phoenix could not import the image: {why or 'it does not say why'}.",
                status=200,
                remedy="" if told else "Try it again, or leave it out.",
            )
        if time.monotonic() > until:
            raise ServiceUnreachable(
                f"The image is still not imported after {IMPORT_SECONDS_MAX} s.",
                sent=True,
                remedy="Try again later; it won't be sent twice.",
            )
        sleep(pause)
        pause = min(_LOOK_LAST, pause * 2)
        upload = service.get_upload(upload.id)
    return service.get_asset(upload.entity_id or "")


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fine = False
    if not fine:
        raise InputError(
            # Without what may be a name and password, or a signature.
            f"{shown(url.partition('?')[0].rpartition('@')[2])} is not the address of an image.",
            remedy="It must begin with https://.",
        )
    if parts.username or parts.password:
        raise InputError(
            "The image's URL contains credentials, which would be sent to the service.",
            remedy="Download the image yourself and add the file.",
        )
